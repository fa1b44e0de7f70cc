"""``fieldingkit demo``: a batch, a stop of all projects, its report and its undo, on a sandbox inside this process."""

__all__ = ["demo"]


async def demo(*, json: bool = False) -> int:
    """Pause a batch, stop all projects, report and undo, on a sandbox in this process. Needs no account.

    Args:
        json: Print one JSON document with the results, instead of text.
    """
    from fieldingkit.cli.sandbox_demo import run_demo

    return await run_demo(json=json)
