"""The release. It stands here, since to look it up among what is installed takes as long as to load a quarter of this."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
