"""Plan files: a preview that is saved, read again, compared with the API, and swept."""

import hashlib
import json
from pathlib import Path

import attrs
import pytest

from fieldingkit import AsyncClient
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import SweepPlan, SweepPreview, TargetGroupQuery, preview, recheck, sweep
from fieldingkit.sweeps.actions import Action

PLAN = SweepPlan(action="pause", query=TargetGroupQuery(), run_id="planned")


def forge(path: Path, change: dict[str, object]) -> None:
    """Change a plan file, with a checksum that fits."""
    content = {**json.loads(path.read_text()), **change}
    del content["checksum"]
    checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**content, "checksum": checksum}))


async def test_a_saved_preview_is_read_again_whole(sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path) -> None:
    """Everything except the time by the client's clock is kept."""
    sandbox.seed(live=2, paused=1)
    made = await preview(sweep_client, PLAN)

    made.save(tmp_path / "plan.json")

    assert SweepPreview.load(tmp_path / "plan.json") == attrs.evolve(made, read_at=float("-inf"))


async def test_groups_that_moved_since_are_not_sent(
    sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Only target groups with their planned status are sent; others that match the query now are not."""
    project = sandbox.seed(live=3, paused=1)
    ids = project.ids()
    (await preview(sweep_client, PLAN)).save(tmp_path / "plan.json")
    for action, id_ in ((Action.PAUSE, ids[0]), (Action.RESUME, ids[3])):
        await sweep(sweep_client, SweepPlan(action=action, target_groups={project.id: [id_]}))
    later = sandbox.seed(live=1)

    now = await recheck(sweep_client, SweepPreview.load(tmp_path / "plan.json"))
    report = await sweep(sweep_client, PLAN, preview=now)

    assert [group.outcome for group in report.groups] == ["unchanged", "updated", "updated", "skipped"]
    assert report.groups[0].reason == "it was live when the plan was made, and is paused now"
    assert report.groups[3].reason == "it was paused when the plan was made, and is live now"
    assert later.ids("live")


async def test_groups_that_cannot_be_read_any_more_are_not_sent(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A status that nobody has seen again is no status as planned."""
    unreadable, project = sandbox.seed(live=1), sandbox.seed(live=3)
    planned = await preview(sweep_client, PLAN)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Answer(403), times=None)

    report = await sweep(sweep_client, PLAN, preview=await recheck(sweep_client, planned))

    assert [group.outcome for group in report.groups] == ["not_sent", "updated", "updated", "updated"]
    assert unreadable.ids("live")
    assert not project.ids("live")


async def test_a_changed_file_is_refused(sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path) -> None:
    """The checksum covers the target groups, and files of other kinds and versions are named as such."""
    sandbox.seed(live=2)
    path = tmp_path / "plan.json"
    (await preview(sweep_client, PLAN)).save(path)
    saved = json.loads(path.read_text())

    for change, text in (
        ({"groups": saved["groups"][:1]}, "checksum does not fit"),
        ({"kind": "fieldingkit sweep report"}, "is not a sweep plan"),
        ({"version": 2}, "this release reads version 1"),
    ):
        path.write_text(json.dumps({**saved, **change}))
        with pytest.raises(ConfigurationError, match=text):
            SweepPreview.load(path)
    for text in ("", "[]", "null", '{"kind": 1}'):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="is not a sweep plan"):
            SweepPreview.load(path)


@pytest.mark.parametrize(
    "change", [{"created_at": 1}, {"account_id": 101}, {"groups": [{"name": 1}]}, {"groups": 1}, {"plan": {}}]
)
async def test_a_forged_plan_is_an_error_without_a_traceback(
    sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path, change: dict[str, object]
) -> None:
    """A checksum that fits proves nothing: values of other kinds are refused, and no text controls a terminal."""
    sandbox.seed(live=1)
    path = tmp_path / "plan.json"
    (await preview(sweep_client, PLAN)).save(path)

    forge(path, {"host": "ops\x1b[31m"})
    assert SweepPreview.load(path).host == "ops [31m"

    forge(path, change)
    with pytest.raises(ConfigurationError, match="is damaged"):
        SweepPreview.load(path)


async def test_a_plan_of_another_account_is_refused(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Both accounts are named, and nothing is sent."""
    sandbox.seed(live=2)
    planned = await preview(sweep_client, PLAN)
    sandbox.requests.clear()

    with pytest.raises(InvalidCommandError, match=r"of account 101 at .*of account 202 at"):
        await recheck(sweep_client.with_options(account_id="202"), planned)

    assert not sandbox.requests
