"""Ask: two customers are one person, or a person was two after all (decision 0009). By hand; messages merge by their own rules."""

from collections.abc import Iterable, Sequence

import msgspec

from opportune.facts import BatchBuilder, FactBatch, FactKind
from opportune.intake import GROUP_MAX, MOVED_VALUES, hash_identifier, key_words
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door
from opportune.operations.who import customer_meant

WHY_CHARACTERS_MAX = 500


class Merged(msgspec.Struct, frozen=True):
    """Two customers became one: who goes on, whose number is absorbed, and all numbers that are one person now."""

    survivor: int
    absorbed: int
    numbers: tuple[int, ...]


class Parted(msgspec.Struct, frozen=True):
    """One customer became two: the numbers of the person who stays, and of the one who leaves; the first of each stands for her."""

    stays: tuple[int, ...]
    leaves: tuple[int, ...]


def merge(deployment: Deployment, survivor: int, absorbed: int, *, by: str = "", why: str = "") -> Merged:
    """Let two customers be one from here on; the one known longest goes on, whichever is named first. Durable when it returns.

    `by` and `why` are kept beside the fact. Raises DeploymentError where it cannot be, JournalError.
    """
    done, batch = merging(deployment, survivor, absorbed, by, why)
    deployment.commit(batch, deployment.engine.now_ms)
    deployment.flush()
    return done


def unmerge(deployment: Deployment, customer: int, leaving: Sequence[str], *, by: str = "", why: str = "") -> Parted:
    """Part a customer in two: the identifiers `leaving` (`phone:138…`) are another person's. Durable when it returns.

    Both are derived from the journal again, and never merged by a message. Raises DeploymentError, JournalError.
    """
    done, batch, moved = parting(deployment, customer, leaving, by, why)
    deployment.commit(batch, deployment.engine.now_ms)
    deployment.flush()
    deployment.people.remember(moved)
    return done


class Merging:
    """The same asked of a running service."""

    def __init__(self, deployment: Deployment, door: Door) -> None:
        self._deployment, self._door = deployment, door

    async def merge(self, survivor: str, absorbed: str, by: str, why: str) -> Merged:
        """See `merge`; customers are named as everywhere: `#7`, `phone:138…`. Raises DeploymentError."""
        found: list[Merged] = []

        def make(deployment: Deployment) -> FactBatch:
            one, other = (customer_meant(deployment.people, who) for who in (survivor, absorbed))
            done, batch = merging(deployment, one, other, by, why)
            found.append(done)
            return batch

        await self._door.state(make)
        return found[0]

    async def unmerge(self, customer: str, leaving: Sequence[str], by: str, why: str) -> Parted:
        """See `unmerge`. Raises DeploymentError."""
        found: list[Parted] = []
        moved: list[tuple[int, str, str]] = []

        def make(deployment: Deployment) -> FactBatch:
            done, batch, carried = parting(deployment, customer_meant(deployment.people, customer), leaving, by, why)
            found.append(done)
            moved.extend(carried)
            return batch

        await self._door.state(make)
        self._deployment.people.remember(moved)
        return found[0]


def merging(deployment: Deployment, one: int, other: int, by: str, why: str) -> tuple[Merged, FactBatch]:
    """What `merge` does, and the fact that says so; memory and people know it already. Raises DeploymentError."""
    identity, now_ms = deployment.identity, deployment.engine.now_ms
    extra = _by_hand(by, why)
    deployment.settle()
    for number in (one, other):
        _require_known(deployment, number)
    if identity.root(one) == identity.root(other):
        raise DeploymentError(f"#{one} and #{other} are one customer already")
    many = len(identity.members(one)) + len(identity.members(other))
    if many > GROUP_MAX:
        raise DeploymentError(f"#{one} and #{other} have {many} numbers together; group_max is {GROUP_MAX}")
    low, high = identity.merge(one, other)
    members = identity.members(low)
    deployment.people.regroup([members])
    builder = BatchBuilder()
    builder.add(FactKind.MERGED, 0, low, now_ms, now_ms, (high,), extra=extra)
    return Merged(low, high, tuple(members)), builder.build()


def parting(
    deployment: Deployment, customer: int, leaving: Sequence[str], by: str, why: str
) -> tuple[Parted, FactBatch, list[tuple[int, str, str]]]:
    """What `unmerge` does, the facts that say so, and the identifiers that people must be told of once these are durable.

    An identifier that shares its number with others that stay gets a number of its own. Raises DeploymentError.
    """
    identity, people, now_ms = deployment.identity, deployment.people, deployment.engine.now_ms
    deployment.settle()
    _require_known(deployment, customer)
    if not deployment.engine.history_is_whole:
        raise DeploymentError(
            "retention has dropped facts that the two would be derived from again; they cannot be parted any more"
        )
    extra, builder = _by_hand(by, why), BatchBuilder()
    root, known = identity.root(customer), set(people.identifiers_of(customer))
    goes = {_meant(one, known) for one in leaving}
    if not goes or goes == known:
        raise DeploymentError(
            f"#{root} has {len(known)} identifiers; name those that leave, and at least one must stay"
        )
    whole: list[int] = []
    moved: list[tuple[str, str]] = []
    for number in identity.members(root):
        own = {one for one in known if people.number_of(*one) == number}
        if own and own <= goes:
            whole.append(number)
        else:
            moved += sorted(own & goes)
    carried: list[tuple[int, str, str]] = []
    if moved:
        number = identity.create()
        whole.append(number)
        carried = [(number, kind, text) for kind, text in moved]
        _give_number(deployment, builder, number, moved, now_ms)
        identity.merge(root, number)
        builder.add(FactKind.MERGED, 0, root, now_ms, now_ms, (number,), extra=extra)
    stays = [number for number in identity.members(root) if number not in whole]
    identity.part(root, whole)
    people.regroup([stays, sorted(whole)])
    if extra is not None:
        builder.extras[len(builder)] = extra
    builder.add_body(FactKind.UNMERGED, msgspec.json.encode(sorted(whole)), now_ms, now_ms, root)
    return Parted(tuple(stays), tuple(sorted(whole))), builder.build(), carried


def _give_number(
    deployment: Deployment, builder: BatchBuilder, number: int, moved: Iterable[tuple[str, str]], now_ms: int
) -> None:
    """A new number, and the identifiers that mean it from here on."""
    words = key_words(deployment.key)
    for at, (kind, text) in enumerate(moved):
        low, high = hash_identifier(words, kind, text)
        if at == 0:
            random = hash_identifier(words, f"parted/{number}/{kind}", text)[0] >> 1
            builder.add(FactKind.CUSTOMER, 0, number, now_ms, now_ms, (random,))
        code = deployment.catalogue.identifiers[kind]
        values = (_signed(low), _signed(high), 1)
        assert len(values) == MOVED_VALUES
        builder.add(FactKind.IDENTIFIER, code, number, now_ms, now_ms, values)
        deployment.identity.move((low, high), code, number)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _meant(identifier: str, known: set[tuple[str, str]]) -> tuple[str, str]:
    kind, colon, text = identifier.partition(":")
    found = [one for one in known if one == (kind, text)] if colon else []
    found = found or [one for one in known if one[1] == identifier]
    if len(found) != 1:
        what = "several identifiers" if found else "no identifier"
        raise DeploymentError(f"`{identifier}` is {what} of this customer; write for example phone:138…")
    return found[0]


def _require_known(deployment: Deployment, number: int) -> None:
    if not 0 <= number < deployment.identity.customers:
        raise DeploymentError(
            f"there is no customer #{number}; there are {deployment.identity.customers:,}, from #0 on"
        )
    if len(deployment.engine.forgotten(number, 1)):
        raise DeploymentError(f"customer #{number} was forgotten: nobody can be merged with her or parted from her")


def _by_hand(by: str, why: str) -> bytes | None:
    if len(why) > WHY_CHARACTERS_MAX:
        raise DeploymentError(f"the reason has {len(why):,} characters; why_characters_max is {WHY_CHARACTERS_MAX}")
    told = {name: text for name, text in (("by", by), ("why", why)) if text}
    return msgspec.json.encode(told) if told else None
