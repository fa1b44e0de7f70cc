"""Tokens of jobs that were found in a list, whose acceptance was not seen."""

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.jobs.token import JobToken
from fieldingkit.transport.urls import origin_of

__all__ = ["job_token"]


def job_token(
    client: AsyncClient,
    operation_id: str,
    job_id: str,
    *,
    account_id: str | int | None,
    item_count: int | None = None,
    **ids: str,
) -> str:
    """Return the token of a job for ``client.job``.

    Args:
        client: The client that follows it.
        operation_id: The operation that started it.
        job_id: The API's id of the job.
        account_id: The account's number; the client's account by default.
        item_count: The number of items of the command.
        ids: The other ids in the path of its status.

    Raises:
        InvalidCommandError: if there is no account.
    """
    account = client.account_id if account_id is None else str(account_id)
    if account is None:
        raise InvalidCommandError("account_id is not set: pass it here or to the client", field="account_id")
    return JobToken(
        origin=origin_of(client.base_url),
        api_version=client.api_version,
        operation_id=operation_id,
        path={"account_id": account, **ids},
        job_id=job_id,
        idempotency_key=None,
        created=client.clock.wall(),
        traceparent=None,
        asked=item_count,
        digest=None,
    ).encode()
