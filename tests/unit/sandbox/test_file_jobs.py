"""Jobs on the respondents of a target group: their files, duration, words and failures."""

import pytest

from fieldingkit.sandbox.model.file_jobs import MAX_IDS, FileJobFailedError, add_ids, read_ids

FIRST = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"
SECOND = "75f1404c-65f6-4937-ad2a-588e4f66e07f"


def test_a_file_has_one_id_a_line() -> None:
    """Ids are read in any case, once; empty lines, headers and other texts are counted as invalid."""
    file = read_ids(f"rsid\r\n{FIRST.upper()}\r\n\r\n{SECOND}\n{FIRST}\nabc".encode())
    assert file.ids == (FIRST, SECOND)
    assert (file.invalid, file.rows) == (3, 6)


def test_rows_that_are_left_out_are_a_sentence() -> None:
    """Ids are added to those that are known; only rows that failed make a sentence."""
    known = {FIRST: None}
    assert add_ids(known, (FIRST, SECOND), failed=0) is None
    assert list(known) == [FIRST, SECOND]
    note = add_ids(known, (SECOND,), failed=2)
    assert note is not None
    assert "1 respondent IDs uploaded successfully, 2 failed" in note


def test_too_many_ids_fail_as_a_whole() -> None:
    """A file that would bring a target group above the maximum adds nothing."""
    known = dict.fromkeys(map(str, range(MAX_IDS)))
    with pytest.raises(FileJobFailedError) as failed:
        add_ids(known, (FIRST,), failed=0)
    assert failed.value.failure.code == "MaximumRespondentsExceeded"
    assert len(known) == MAX_IDS
