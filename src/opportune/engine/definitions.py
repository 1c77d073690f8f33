"""The definitions a playbook is made of, as one value: what is journaled when a playbook is published."""

import msgspec

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.facts import DeploymentDefinition, EventDefinition, IdentifierDefinition, decode_scalar, encode_scalar
from opportune.policy import PolicyDefinition
from opportune.profiles import DetectorDefinition, TagDefinition


class DefinitionSet(msgspec.Struct, frozen=True):
    """All definitions in force, by name."""

    deployment: DeploymentDefinition = DeploymentDefinition("opportune")
    policy: PolicyDefinition | None = None
    events: dict[str, EventDefinition] = {}
    tags: dict[str, TagDefinition] = {}
    touchpoints: dict[str, TouchpointDefinition] = {}
    offers: dict[str, OfferDefinition] = {}
    campaigns: dict[str, CampaignDefinition] = {}
    detectors: dict[str, DetectorDefinition] = {}
    identifiers: dict[str, IdentifierDefinition] = {}

    @property
    def every_event(self) -> dict[str, EventDefinition]:
        """The events by name, those that detectors make too (without their properties, which follow from other definitions)."""
        return self.events | {
            name: EventDefinition(name, one.title, one.category, max_age=one.max_age, owner=one.owner, note=one.note)
            for name, one in self.detectors.items()
        }


class PlaybookBody(msgspec.Struct, frozen=True):
    """The body of a PLAYBOOK fact: the definitions, and the numbers that facts before and after use for their names."""

    version: int
    fingerprint: str
    definitions: DefinitionSet
    numbers: dict[str, list[str]]

    def encode(self) -> bytes:
        """The body as JSON; `decode_body` reads it back."""
        return msgspec.json.encode(self, enc_hook=encode_scalar)


def decode_body(body: bytes) -> PlaybookBody:
    """The body that `PlaybookBody.encode` wrote. Raises msgspec.ValidationError where it is not one."""
    return msgspec.json.decode(body, type=PlaybookBody, strict=False, dec_hook=decode_scalar)


class CompileProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a definition: where it stands, what it is and how to mend it. `start`, `end` are offsets in a rule's text."""

    family: str
    name: str
    path: str
    message: str
    hint: str = ""
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        place = f"{self.family} {self.name}" + (f", {self.path}" if self.path else "")
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class PlaybookError(Exception):
    """The definitions cannot be put in force; `problems` says all that is wrong."""

    def __init__(self, problems: list[CompileProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
