"""The job poller: where a job's status is read, when, and what is given to the one who waits."""
