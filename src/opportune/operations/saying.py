"""What can be said to a customer: the words of an offer for her, and why it is offered. Reads the running engine, changes nothing."""

import re
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from opportune.delivery import Rendered, render_content
from opportune.engine import Playbook
from opportune.facts import NO_OFFER, NOBODY, FactBatch, FactKind, Outputs, ValueType
from opportune.operations.deployment import Deployment, read_group
from opportune.operations.kept_facts import KeptFacts
from opportune.operations.names import Language, Names
from opportune.profiles import read_column
from opportune.rules import read

Value = str | int | bool | None
Variables = dict[str, Value]

LANGUAGE_TAG = "language"
"""The tag, where the catalogue has it, that holds a customer's language."""
RECENT_FACTS_MAX = 200_000
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


class Cause(NamedTuple):
    """Where the event stands that a decision answered: a fact, or what detectors told of a customer at that fact (`derived`: its number)."""

    seq: int
    customer: int
    derived: int | None


class DecidedEvent(msgspec.Struct, frozen=True):
    """The event that a decision answered: the number of its fact, its type and values."""

    seq: int
    code: int
    values: tuple[int, ...]


def decided_event(batch: FactBatch, outputs: Outputs, first_seq: int, cause: Cause) -> DecidedEvent | None:
    """The event of a batch that begins with `first_seq`, or of what came of it; None where it is not there."""
    at = cause.seq - first_seq
    if not 0 <= at < len(batch):
        return None
    if cause.derived is not None:
        told = outputs.derived[(outputs.derived["seq"] == cause.seq) & (outputs.derived["event"] == cause.derived)]
        hers = told[told["customer"] == cause.customer]
        told = hers if len(hers) or len(told) != 1 else told  # it may have been told of a number that she absorbed
        return DecidedEvent(cause.seq, cause.derived, tuple(told["values"][-1].tolist())) if len(told) else None
    if batch.kind[at] != FactKind.EVENT:
        return None
    values = batch.values[batch.first[at] : batch.first[at + 1]]
    return DecidedEvent(cause.seq, int(batch.code[at]), tuple(values.tolist()))


class Saying:
    """Puts decisions of a running deployment into words."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._known: Playbook | None = None
        self._names: dict[str, Names] = {}
        self._why: dict[tuple[str, Language], str] = {}
        self._columns: dict[str, tuple[int, int]] = {}
        self._recent: deque[tuple[int, FactBatch, Outputs]] = deque()
        self._recent_facts = 0
        self._recent_lock = threading.Lock()

    @property
    def playbook(self) -> Playbook:
        """The playbook in force."""
        return self._deployment.playbook

    def remember(self, first_seq: int, batch: FactBatch, outputs: Outputs) -> None:
        """Keep a piece in which decisions opened: who is told of them now is often asked about them in the next seconds."""
        with self._recent_lock:
            self._recent.append((first_seq, batch, outputs))
            self._recent_facts += len(batch)
            while self._recent_facts > RECENT_FACTS_MAX:
                self._recent_facts -= len(self._recent.popleft()[1])

    def recent_event(self, cause: Cause) -> DecidedEvent | None:
        """That event, where it is among the pieces that are remembered."""
        with self._recent_lock:
            at = bisect_right(self._recent, cause.seq, key=itemgetter(0)) - 1
            if at < 0:
                return None
            first_seq, batch, outputs = self._recent[at]
        return decided_event(batch, outputs, first_seq, cause)

    def _follow(self) -> None:
        """Forget what was said under a playbook that is no longer in force."""
        if self._known is not self.playbook:
            tags, columns = Names(self.playbook.body()).of("tag"), self.playbook.layout.columns
            self._columns = {tags[number]: place for number, place in columns.items()}
            self._names, self._why, self._known = {}, {}, self.playbook

    def names(self, language: Language) -> Names:
        """The words for numbers under the playbook in force."""
        self._follow()
        if language not in self._names:
            self._names[language] = Names(self.playbook.body(), language)
        return self._names[language]

    def cause_of(self, move: Any) -> Cause:
        """Where the event stands that the decision of a move answered."""
        definition = self.playbook.definitions.campaigns.get(self.names("en").campaign(int(move["campaign"])))
        event = definition.trigger.event if definition is not None and definition.trigger is not None else ""
        derived = self._deployment.catalogue.derived.get(event)
        return Cause(int(move["decided_seq"]), int(move["customer"]), derived.number if derived is not None else None)

    def find_event(self, cause: Cause) -> DecidedEvent | None:
        """That event, from the journal; it must be durable."""
        # The open journal remembers where groups begin; a new reader would look through a whole segment.
        group = next(KeptFacts(self._deployment.folder, self._deployment.journal.read).read(cause.seq), None)
        return None if group is None else decided_event(*read_group(group), group.first_seq, cause)

    def event_variables(self, event: DecidedEvent | None) -> Variables:
        """The declared properties of an event as `event.<name>`."""
        if event is None:
            return {}
        names = self.names("en")
        types = self.playbook.vocabulary.events.get(names.name("event", event.code), {})
        found = zip(types.items(), event.values, strict=False)
        return {f"event.{name}": self._plain(value, kind) for (name, kind), value in found}

    def tag_variables(self, customer: int, wanted: frozenset[str]) -> Variables:
        """The values of those of a customer's tags that are wanted and have a column; NOBODY has none."""
        if customer == NOBODY:
            return {}
        self._follow()
        customer = self._deployment.identity.root(customer)
        types, columns = self.playbook.vocabulary.tags, self._columns
        return {
            name: self._plain(self._column(customer, *columns[name]), types[name])
            for name in sorted(wanted)
            if name in columns
        }

    def zone_of(self, customer: int) -> ZoneInfo:
        """The customer's time zone; the deployment's where hers is unknown."""
        policy, catalogue = self.playbook.definitions.policy, self._deployment.catalogue
        tag = policy.time_zone if policy is not None else None
        name = self.tag_variables(customer, frozenset((tag,))).get(tag) if tag is not None else None
        try:
            return ZoneInfo(str(name or catalogue.zone))
        except (ValueError, OSError):
            return ZoneInfo(catalogue.zone)

    def language_of(self, customer: int) -> str:
        """The customer's language as her tag says it, empty where it does not."""
        value = self.tag_variables(customer, frozenset((LANGUAGE_TAG,))).get(LANGUAGE_TAG)
        return value if isinstance(value, str) else ""

    def content_of(self, offer: str, touchpoint: str) -> Any:
        """An offer's content for a touchpoint, None where it has none."""
        definition = self.playbook.definitions.offers.get(offer)
        return None if definition is None else definition.content.get(touchpoint)

    def render(
        self, offer: str, touchpoint: str, customer: int, language: str, variables: Mapping[str, Value],
        link: Callable[[str], str],
    ) -> Rendered:  # fmt: skip
        """The words of an offer at a touchpoint for a customer. Raises TemplateFailedError where they cannot be written."""
        content = self.content_of(offer, touchpoint)
        wanted = frozenset(_WORD.findall(msgspec.json.encode(content).decode()))
        definition = self.playbook.definitions.offers.get(offer)
        title = (
            "" if definition is None else (definition.title.zh if language.startswith("zh") else definition.title.en)
        )
        known = self.tag_variables(customer, wanted) | {"offer": offer, "title": title or offer} | dict(variables)
        return render_content(content, language, self.languages, known, link)

    @property
    def languages(self) -> Sequence[str]:
        """The deployment's languages, the first one first."""
        return self.playbook.definitions.deployment.languages

    def why(self, campaign: str, language: Language) -> str:
        """Why a customer is offered this: the campaign's condition and audience, read out."""
        self._follow()
        kept = self._why  # another thread may begin a new one meanwhile
        told = kept.get((campaign, language))
        if told is None:
            told = kept[campaign, language] = self._read_why(campaign, language)
        return told

    def _read_why(self, campaign: str, language: Language) -> str:
        rules = self.playbook.campaign_rules.get(campaign)
        definition = self.playbook.definitions.campaigns.get(campaign)
        if rules is None or definition is None:
            return ""
        event = definition.trigger.event if definition.trigger is not None else ""
        said = [read(rule, language, self._titles(event)) for rule in (rules.where, rules.audience) if rule is not None]
        title = self.names(language).title("event", event) if event else ""
        return ("；" if language == "zh" else "; ").join(filter(None, [title, *said]))

    def offer_name(self, number: int) -> str:
        """An offer's name, empty where there is none."""
        return "" if number == NO_OFFER else self.names("en").offer(number)

    def _column(self, customer: int, offset: int, width: int) -> int:
        size = self.playbook.layout.record_bytes
        record = self._deployment.engine.memory.arrays["records"][customer * size : (customer + 1) * size]
        return int(read_column(np.ascontiguousarray(record), 1, size, offset, width)[0])

    def _plain(self, value: int, kind: ValueType) -> Value:
        found = self.names("en").value(value, kind, self._deployment.dictionary)
        return ", ".join(found) if isinstance(found, list) else found

    def _titles(self, event: str) -> Mapping[str, tuple[str, str]]:
        d = self.playbook.definitions
        titles = {name: (tag.title.en, tag.title.zh) for name, tag in d.tags.items()}
        for name, known in (d.events[event].properties if event in d.events else {}).items():
            titles[f"event.{name}"] = (known.title.en, known.title.zh)
        return titles
