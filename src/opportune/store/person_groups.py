"""Which customer numbers are one person, in `people.db`: what a reader of clear text asks before it asks for a customer (decision 0009)."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from opportune.store.people_tables import MERGED

ASKED_AT_ONCE_MAX = 500

_WRITE = (
    "INSERT INTO merged (customer, survivor, kin) VALUES (?, ?, ?) "
    "ON CONFLICT (customer) DO UPDATE SET survivor = excluded.survivor, kin = excluded.kin"
)


class PersonGroups:
    """The groups in `people.db`; each call is part of its caller's transaction."""

    def all(self, connection: sa.Connection) -> dict[int, list[int]]:
        """The persons of several numbers: survivor -> all numbers, ascending."""
        found: dict[int, list[int]] = {}
        for row in connection.execute(sa.select(MERGED).order_by(MERGED.c.customer)):
            found.setdefault(row.survivor, []).append(row.customer)
        return {survivor: numbers for survivor, numbers in found.items() if len(numbers) > 1}

    def members(self, connection: sa.Connection, customer: int) -> list[int]:
        """All numbers of the person with this number, the survivor's first."""
        survivor = connection.scalar(sa.select(MERGED.c.survivor).where(MERGED.c.customer == customer))
        if survivor is None:
            return [customer]
        hers = sa.select(MERGED.c.customer).where(MERGED.c.survivor == survivor).order_by(MERGED.c.customer)
        return list(connection.scalars(hers))

    def kin(self, connection: sa.Connection, customer: int) -> list[int]:
        """All numbers that merges ever joined with this one, parted since or not, ascending."""
        kin = connection.scalar(sa.select(MERGED.c.kin).where(MERGED.c.customer == customer))
        if kin is None:
            return [customer]
        return list(
            connection.scalars(sa.select(MERGED.c.customer).where(MERGED.c.kin == kin).order_by(MERGED.c.customer))
        )

    def any_parted(self, connection: sa.Connection) -> bool:
        """Whether some number stands for another person than the one known longest of those it was ever joined with."""
        apart = sa.select(MERGED.c.customer).where(MERGED.c.survivor != MERGED.c.kin).limit(1)
        return connection.scalar(apart) is not None

    def askers(self, connection: sa.Connection, customers: list[int]) -> dict[int, list[int]]:
        """Number -> those of `customers` whose number it is too, for all numbers of theirs."""
        survivors = {number: number for number in customers}
        of_these = MERGED.c.customer.in_(customers)
        survivors |= {row.customer: row.survivor for row in connection.execute(sa.select(MERGED).where(of_these))}
        roots = sorted(set(survivors.values()))
        groups: dict[int, set[int]] = {root: {root} for root in roots}
        for row in connection.execute(sa.select(MERGED).where(MERGED.c.survivor.in_(roots))):
            groups[row.survivor].add(row.customer)
        askers: dict[int, list[int]] = {}
        for customer in customers:
            for number in sorted(groups[survivors[customer]]):
                askers.setdefault(number, []).append(customer)
        return askers

    def put(self, connection: sa.Connection, groups: Iterable[Sequence[int]]) -> None:
        """Keep which numbers are one person, the survivor's first; a number parted from others is a group of its own."""
        wanted = list(groups)
        numbers = [number for group in wanted for number in group]
        known: dict[int, int] = {}
        for start in range(0, len(numbers), ASKED_AT_ONCE_MAX):
            some = MERGED.c.customer.in_(numbers[start : start + ASKED_AT_ONCE_MAX])
            known |= {row.customer: row.kin for row in connection.execute(sa.select(MERGED).where(some))}
        rows = []
        for group in wanted:
            kins = {known[number] for number in group if number in known}
            kin = min(kins | {group[0]})
            if len(kins) > 1 or (kins and kin not in kins):
                connection.execute(sa.update(MERGED).where(MERGED.c.kin.in_(kins)).values(kin=kin))
                known |= {number: kin for number, before in known.items() if before in kins}
            known |= dict.fromkeys(group, kin)
            rows += [(number, group[0], kin) for number in group]
        if rows:
            connection.exec_driver_sql(_WRITE, rows)

    def drop_all(self, connection: sa.Connection) -> None:
        """Nobody was ever merged."""
        connection.execute(sa.delete(MERGED))
