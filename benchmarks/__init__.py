"""What fieldingkit costs, beside the same work done by hand and by the libraries one would take instead."""
