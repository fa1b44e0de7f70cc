"""Lists of ids that are uploaded: what is tidied, and what is refused before anything is sent."""

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.commands import Command, Endpoint
from fieldingkit.errors import InvalidCommandError
from fieldingkit.files import Upload
from fieldingkit.resources.upload_checks import coded_id_file, id_file, unique_coded_ids, unique_ids

FIRST: Final = "0F1CE179-A917-49FF-9D50-B05FC91F7BD4"
SECOND: Final = "75f1404c-65f6-4937-ad2a-588e4f66e07f"


@attrs.frozen(kw_only=True)
class SendIds(Command[None]):
    """A command with a list of ids."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/ids", operation_id="send_ids")
    ids: Upload = attrs.field(converter=id_file, validator=unique_ids, metadata={"form": "file"})


@attrs.frozen(kw_only=True)
class SendCodedIds(Command[None]):
    """A command with a list of ids and codes."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/coded-ids", operation_id="send_coded_ids")
    rows: Upload = attrs.field(converter=coded_id_file, validator=unique_coded_ids, metadata={"body": True})


def refusal(ids: Upload | Iterable[str]) -> str:
    """Return the message of the refusal of a list."""
    with pytest.raises(InvalidCommandError) as caught:
        SendIds(ids=ids)
    assert caught.value.field == "ids"
    return caught.value.message


def numbered(count: int) -> list[str]:
    """Return different UUIDs in order."""
    return [str(uuid.UUID(int=number)) for number in range(count)]


def test_ids_become_a_file_with_one_on_each_line() -> None:
    """The order and the case of the ids stay; text and UUID objects may be mixed."""
    upload = SendIds(ids=[FIRST, uuid.UUID(SECOND)]).ids

    assert upload.content.decode() == f"{FIRST}\n{SECOND}\n"
    assert upload.content_type == "text/csv"


def test_a_list_has_a_name_that_follows_from_its_ids() -> None:
    """An upload of unclear outcome is found by its name, which must not be that of another list of a colleague."""
    first, second, again, other_form = (
        SendIds(ids=ids).ids.filename or "" for ids in ([FIRST], [SECOND], [FIRST], Upload.ids([FIRST]))
    )
    assert re.fullmatch("fieldingkit-[0-9a-f]{12}.csv", first)
    assert (second != first, again, other_form) == (True, first, first)
    assert SendIds(ids=Upload.ids([FIRST], filename="wave.csv")).ids.filename == "wave.csv"


def test_rows_become_a_file_with_an_id_and_a_code() -> None:
    """A code may be a number."""
    upload = SendCodedIds(rows=[(FIRST, 11), (uuid.UUID(SECOND), "932")]).rows

    assert upload.content.decode() == f"{FIRST},11\n{SECOND},932\n"


def test_a_single_id_is_a_list_of_one() -> None:
    """A text is not taken for a list of its characters."""
    assert SendIds(ids=FIRST).ids.content.decode() == f"{FIRST}\n"


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{FIRST}\r\n{SECOND}\r\n",
        f"{FIRST}\r{SECOND}",
        f"  {FIRST}\t\n{SECOND} \n\n  \n",
        f'"{FIRST}"\n" {SECOND}"\n',
    ],
    ids=["byte order mark and CRLF", "CR", "white space and empty lines at the end", "quotes"],
)
def test_what_a_spreadsheet_adds_to_a_file_is_left_out(content: str, tmp_path: Path) -> None:
    """The file keeps its name and its lines; only ids are sent."""
    file = tmp_path / "wave 2.csv"
    file.write_bytes(content.encode())

    upload = SendIds(ids=Upload.from_path(file)).ids

    assert upload.content.decode() == f"{FIRST}\n{SECOND}\n"
    assert upload.filename == "wave 2.csv"


def test_the_lines_of_an_open_file_are_a_list(tmp_path: Path) -> None:
    """Their ends, a byte order mark and empty lines at the end are left out, too."""
    file = tmp_path / "wave.csv"
    file.write_bytes(f"\ufeff{FIRST}\r\n{SECOND}\r\n\r\n".encode())
    with file.open(encoding="utf-8") as lines:
        upload = SendIds(ids=lines).ids

    assert upload.content.decode() == f"{FIRST}\n{SECOND}\n"


def test_a_path_as_text_is_refused_with_the_way_to_pass_a_file() -> None:
    """It is not taken for a file unasked."""
    assert refusal("wave.csv") == (
        "SendIds: ids must have a UUID on each line; line 1 is 'wave.csv'; a file is passed as Upload.from_path(path)"
    )


def test_quotes_around_a_code_are_left_out() -> None:
    """White space around the comma is, too."""
    upload = SendCodedIds(rows=Upload(f'"{FIRST}" , "11"\r\n'.encode())).rows

    assert upload.content.decode() == f"{FIRST},11\n"


def test_a_header_is_refused_by_name() -> None:
    """The API would take it for an id."""
    assert refusal(["RID", FIRST]) == (
        "SendIds: ids must have a UUID on each line; line 1 is 'RID'; leave out the header"
    )


def test_lines_that_are_no_ids_are_named_by_number_and_the_rest_is_counted() -> None:
    """At most three are shown."""
    message = refusal([FIRST, "", *[f"no id {number}" for number in range(14)]])

    assert message == (
        "SendIds: ids must have a UUID on each line; "
        "line 2 is '', line 3 is 'no id 0', line 4 is 'no id 1', and 12 more"
    )


def test_the_numbers_are_those_of_the_lines_in_the_file() -> None:
    """Nothing before a wrong line is left out, so that it is found in an editor."""
    assert "line 3 is ''" in refusal(Upload(f"\ufeff{FIRST}\r\n{SECOND}\r\n\r\nno id\r\n".encode()))


def test_duplicates_are_refused_with_their_number_and_place() -> None:
    """Ids that differ by their case only are the same id."""
    assert refusal([SECOND, FIRST, FIRST.lower(), FIRST]) == (
        f"SendIds: ids must not have duplicates; got {FIRST.lower()} 3 times, first on line 2"
    )


def test_many_duplicates_are_counted() -> None:
    """At most three are shown."""
    assert refusal(numbered(5) * 2).endswith("first on line 3, and 2 more")


def test_an_id_with_two_codes_is_refused() -> None:
    """Otherwise the API would decide which of them holds."""
    with pytest.raises(InvalidCommandError, match=r"rows must not have duplicates; got .* 2 times, first on line 1$"):
        SendCodedIds(rows=[(FIRST, 11), (FIRST, 20)])


def test_a_truth_value_is_no_code() -> None:
    """In Python it counts as a number, and would be sent as text."""
    with pytest.raises(InvalidCommandError, match="a comma and a code on each line; line 1 is"):
        SendCodedIds(rows=[(FIRST, True)])


@pytest.mark.parametrize("line", [FIRST, f"{FIRST},", f"{FIRST};11", f"{FIRST},11,x", f",{FIRST}"])
def test_a_row_without_exactly_an_id_and_a_code_is_refused(line: str) -> None:
    """Spreadsheets of some countries write semicolons."""
    with pytest.raises(InvalidCommandError, match="rows must have a UUID, a comma and a code on each line; line 1 is"):
        SendCodedIds(rows=Upload(line.encode()))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"{FIRST}\n".encode("utf-16"), "must be UTF-8 text; got UTF-16 text"),
        (b"PK\x03\x04...", "must be UTF-8 text; got an Excel workbook or another ZIP archive"),
        (f"{FIRST}\nM\xfcller\n".encode("latin-1"), "must be UTF-8 text; line 2 is not"),
        (b"", "must not be empty"),
        (b"\xef\xbb\xbf\r\n", "must not be empty"),
        (b"x" * 5_000_000, "must have less than 5,000,000 bytes; got 5,000,000"),
    ],
    ids=["UTF-16", "Excel", "Latin-1", "empty", "empty lines only", "too large"],
)
def test_a_file_that_is_no_list_is_refused_by_its_kind(content: bytes, problem: str) -> None:
    """The message names the kind instead of the first odd line."""
    assert refusal(Upload(content)) == f"SendIds: ids {problem}"


def test_text_that_cannot_be_encoded_is_refused() -> None:
    """Such as half of a surrogate pair."""
    assert refusal([FIRST, "\ud800"]) == "SendIds: ids must be UTF-8 text; line 2 is not"


@pytest.mark.parametrize("value", [None, 7, b"ids", Path("ids.csv")], ids=repr)
def test_a_value_that_is_no_list_is_refused_with_the_way_to_pass_a_file(value: object) -> None:
    """A path is not read unasked."""
    assert "ids must be a list, or a file as Upload.from_path(path); got" in refusal(value)  # type: ignore[arg-type]  # refused


def test_a_list_may_have_as_many_lines_as_the_api_takes_and_no_more() -> None:
    """The largest list is below the limit of bytes."""
    assert SendIds(ids=numbered(100_000)).ids.content.count(b"\n") == 100_000
    assert refusal(numbered(100_001)) == "SendIds: ids must not have more than 100,000 lines; got 100,001"


@given(st.lists(st.uuids(), min_size=1, unique=True), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_the_same_ids_are_sent_however_they_were_written(ids: list[uuid.UUID], end: str, marked: bool) -> None:
    """A list and a file of any line ends make the same bytes, and a file that was tidied stays as it is."""
    text = ("\ufeff" if marked else "") + end.join(map(str, ids))

    upload = id_file(Upload(text.encode()))

    assert upload.content == id_file(ids).content
    assert id_file(upload) == upload
