"""The families of definitions, and a set of definitions together with where each word of them stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from opportune.campaigns import CampaignDefinition, OfferDefinition, SegmentDefinition, TouchpointDefinition
from opportune.facts import DeploymentDefinition, EventDefinition, IdentifierDefinition
from opportune.policy import PolicyDefinition
from opportune.profiles import DetectorDefinition, TagDefinition
from opportune.store.approval import ApprovalDefinition
from opportune.store.problems import DefinitionProblem, ProblemCode
from opportune.store.yaml_text import Node, position_in_scalar

FAMILIES: Final[dict[str, Any]] = {
    "deployment": DeploymentDefinition,
    "identifier": IdentifierDefinition,
    "event": EventDefinition,
    "tag": TagDefinition,
    "detector": DetectorDefinition,
    "touchpoint": TouchpointDefinition,
    "offer": OfferDefinition,
    "policy": PolicyDefinition,
    "campaign": CampaignDefinition,
    "segment": SegmentDefinition,
    "approval": ApprovalDefinition,
    "source": dict,
    "matching": dict,
}
"""Family (a document's first key) -> its struct. `source` and `matching` documents stay mappings: intake checks them."""

NAME_CHARACTERS_MAX = 63
NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{NAME_CHARACTERS_MAX - 1}}}")
WORD = re.compile(rf"[a-z][a-z0-9_]{{0,{NAME_CHARACTERS_MAX - 1}}}")
"""Names that rules speak of (tags, events, and detectors, which make events) have no hyphen: `a-b` is a difference there."""

WORD_FAMILIES = ("event", "tag", "detector")

_PATH = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class Place(msgspec.Struct, frozen=True):
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


class Places:
    """Where every definition stands, so that a problem found later (by the rule compiler) is shown at its word."""

    def __init__(self) -> None:
        self._roots: dict[tuple[str, str], tuple[str, Node]] = {}
        self._sources: dict[str, bytes] = {}

    def add_file(self, file: str, content: bytes) -> None:
        """Keep a file's text, to follow offsets inside its scalars."""
        self._sources[file] = content

    def add(self, family: str, name: str, file: str, root: Node) -> None:
        """Note that the definition stands at `root` in `file`."""
        self._roots[family, name] = (file, root)

    def find(
        self, family: str, name: str, path: str = "", offset: int | None = None, key: bool = False
    ) -> Place | None:
        """The place of a definition's `path` (as `goal.regret.event`, `offers[1].when`), or None if it came from no file.

        A path that is not written leads to the nearest one above it. With `offset` the place of that character
        of the scalar; with `key` that of the key.
        """
        known = self._roots.get((family, name))
        if known is None:
            return None
        file, node = known
        for index, word in _PATH.findall(path):
            child = node.children.get(int(index) if index else word)
            if child is None:
                offset = None
                break
            node = child
        if offset is not None and isinstance(node.raw, str):
            return Place(file, *position_in_scalar(self._sources[file], node, offset))
        if key and node.key_line:
            return Place(file, node.key_line, node.key_column)
        return Place(file, node.line, node.column)


@dataclass(frozen=True, slots=True)
class Definitions:
    """A set of definitions: family -> name -> definition, ready to save or to compile if `problems` is empty.

    `broken` are the (family, name) of documents that could not be read, so that they are not also called unknown.
    """

    deployments: dict[str, DeploymentDefinition] = field(default_factory=dict)
    identifiers: dict[str, IdentifierDefinition] = field(default_factory=dict)
    events: dict[str, EventDefinition] = field(default_factory=dict)
    tags: dict[str, TagDefinition] = field(default_factory=dict)
    detectors: dict[str, DetectorDefinition] = field(default_factory=dict)
    touchpoints: dict[str, TouchpointDefinition] = field(default_factory=dict)
    offers: dict[str, OfferDefinition] = field(default_factory=dict)
    policies: dict[str, PolicyDefinition] = field(default_factory=dict)
    campaigns: dict[str, CampaignDefinition] = field(default_factory=dict)
    segments: dict[str, SegmentDefinition] = field(default_factory=dict)
    approvals: dict[str, ApprovalDefinition] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    matchings: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    problems: tuple[DefinitionProblem, ...] = ()
    broken: frozenset[tuple[str, str]] = frozenset()

    @property
    def deployment(self) -> DeploymentDefinition | None:
        """The one deployment, or None where none is written."""
        return next(iter(self.deployments.values()), None)

    @property
    def policy(self) -> PolicyDefinition | None:
        """The one contact policy, or None where none is written."""
        return next(iter(self.policies.values()), None)

    @property
    def approval(self) -> ApprovalDefinition | None:
        """The one set of approval rules, or None where none is written."""
        return next(iter(self.approvals.values()), None)

    def of(self, family: str) -> dict[str, Any]:
        """The definitions of a family by name; the dict itself. Raises KeyError for an unknown family."""
        found: dict[str, Any] = getattr(self, _FIELDS[family])
        return found

    def all(self) -> Iterator[tuple[str, str, Any]]:
        """Every (family, name, definition), families in the order of FAMILIES, names in the order of the alphabet."""
        for family in FAMILIES:
            for name, definition in sorted(self.of(family).items()):
                yield family, name, definition

    def problem(
        self,
        family: str,
        name: str,
        path: str,
        code: ProblemCode,
        message: str,
        hint: str = "",
        offset: int | None = None,
    ) -> DefinitionProblem:
        """A problem at its place in the files: of the scalar at `path`, from its character `offset` on if given."""
        place = self.places.find(family, name, path, offset) or Place("", 0, 0)
        return DefinitionProblem(place.file, place.line, place.column, family, name, path, code, message, hint)


_FIELDS: Mapping[str, str] = {family: f"{family}s" for family in FAMILIES} | {"policy": "policies"}
