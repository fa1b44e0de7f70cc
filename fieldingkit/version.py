"""The release: written down here, since to look it up among what is installed would make a client slow to load."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
