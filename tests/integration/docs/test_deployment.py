"""The files and tables of docs/how-to/deployment.md, and the Dockerfile, agree with the code."""

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.command_line import Cli, check_command_line
from support.pages import code_of

from fieldingkit.cli.errors import EXIT_CODES
from fieldingkit.sandbox import Sandbox

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "deployment.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def blocks(kind: str) -> list[str]:
    """Return the code blocks of a kind."""
    return code_of("docs/how-to/deployment.md", kind)


def check_command(words: list[str]) -> None:
    """Check that the words are a valid command line."""
    assert words[0].rpartition("/")[2] == "fieldingkit"
    check_command_line(words[1:])


def manifests() -> dict[str, Any]:
    """Return the Kubernetes manifests by kind."""
    documents = [document for block in blocks("yaml") for document in yaml.safe_load_all(block)]
    return {document["kind"]: document for document in documents if "kind" in document}


def test_the_cron_line_is_a_command() -> None:
    """The crontab has five fields and a command line; its percent signs are escaped."""
    (crontab,) = blocks("cron")
    *_, line = crontab.splitlines()
    fields = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in fields[:5])
    assert not re.search(r"(?<!\\)%", fields[5])
    check_command(shlex.split(fields[5].partition(" >")[0]))


def test_the_systemd_units_fit_together(bare: pytest.MonkeyPatch) -> None:
    """The service and the timer have one name, a valid command, and a state folder that is the command's."""
    units: dict[str, configparser.ConfigParser] = {}
    for block in blocks("systemd"):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys of units have capitals
        parser.read_string(block)
        units[block.splitlines()[0].rpartition("/")[2]] = parser
    service, timer = units["fieldingkit-pause.service"], units["fieldingkit-pause.timer"]
    check_command(shlex.split(service["Service"]["ExecStart"]))
    assert service["Service"]["StateDirectory"] == "fieldingkit"
    assert "Environment=XDG_STATE_HOME=%S" in "".join(blocks("systemd"))
    assert "OnCalendar" in timer["Timer"]


def test_the_kubernetes_manifests_keep_the_journals() -> None:
    """The CronJob forbids concurrency, keeps the state on the claim, and has time to end."""
    found = manifests()
    claim, job = found["PersistentVolumeClaim"], found["CronJob"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    template = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert template["terminationGracePeriodSeconds"] >= 60
    (container,) = template["containers"]
    check_command(["fieldingkit", *container["args"]])
    volumes = {volume["name"]: volume for volume in template["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert mounts["/state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    secret = next(item["value"] for item in container["env"] if item["name"] == "CINT_CLIENT_SECRET_FILE")
    assert str(Path(secret).parent) in mounts
    (rule,) = job["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert template["restartPolicy"] == "Never"  # as a podFailurePolicy requires


def test_the_state_folder_is_that_of_the_image(bare: pytest.MonkeyPatch) -> None:
    """The image, the manifests and the commands of the page agree on the state folder and the user."""
    from fieldingkit.cli.run_store import journal_folder

    bare.setenv("XDG_STATE_HOME", "/state")
    assert journal_folder("https://api.cint.com/v1").is_relative_to("/state/fieldingkit")
    assert "XDG_STATE_HOME=/state" in DOCKERFILE
    assert "VOLUME /state" in DOCKERFILE
    user = re.search(r"^USER (\d+):", DOCKERFILE, re.MULTILINE)
    assert user is not None
    assert user[1] in PAGE


def test_the_dockerfile_builds_what_is_there() -> None:
    """The copied files are all that the build needs, the extras exist, and the entry point is a script."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in sources)
    project = PYPROJECT["project"]
    assert {"pyproject.toml", "fieldingkit", project["readme"], *project["license-files"]} == sources
    extras = re.search(r"pip install .*\.\[([a-z,]+)\]", DOCKERFILE)
    assert extras
    assert {*extras[1].split(",")} <= project["optional-dependencies"].keys()
    (entry,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(entry)[0] in project["scripts"]
    versions = set(re.findall(r"^FROM python:(\d\.\d+)", DOCKERFILE, re.MULTILINE))
    assert len(versions) == 1
    assert f"Programming Language :: Python :: {versions.pop()}" in project["classifiers"]


def test_the_docker_commands_are_command_lines() -> None:
    """The arguments after the image are valid command lines."""
    lines = [line for block in blocks("text") for line in block.splitlines() if line.startswith("docker run")]
    assert len(lines) == 2
    for line in lines:
        check_command(["fieldingkit", *shlex.split(line.split(" fieldingkit ", 1)[1])])


def test_the_page_lists_every_exit_code() -> None:
    """The page and --help list the same exit codes."""
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)


def test_the_document_of_the_finish_webhook_has_the_real_members(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The members of the document on the page are those that are posted."""
    posted: list[dict[str, Any]] = []

    async def post(url: object, payload: dict[str, Any], **_: object) -> Any:
        from fieldingkit.notifications import NotificationResult

        posted.append(payload)
        return NotificationResult("chat.example")

    monkeypatch.setattr("fieldingkit.cli.finish_webhook.post_notification", post)
    project = sandbox.seed(live=1)
    connected("pause", "--project", project.id, "--yes", "--on-finish", "https://chat.example/x")
    (block,) = blocks("json")
    assert posted[0].keys() == json.loads(block).keys()


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """Return the operations that the page lists for each command: those that read, and those that change."""
    found = re.findall(r"^\| `([a-z -]+)` \| (.*?) ?\| (.*?) ?\|$", PAGE, re.MULTILINE)
    return {
        command: ({*re.findall(r"`(\w+)`", reads)}, {*re.findall(r"`(\w+)`", sent)}) for command, reads, sent in found
    }


def test_the_page_lists_the_operations_of_every_command(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command sends no operation that its row does not list, and reads with those that the row lists as reads."""
    listed = rows()
    project = sandbox.seed(live=2, paused=2, scheduled=1, completed=1)
    live, paused = project.ids("live"), project.ids("paused")
    where = ("--project", project.id)
    run: Callable[..., Any] = connected
    hook = json.loads(
        run(
            "webhooks",
            "create",
            "https://example.com/a",
            "--event",
            "target-group-updated",
            "--secret-file",
            "s",
            "--json",
        ).out
    )["id"]
    lines = {
        "doctor": [("doctor",)],
        "doctor --deep": [("doctor", "--deep")],
        "projects list": [("projects", "list")],
        "groups list": [("groups", "list", "--all-projects"), ("groups", "list", *where)],
        "launch": [("launch", "--all-projects", "--yes")],
        "relaunch": [("relaunch", *where, "--yes")],
        "runs show": [("runs", "show", live[0], *where)],
        "runs ensure": [("runs", "ensure", live[0], "paused", *where, "--yes")],
        "runs extend": [("runs", "extend", live[0], *where, "--days", "1", "--yes")],
        "pause": [("pause", "--all-projects", "--yes", "--report", "p.json")],
        "undo": [("undo", "p.json", "--yes")],
        "resume": [("resume", *where, "--yes")],
        "complete": [("complete", *where, "--yes")],
        "webhooks create": [],
        "webhooks list": [("webhooks", "list")],
        "webhooks event-types": [("webhooks", "event-types")],
        "webhooks update": [("webhooks", "update", hook, "--url", "https://example.com/b")],
        "webhooks history": [("webhooks", "history", hook)],
        "webhooks regenerate-secret": [("webhooks", "regenerate-secret", hook, "--secret-file", "t", "--yes")],
        "webhooks delete": [("webhooks", "delete", hook, "--yes")],
    }
    assert lines.keys() == listed.keys()
    assert paused
    for command, calls in lines.items():
        reads, sent = listed[command]
        for words in calls:
            sandbox.requests.clear()
            ended = run(*words)
            assert ended.code in {0, 1}, (words, ended.err)
            used = {request.operation_id for request in sandbox.requests}
            assert used <= reads | sent, words
            assert {r.operation_id for r in sandbox.requests if r.method != "GET"} <= sent, words
