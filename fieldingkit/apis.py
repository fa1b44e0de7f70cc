"""The APIs of Cint that fieldingkit calls."""

import enum

__all__ = ["Api"]


class Api(enum.Enum):
    """An API of Cint: each has an address and credentials of its own, and a client of its own."""

    DEMAND = "Demand"
    """Projects, target groups and all that belongs to them."""
    FULFILLMENT = "fulfillment"
    """The status of single respondents, for survey hosts."""
