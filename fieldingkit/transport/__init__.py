"""The transport layer: one function per concern, each wrapping the next; ``pipeline`` builds them."""
