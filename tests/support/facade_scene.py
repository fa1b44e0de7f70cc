"""Commands for the scripts of the facade tests; the environment names their target groups in the sandbox."""

import os
import signal

from fieldingkit import batch_jobs, fielding_runs

__all__ = ["GROUPS", "PAUSE", "PROJECT", "READ"]

PROJECT = os.environ["SCENE_PROJECT"]
GROUPS = os.environ["SCENE_GROUPS"].split(",")
READ = fielding_runs.ListFieldingRuns(project_id=PROJECT, target_group_id=GROUPS[0])
"""A quick read."""
PAUSE = batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=GROUPS)
"""A job."""

# A test run in the background may inherit an ignored SIGINT from its shell.
signal.signal(signal.SIGINT, signal.default_int_handler)
