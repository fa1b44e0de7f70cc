"""The story of one target group: its history, the jobs that named it, the reads at it, and the rows about it."""

from simulation.actors import Site

__all__ = ["story_of"]


def story_of(site: Site, group: str | None) -> str:
    """Return what happened, in order; with a group, what concerns it.

    Args:
        site: The simulation.
        group: The target group; None for the processes alone.
    """
    lines: list[tuple[float, str]] = []
    for process in site.processes:
        where = f" as {process.identity.account}@{process.identity.url}" if len(site.identities()) > 1 else ""
        lines.append((process.began, f"{process.name} begins: {process.kind} {process.run_id}{where}"))
        ended = process.ended if process.ended is not None else site.loop.time()
        row = None if process.report is None or group is None else process.report.by_id.get(group)
        said = "dies" if process.died else process.error or process.headline or "done"
        lines.append((ended + 1e-6, f"{process.name} {'says: ' if not process.died else ''}{said}"))
        if row is not None:
            detail = f"{row.outcome}: {row.reason}" if row.reason else str(row.outcome)
            lines.append((ended + 2e-6, f"  about it: {detail} (before: {row.previous_status})"))
    for url, server in site.servers.items():
        lines += [
            (move.at, f"{move.before} -> {move.after} by {move.machine or move.by} (job {move.job})")
            for move in server.moves().get(group or "", ())
        ]
        for job in server.jobs():
            if group is None or group not in job.ids:
                continue
            kinds = [name for name in ("stuck", "gone", "forgetful") if getattr(job, name)]
            lines.append((job.made, f"{job.machine} creates job {job.id} {job.kind}, due {job.due:.3f} {kinds}"))
            first = {}
            for at, machine in server.polls.get(job.id, ()):
                first.setdefault(machine, (at, 0))
                first[machine] = (at, first[machine][1] + 1)
            lines += [(at, f"{machine} polls job {job.id} ({count} times)") for machine, (at, count) in first.items()]
        if group is not None:
            for read in server.reads.get(group, ()):
                lines.append((read.at, f"{read.machine} reads {read.status or 'the changelog'}"))
        del url
    return "\n".join(f"{at:12.3f} {text}" for at, text in sorted(lines, key=lambda line: line[0]))
