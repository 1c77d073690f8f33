"""Which numbers are one person: what the facts MERGED and UNMERGED add up to (decision 0009)."""

from collections.abc import Iterable, Mapping


class Persons:
    """Groups of customer numbers; the lowest number of a group, the survivor, stands for the person. `roots` has the others' survivors."""

    def __init__(self) -> None:
        self.roots: dict[int, int] = {}
        self._groups: dict[int, list[int]] = {}

    @property
    def groups(self) -> Mapping[int, list[int]]:
        """The persons of several numbers: survivor -> all numbers, ascending."""
        return self._groups

    def root(self, number: int) -> int:
        """The survivor's number."""
        return self.roots.get(number, number)

    def members(self, number: int) -> list[int]:
        """All numbers of the person, ascending."""
        root = self.root(number)
        return self._groups.get(root, [root])

    def merge(self, one: int, other: int) -> tuple[int, int]:
        """Let two persons be one: (survivor, absorbed)."""
        low, high = sorted((self.root(one), self.root(other)))
        members = sorted({*self.members(low), *self.members(high)})
        self._groups.pop(high, None)
        self.put(members)
        return low, high

    def part(self, number: int, leaving: Iterable[int]) -> tuple[list[int], list[int]] | None:
        """Let the numbers `leaving` be another person than the rest: (who goes, who stays), or None where either would be nobody."""
        members, wanted = self.members(number), set(leaving)
        goes, stays = [one for one in members if one in wanted], [one for one in members if one not in wanted]
        if not goes or not stays:
            return None
        self._groups.pop(members[0], None)
        self.put(goes)
        self.put(stays)
        return goes, stays

    def put(self, members: list[int]) -> None:
        """Let these numbers, ascending, be one person."""
        for number in members[1:]:
            self.roots[number] = members[0]
        self.roots.pop(members[0], None)
        if len(members) > 1:
            self._groups[members[0]] = members
