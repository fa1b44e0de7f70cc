"""``fieldingkit undo``: take a pause or a resume back, for exactly the target groups that it changed."""

from pathlib import Path

import attrs

from fieldingkit.cli.connection import ENVIRONMENT, Connection
from fieldingkit.cli.exits import Exit, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.report_file import read_report
from fieldingkit.cli.selection import USUAL, Manner
from fieldingkit.cli.sweeping import carry_out

__all__ = ["undo"]


async def undo(report: Path, /, *, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Take a pause or a resume back, for exactly the target groups that it changed.

    Args:
        report: The report of the sweep, .json or .html.
        manner: How.
        connection: How to reach the API.
    """
    record = read_report(report)
    account = connection.account or record.account
    if (connection.url, account) != (record.base_url, record.account):
        raise UsageError(
            f"the report is of account {record.account} at {record.base_url}, and not of what this is connected to\n"
            "Nothing was sent. Give --account and --base-url of the report."
        )
    plan = record.plan.inverse(record.report)
    if manner.run_id is not None:
        plan = attrs.evolve(plan, run_id=manner.run_id)
    if not plan.target_groups:
        Output().note(f"The {record.plan.action} changed nothing: there is nothing to take back.")
        return Exit.DONE
    return await carry_out(plan, manner, attrs.evolve(connection, account=account), named=True)
