"""Jobs that the API works on: handles, polling, and tokens that resume a job in another process."""
