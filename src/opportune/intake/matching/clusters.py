"""Groups of pairs: whoever is linked to somebody who is linked to somebody. Also where the first and the last are not alike at all."""

from collections.abc import Iterable
from typing import NamedTuple


class Cluster(NamedTuple):
    """Customers who hang together; `links` are the pairs that do it, `gaps` the pairs among them that do not: A like B, B like C, A not like C."""

    customers: tuple[int, ...]
    links: tuple[tuple[int, int], ...]
    gaps: tuple[tuple[int, int], ...]


GAPS_TOLD_MAX = 1_000
"""A cluster of a thousand customers has half a million pairs: no more gaps than this are told of one."""


def clusters_of(pairs: Iterable[tuple[int, int]]) -> list[Cluster]:
    """The clusters of pairs (lower number first), in the order of their lowest customers."""
    known = sorted(set(pairs))
    head: dict[int, int] = {}

    def find(customer: int) -> int:
        root = customer
        while head.setdefault(root, root) != root:
            root = head[root]
        while head[customer] != root:
            head[customer], customer = root, head[customer]
        return root

    for low, high in known:
        one, other = sorted((find(low), find(high)))
        head[other] = one
    members: dict[int, list[int]] = {}
    for customer in sorted(head):
        members.setdefault(find(customer), []).append(customer)
    links: dict[int, list[tuple[int, int]]] = {}
    for low, high in known:
        links.setdefault(find(low), []).append((low, high))
    return [
        Cluster(tuple(customers), tuple(links[root]), tuple(_gaps(customers, set(links[root]))))
        for root, customers in sorted(members.items())
    ]


def _gaps(customers: list[int], linked: set[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for place, low in enumerate(customers):
        for high in customers[place + 1 :]:
            if (low, high) not in linked:
                found.append((low, high))
                if len(found) == GAPS_TOLD_MAX:
                    return found
    return found
