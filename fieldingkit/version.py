"""The release of fieldingkit, and the version of the API that it speaks."""

__all__ = ["API_VERSION", "__version__"]

# A constant, since reading the metadata of the installed distribution would slow down every import.
__version__ = "0.1.0"
API_VERSION = "2025-12-18"
"""The API version that every request names unless the client is given another."""
