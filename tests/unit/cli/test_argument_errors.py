"""Wrong arguments: the message names the flag, what it must be, and the given value."""

from pathlib import Path

import pytest
from support.command_line import Cli


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pause --statsu live", "unknown option --statsu; did you mean --status?"),
        ("pause --all", "unknown option --all; did you mean --all-projects?"),
        ("pause -x", "unknown option -x"),
        ("pause --project", "--project needs a value"),
        ("runs show", "GROUP is missing"),
        ("runs show g", "--project is missing"),
        ("webhooks create https://x --evnt a --secret-file s", "--event is missing; is that --evnt?"),
        ("pause extra --all-projects", "unexpected argument 'extra'"),
        ("pause --all-projects --rate 5 --rate 6", "--rate was given more than once"),
        ("runs ensure g stopped --project p", "STATUS must be one of live, paused, completed; got 'stopped'"),
        ("runs extend g --project p --days x", "--days must be a number; got 'x'"),
        ("runs extend g --project p --days -1", "--days must be above 0; got '-1'"),
        ("runs extend g --project p --until x", "--until must be a time such as 2036-01-31T18:00; got 'x'"),
        ("pause --all-projects --first 0", "--first must be at least 1; got '0'"),
        ("sandbox --port 65536", "--port must be below 65536; got '65536'"),
        ("pause --all-projects --after x", "--after must be a number with s, m, h or d, such as 90s or 5m; got 'x'"),
        ("pause --yes=maybe", "--yes must be true or false, or be given without a value; got 'maybe'"),
    ],
)
def test_a_wrong_argument_is_named_with_its_rule(cli: Cli, line: str, message: str) -> None:
    """Two lines say what is wrong, and where the usage stands."""
    ended = cli(*line.split())
    words = line.split(maxsplit=1)[0] if line.startswith(("pause", "sandbox")) else " ".join(line.split()[:2])
    assert ended.code == 2
    assert ended.err == f"fieldingkit: {message}\n  Run `fieldingkit {words} --help` for the usage.\n"


def test_a_wrong_value_of_the_configuration_file_names_the_file(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """A value that no one typed is named with the place where it stands."""
    Path("config.toml").write_text('[pause]\nrate = "fast"\n')
    bare.setenv("FIELDINGKIT_CONFIG", "config.toml")
    ended = cli("pause", "--all-projects")
    assert ended.code == 2
    assert "must be a number; got 'fast' in config.toml" in ended.err
