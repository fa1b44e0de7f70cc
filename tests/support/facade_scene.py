"""What the scripts share: what to ask of the sandbox that the environment names."""

import os
import signal

from fieldingkit import batch_jobs, fielding_runs

__all__ = ["GROUPS", "LOOK", "PAUSE", "PROJECT"]

PROJECT = os.environ["SCENE_PROJECT"]
GROUPS = os.environ["SCENE_GROUPS"].split(",")
LOOK = fielding_runs.ListFieldingRuns(project_id=PROJECT, target_group_id=GROUPS[0])
"""A quick read."""
PAUSE = batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=GROUPS)
"""A job."""

# Whoever runs the tests in the background may have SIGINT ignored, and a process inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
