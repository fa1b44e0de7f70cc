"""Unique codes: what is sent, and what is refused before anything is sent."""

import pytest
from support.resource_wire import GROUP, answer, sent

from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.unique_codes import (
    DeleteUnconsumedTestCodes,
    GetLiveCodeStatistics,
    UploadLiveCodes,
    UploadTestCodes,
)

PATH = f"/demand/accounts/101/target-groups/{GROUP}/respondent-unique-codes"


def test_codes_are_sent_once_without_white_space() -> None:
    """As the API reads them; the lines of a text file may be passed as they are."""
    request = sent(UploadLiveCodes(target_group_id=GROUP, codes=["a-1\n", " b_2 ", "a-1"]))

    assert (request.method, request.path) == ("POST", f"{PATH}/live")
    assert request.body == {"respondent_unique_codes": ["a-1", "b_2"]}


def test_a_single_code_is_a_list_of_one() -> None:
    """A text is not taken for a list of its characters."""
    assert sent(UploadTestCodes(target_group_id=GROUP, codes="abc")).body == {"respondent_unique_codes": ["abc"]}


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ([], "codes must not be empty"),
        (["a", "b c"], "codes must be a code of 1 to 128 letters, digits, - and _; got 'b c'"),
        (["a" * 129], "codes must be a code of 1 to 128"),
        ([" "], "codes must be a code of 1 to 128"),
        ([None], "codes"),
        (map(str, range(UploadLiveCodes.max_codes + 1)), "codes must not have more than 20000 items"),
    ],
    ids=["empty", "a space", "too long", "white space alone", "no text", "too many"],
)
def test_codes_that_the_api_would_refuse_are_not_sent(codes: list[str], problem: str) -> None:
    """The error names the field and the first wrong code."""
    with pytest.raises(InvalidCommandError, match=problem) as caught:
        UploadLiveCodes(target_group_id=GROUP, codes=codes)
    assert caught.value.field == "codes"


def test_statistics_are_read() -> None:
    """The numbers are the API's."""
    read = answer(GetLiveCodeStatistics(target_group_id=GROUP), {"total_count": 1500, "unconsumed_count": 850})

    assert (read.total_count, read.unconsumed_count) == (1500, 850)


def test_a_deletion_names_the_kind_of_codes_in_its_path() -> None:
    """Test codes and live codes are never mixed up."""
    request = sent(DeleteUnconsumedTestCodes(target_group_id=GROUP))

    assert (request.method, request.path) == ("DELETE", f"{PATH}/test/unconsumed")
