"""Benchmarks of fieldingkit against the same work done by hand and with other libraries."""
