"""What can go wrong in the warehouse. Every message names the place, the cause and what to do."""


class WarehouseError(Exception):
    """It was asked for something that it cannot give, or its files are not what its manifest says."""


class WarehouseLocked(WarehouseError):  # noqa: N818 - the name says what happened
    """Another process writes this warehouse."""


class QueryRefused(WarehouseError):  # noqa: N818 - the name says what happened
    """A query that is wrong, wants to change something, or took more than it may."""
