"""Messages: the document of changes, its id, and the shapes of chats in which names stay plain text."""

import json
from typing import Any

import attrs
import pytest
from support.monitored_groups import full_snapshot, hours_after, live_group

from fieldingkit.monitoring import Comparison, MessageShape, compare, evaluate, to_document
from fieldingkit.monitoring.messages import to_message

LOW = {"conversion_rate": 0.05}


def changes_of(*names: str, over: tuple[str, ...] = ()) -> Comparison:
    """Return changes with a new finding for each name, and an ended one for each of the others."""
    before = [live_group(target_group_id=f"over{name}", name=name, **LOW) for name in over]
    after = [live_group(target_group_id=f"new{name}", name=name, **LOW) for name in names]
    healed = [attrs.evolve(group, conversion_rate=0.5) for group in before]
    earlier = evaluate(full_snapshot(*before))
    at = hours_after(1)
    return compare(earlier, evaluate(full_snapshot(*after, *healed, at=at), earlier=earlier))


def text_of(changes: Comparison) -> str:
    """Return the text of the document."""
    text = to_document(changes)["text"]
    assert isinstance(text, str)
    return text


def test_the_document_has_the_changes_and_a_text() -> None:
    """Each line says what was seen, since when, and what to do."""
    document = to_document(changes_of("Germany", over=("France",)))
    assert document["event"] == "findings"
    assert document["at"] == "2026-03-05T13:00:00.000Z"
    assert [one["name"] for one in document["new"]] == ["Germany"]
    assert [(one["finding"]["name"], one["reason"]) for one in document["ended"]] == [("France", "it is no longer so")]
    assert (document["open"], document["unknown"]) == (1, 2)
    assert document["text"].split("\n") == [
        "fieldingkit, 2026-03-05 13:00:00 UTC: 1 new finding, 1 over, 2 unknown figures",
        (
            "NEW Germany (newGermany): low_conversion: a conversion rate of 5.0% after 100 entrants; "
            "the limit is 10.0%. Known since 2026-03-05 12:00:00 UTC. To do: compare the screening questions with "
            "the profiles, and ask for what is screened out in the profiles."
        ),
        "OVER France (overFrance): low_conversion: it is no longer so.",
    ]


def test_the_id_depends_on_the_changes_alone() -> None:
    """A receiver recognizes what it gets twice."""
    first = to_document(changes_of("Germany"))
    assert to_document(changes_of("Germany")) == first
    assert to_document(changes_of("Germany", "Spain"))["id"] != first["id"]
    assert len(first["id"]) == 32


def test_the_id_is_the_same_if_the_figures_are_read_again() -> None:
    """After a crash before the findings were saved, the changes are those since the same earlier findings."""
    earlier = evaluate(full_snapshot(live_group(conversion_rate=0.5)))

    def found(rate: float, hour: int) -> Comparison:
        group = live_group(conversion_rate=rate)
        return compare(earlier, evaluate(full_snapshot(group, at=hours_after(hour)), earlier=earlier))

    first, again = to_document(found(0.05, 1)), to_document(found(0.04, 2))
    assert first["new"] != again["new"]
    assert first["id"] == again["id"]


def test_a_trouble_that_comes_again_has_another_id() -> None:
    """A receiver must not take it for the first one."""
    low, well = live_group(conversion_rate=0.05), live_group(conversion_rate=0.5)
    earlier, ids = None, []
    for hour, group in enumerate((well, low, well, low)):
        now = evaluate(full_snapshot(group, at=hours_after(hour)), earlier=earlier)
        ids.append(to_document(compare(earlier, now))["id"])
        earlier = now
    assert len(set(ids)) == 4


def test_a_long_text_ends_with_the_number_of_lines_that_are_left_out() -> None:
    """The document has all findings, and its text a few thousand characters."""
    document = to_document(changes_of(*(f"group {number}" for number in range(500))))
    lines = document["text"].split("\n")
    assert len(document["new"]) == 500
    assert len(document["text"]) < 4100
    assert lines[-1] == f"and {500 - (len(lines) - 2)} more"
    assert len(text_of(changes_of("x" * 5000)).split("\n")[1]) == 400


@pytest.mark.parametrize("name", ["a\nOVER b", "a\u2028b", "a\x1b[31mb", "half \ud800 pair"])
def test_a_name_adds_no_line_and_no_control_characters(name: str) -> None:
    """Names come from other people; each finding stays one line of valid text."""
    text = text_of(changes_of(name))
    assert len(text.splitlines()) == 2
    assert text.replace("\n", "").isprintable()
    json.dumps(to_document(changes_of(name)), ensure_ascii=False).encode()


def test_a_message_for_slack_has_no_mentions_and_no_links() -> None:
    """Slack reads angle brackets as markup."""
    message = to_message(to_document(changes_of("<!channel>")), MessageShape.SLACK)
    assert message.keys() == {"text"}
    assert "NEW &lt;!channel&gt; (" in message["text"]


def test_a_message_for_teams_is_a_card_of_plain_text() -> None:
    """Each line is a run of plain text, in which Teams reads no Markdown."""
    document = to_document(changes_of("[here](https://example.com)"))
    message = to_message(document, MessageShape.TEAMS)
    (attachment,) = message["attachments"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card: dict[str, Any] = attachment["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [run["text"] for block in card["body"] for run in block["inlines"]] == document["text"].split("\n")
    assert len(json.dumps(to_message(to_document(changes_of(*"\u4e00" * 90)), MessageShape.TEAMS))) < 28_000


def test_the_shape_json_is_the_document_itself() -> None:
    """All members are posted."""
    document = to_document(changes_of("Germany"))
    assert to_message(document, MessageShape.JSON) == document
