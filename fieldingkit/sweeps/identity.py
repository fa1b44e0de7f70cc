"""The identity of a run: its API, account, API version and run id, and the idempotency keys made of them."""

import hashlib
import json
import uuid
from typing import Self

import attrs

from fieldingkit.blocking import Client
from fieldingkit.client import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.transport.urls import normalize_url

__all__ = ["RunIdentity", "make_key"]


@attrs.frozen(kw_only=True)
class RunIdentity:
    """The identity of a run. A run of one API and account is never continued or reported with another."""

    base_url: str = attrs.field(converter=normalize_url)
    """The API's base URL, normalized."""
    account_id: str | None
    """The account's number; None if neither the plan nor the client has one."""
    api_version: str
    """The API version that the jobs of the run are created with."""
    run_id: str
    """The run id."""

    @classmethod
    def of(cls, client: AsyncClient | Client, plan: SweepPlan) -> Self:
        """Return the identity of a plan's run with a client."""
        return cls(
            base_url=client.base_url,
            account_id=client.account_id if plan.account_id is None else str(plan.account_id),
            api_version=client.api_version,
            run_id=plan.run_id,
        )

    def mismatch(self, other: "RunIdentity") -> str | None:
        """Return a sentence that names both APIs and accounts if the other identity is of another one; else None.

        The API version is not compared: jobs of another version can still be polled.
        """
        if (self.base_url, self.account_id) == (other.base_url, other.account_id):
            return None
        return (
            f"the run {self.run_id} is of account {self.account_id} at {self.base_url}, "
            f"and the client is of account {other.account_id} at {other.base_url}"
        )

    def check(self, other: "RunIdentity") -> None:
        """Check that a run can be continued with the API and the account of another identity.

        Raises:
            JournalError: if it is of another API or account; both are named.
        """
        if difference := self.mismatch(other):
            raise JournalError(f"{difference}; nothing was sent. Use another run_id, or the client of that account")

    def key(self, *parts: str) -> str:
        """Return the idempotency key of a job of this run: the same key for the same parts, in every process."""
        return make_key("sweep", self.base_url, self.account_id or "", self.api_version, self.run_id, *parts)


def make_key(*parts: str) -> str:
    """Return a hash in the form of a UUID, the form that the API recommends for keys."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
