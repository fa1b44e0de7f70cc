"""load_receivers: a TOML file names webhooks and programs, and has no credential in it."""

from pathlib import Path

import pytest

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import Program, Webhook, load_receivers


def test_tables_are_webhooks_and_programs(tmp_path: Path) -> None:
    """The name of the table is that of the receiver; a URL is read from the file beside it."""
    (tmp_path / "slack-url").write_text("https://hooks.example.com/canary\n")
    (tmp_path / "receivers.toml").write_text(
        '[chat]\nurl_file = "slack-url"\nshape = "slack"\ntimeout = 5\n'
        '[on-call]\narguments = ["/bin/page", "--now"]\ntime_limit = 9.5\n'
    )
    chat, program = load_receivers(tmp_path / "receivers.toml")
    assert chat == Webhook("https://hooks.example.com/canary", "slack", timeout=5, name="chat")
    assert program == Program(["/bin/page", "--now"], time_limit=9.5, name="on-call")
    assert "canary" not in repr(chat)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[chat]\nurl = "https://hooks.example.com/canary"', r"\[chat\] url is a credential; .* name that as url_file"),
        ("[chat]\n", "must have url_file, for a webhook, or arguments, for a program"),
        ('[chat]\nurl_file = "gone"', r"\[chat\] .*gone cannot be read: No such file"),
        ("[chat]\nurl_file = 5", "url_file must be a path; got 5"),
        ('[chat]\nurl_file = "url"\nshapes = "slack"', "'shapes'"),
        ('[chat]\nurl_file = "url"\nshape = "slick"', "shape must be json, slack or teams"),
        ('[chat]\nurl_file = "url"\narguments = ["a"]', "'url_file'"),
        ("[page]\narguments = 5", "arguments must be a list of texts"),
        ('[page]\narguments = "page"', "arguments must be a list of texts"),
        ('[page]\narguments = ["page"]\nname = "other"', "'name'"),
        ('url_file = "url"', r"url_file must be a table: \[url_file\]"),
        ("[chat", "is not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    """The message has the file and the table, and no credential."""
    (tmp_path / "url").write_text("https://hooks.example.com/canary")
    path = tmp_path / "receivers.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load_receivers(path)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
