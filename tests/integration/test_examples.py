"""The programs of examples/, run as they stand: on a sandbox of their own, and with the account of the environment."""

import ast
import asyncio
import inspect
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from fieldingkit import AsyncClient, batch_jobs
from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.webhooks import sign

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def no_account(bare: pytest.MonkeyPatch) -> None:
    """Name no account, and forget afterwards what an example sets."""
    with Sandbox() as sandbox:
        names = sandbox.environment
    for name in names:
        bare.setenv(name, "")
        bare.delenv(name)


@pytest.fixture
def account(bare: pytest.MonkeyPatch, sandbox: Sandbox) -> Sandbox:
    """Name a sandbox as the account of the environment."""
    for name, value in sandbox.environment.items():
        bare.setenv(name, value)
    return sandbox


def run_script(name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run an example in another process."""
    return subprocess.run(
        [sys.executable, "-P", str(EXAMPLES / name)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_nightly_script_needs_no_account(no_account: None, tmp_path: Path) -> None:
    """Without an account it pauses what is live in a sandbox, counts only that, and writes nothing into the folder."""
    done = run_script("nightly.py", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    notice, summary = done.stdout.splitlines()
    assert notice == "CINT_ACCOUNT_ID is not set: a sandbox takes the place of the API."
    assert summary.startswith("47 paused of 47 that were live; details in ")
    assert not list(tmp_path.glob("nightly-*"))


def test_the_nightly_script_run_again_resumes_the_same_run(account: Sandbox, tmp_path: Path) -> None:
    """With the account of the environment it leaves journal and report, and a repetition sends nothing."""
    project = account.seed(live=3, draft=1)
    account.seed(paused=2)  # not asked for, and so not counted
    for _ in range(2):
        done = run_script("nightly.py", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("3 paused of 3 that were live; details in ")
    assert len(project.ids("paused")) == 3
    assert len(account.jobs) == 1
    assert len(list(tmp_path.glob("nightly-*.csv"))) == 1


def test_the_service_pauses_and_says_what_failed(
    no_account: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The request that the program prints pauses what is live, and names the reason of the draft."""
    answers: list[dict[str, Any]] = []

    async def send(app: web.Application) -> None:
        body = json.loads(capsys.readouterr().out.partition("-d '")[2].partition("'")[0])
        async with TestServer(app) as server, ClientSession() as session:
            for sent in (body, {**body, "project_id": "wrong"}):
                async with session.post(server.make_url("/pause"), json=sent) as answer:
                    answers.append({"status_code": answer.status, **await answer.json()})

    monkeypatch.setattr(web, "run_app", lambda app, **options: asyncio.run(send(app)))
    runpy.run_path(str(EXAMPLES / "service.py"), run_name="__main__")
    paused, refused = answers
    assert (paused["status_code"], len(paused["updated"])) == (200, 3)
    assert [group["code"] for group in paused["failed"]] == ["StatusTransitionNotAllowed"]
    assert (refused["status_code"], refused["field"]) == (400, "project_id")


async def test_the_service_resumes_a_job_and_says_what_was_applied(account: Sandbox) -> None:
    """A job of another process is resumed by its token; an error states whether the action may have been applied."""
    program = runpy.run_path(str(EXAMPLES / "service.py"))
    project = account.seed(live=1)
    elsewhere = "01BTGNYV6HRNK8K8VKZASZCFP0"
    pause = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    async with TestServer(program["service"]()) as server, ClientSession() as session, AsyncClient.from_env() as other:
        job = await other.submit(pause)
        async with session.get(server.make_url(f"/jobs/{job.token()}")) as answer:
            assert (await answer.json())["updated"] == project.ids()
        async with session.get(server.make_url("/jobs/no-token")) as answer:
            assert answer.status == 404
        body = {"project_id": elsewhere, "target_group_ids": project.ids()}
        async with session.post(server.make_url("/pause"), json=body) as answer:
            assert (answer.status, (await answer.json())["maybe_applied"]) == (502, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"xx", b"\xff", b"[]", b"null", b"[" * 100_000, b"{}", b'{"project_id": 1}', b'{"target_group_ids": {}}'],
)
async def test_the_service_refuses_a_bad_body(account: Sandbox, body: bytes) -> None:
    """What is no JSON object, or not the right one, is a bad request with the field that is wrong; nothing is sent."""
    program = runpy.run_path(str(EXAMPLES / "service.py"))
    async with (
        TestServer(program["service"]()) as server,
        ClientSession() as session,
        session.post(server.make_url("/pause"), data=body) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["field"] in {"body", "project_id", "target_group_ids"}
    assert not account.jobs


async def test_the_notebook_runs_from_top_to_bottom(no_account: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells run within an event loop, as in a notebook; the last expression of a cell can be shown."""
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    names: dict[str, Any] = {}
    shown: list[Any] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            shown.append(await run_cell("".join(cell["source"]), names))
    _, groups, rows, result, _, statuses, _ = shown
    assert "<table" in groups._repr_html_()
    assert "<table" in result._repr_html_()
    assert sorted(status for _, status in rows) == ["completed", "draft", "live", "live", "live", "live", "paused"]
    assert sorted(statuses) == sorted(status for _, status in rows)
    assert capsys.readouterr().out.count("StatusTransitionNotAllowed") == 2


async def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as IPython does and return its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for part in (tree, last and ast.Expression(last.value)):
        if part is None:
            return None
        code = compile(part, "notebook.ipynb", "eval" if part is not tree else "exec", flags=flags)
        value = eval(code, names)
        if inspect.iscoroutine(value):
            value = await value
    return value


EVENT = {
    "specversion": "1.0",
    "id": "0f6e6f0c-6cf3-4f58-9d0c-2f0f4b1f1f5e",
    "source": "urn:example",
    "type": "com.cint.target-group.updated",
    "time": "2026-01-01T00:00:00.000Z",
    "data": {
        "target_group_id": "01BTGNYV6HRNK8K8VKZASZCFP1",
        "changes": [{"object": "status_change", "new_value": "paused"}],
    },
}


@pytest.mark.parametrize("own_secret", [False, True])
def test_the_webhook_receiver_handles_an_event_once(
    no_account: None, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_secret: bool
) -> None:
    """A genuine delivery is handled, a repetition only acknowledged, and anything else refused."""
    testing = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")
    if own_secret:
        bare.setenv("CINT_WEBHOOK_SECRET", "a-secret-of-the-environment")
    else:
        bare.delenv("CINT_WEBHOOK_SECRET", raising=False)
    app = runpy.run_path(str(EXAMPLES / "webhook_receiver.py"))["app"]
    body = json.dumps(EVENT).encode()
    with testing.TestClient(app) as client:

        def post(content: bytes, secret: str) -> Any:
            signature = sign(content, secret, SandboxClock().now())
            return client.post("/cint", content=content, headers={"Cint-Signature": signature})

        for _ in range(2):
            answer = post(body, app.state.secret)
            assert (answer.status_code, answer.json()) == (200, {"event_id": EVENT["id"]})
        assert post(body, "another-secret").status_code == 401
        assert post(b"[]", app.state.secret).status_code == 400
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("01BTGNYV6HRNK8K8VKZASZCFP1: status_change to paused") == 1
    assert any("a sandbox takes the place" in line for line in lines) is not own_secret


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_says_how_it_is_run(path: Path) -> None:
    """Each program begins with the command that runs it."""
    description = ast.get_docstring(ast.parse(path.read_text()))
    assert description is not None
    assert re.search(rf"^    .*\bpython examples/{path.name}$", description, re.MULTILINE)
