"""``fieldingkit demo``: pause many target groups and resolve a conflict, on a sandbox inside this process."""

__all__ = ["demo"]


async def demo(*, json: bool = False) -> int:
    """Pause 40 target groups on a sandbox in this process. Then cause and resolve a conflict. Needs no account.

    Args:
        json: Print one JSON document with the results, instead of text.
    """
    from fieldingkit.cli.sandbox_demo import run_demo

    return await run_demo(json=json)
