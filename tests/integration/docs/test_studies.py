"""Run what docs/how-to/studies.md shows."""

import re
import shlex
from pathlib import Path

import pytest
from support.command_line import Cli, check_command_line
from support.pages import code_of
from support.studies import example, example_for

from fieldingkit import Client
from fieldingkit.cli.errors import ExitCode
from fieldingkit.sandbox import Sandbox
from fieldingkit.studies import Outcome, Study
from fieldingkit.studies.study import kinds_of_settings

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "studies.md").read_text(encoding="utf-8")
CODE = code_of("docs/how-to/studies.md", "python")
LINES = re.findall(r"^\$ (fieldingkit .*?)(?: +#.*)?$", PAGE, re.MULTILINE)


def test_the_commands_of_the_page_work_with_its_file(connected: Cli, sandbox: Sandbox) -> None:
    """Each command line is valid; those with the file run in their order."""
    Path("study.toml").write_text(example_for(sandbox), encoding="utf-8")
    for line in LINES:
        words = shlex.split(line.partition(" > ")[0])[1:]
        check_command_line(words)
        if "study.toml" in words:
            assert connected(*words, *(["--yes"] if words[-1] == "study.toml" and "apply" in words else [])).code == 0
    assert len(LINES) >= 4


def test_the_file_of_the_page_is_for_the_sandbox(connected: Cli) -> None:
    """The complete file can be applied to the sandbox as it is."""
    Path("study.toml").write_text(example(), encoding="utf-8")
    ended = connected("drafts", "apply", "study.toml", "--yes")
    assert ended.code == 0, ended.out
    assert ended.out.endswith("Target groups: 2 created.\n")


def test_the_output_on_the_page_is_that_of_the_command(connected: Cli, sandbox: Sandbox) -> None:
    """The differences on the page are printed for the changes that the page is about."""
    text = example_for(sandbox)
    Path("study.toml").write_text(text, encoding="utf-8")
    assert connected("drafts", "apply", "study.toml", "--yes").code == 0
    head, _, tail = text.partition("# An answer of a regular profile")
    own = "completes_goal = 1200\nprofiles.Age.targets = [\n"
    own += '  { range = "18-34", percentage = 45 },\n  { range = "35-64", percentage = 55 },\n]\n'
    Path("study.toml").write_text(f"{head}{own}#{tail}", encoding="utf-8")
    printed = connected("drafts", "apply", "study.toml", "--dry-run").out
    shown = re.search(r"^\$ fieldingkit drafts apply study.toml\n(Project.*?)^Change 1", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert printed == shown[1]


def test_the_mistakes_on_the_page_are_those_of_the_file(connected: Cli) -> None:
    """The problems on the page are printed for the example with these mistakes."""
    text = example().replace("08:00:00Z", "08:00:00").replace('locale = "eng_us"', 'locael = "eng_us"')
    Path("study.toml").write_text(text, encoding="utf-8")
    printed = connected("drafts", "apply", "study.toml").err
    shown = re.search(r"^```text\n(fieldingkit: study.toml has .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert " ".join(printed.split()) == " ".join(shown[1].split())


def test_the_page_names_outcomes_and_exit_codes() -> None:
    """The page lists every outcome, and the exit codes of a study."""
    for outcome in Outcome:
        assert outcome in PAGE
    for code in (ExitCode.DONE, ExitCode.FAILED, ExitCode.USAGE, ExitCode.REFUSED, ExitCode.UNKNOWN):
        assert re.search(rf"\b{code}\b", PAGE)


def test_the_example_uses_most_keys() -> None:
    """The example is complete enough to copy from: the required keys, and the most frequent others."""
    keys = {key for key in kinds_of_settings() if re.search(rf"\b{key}\b", example())}
    assert {*kinds_of_settings()} - keys <= {
        "client_cost_per_interview_note",
        "client_id",
        "industry_code",
        "profile_template_id",
        "re_entry_configuration",
        "respondent_activity_exclusions",
    }


def test_the_code_of_the_page_runs(
    connected: Cli, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], blocking_client: Client
) -> None:
    """The Python example reads the file, shows the differences and applies it."""
    Path("study.toml").write_text(example_for(sandbox), encoding="utf-8")
    (code,) = CODE
    exec(compile(code, "docs/how-to/studies.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1].startswith("True ")
    assert len(Study.load("study.toml").target_groups) == 2
