"""The smallest change that would turn a candidate's fate round: changes are proposed, and each is proved by really deciding again.

The first gate that says no is asked what would open it; the change is tried, and where another gate closes behind it the search goes
on from there. So the steps of a chain belong together. Within one kind of change nothing smaller opens the gate: one step less is
decided too, and must not.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from opportune.campaigns import WEIGHT_PPM_MAX
from opportune.facts import (
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    NULL,
    FactKind,
    Kind,
    Reason,
    Title,
    ValueType,
    zone_offset,
)
from opportune.operations.flip_words import FlipWords
from opportune.operations.names import Names
from opportune.operations.one_customer import CustomerFact
from opportune.operations.supposing import Supposed, Supposing
from opportune.operations.tag_values import row_of, zone_of
from opportune.policy import TIME_WORDS, moment_in
from opportune.rules import Ref, Rule, all_of, nearest_changes, written_out

CHOSEN = (Reason.PROPOSED, Reason.CONTROL, Reason.UNIVERSAL_CONTROL)
STEPS_MAX = 8
DAYS_AHEAD_MAX = 8
FAR_MS = 2**48
_NUMBERS = (Kind.INT, Kind.DECIMAL, Kind.MONEY, Kind.DATE, Kind.TIMESTAMP)
_UNTIL = (
    Reason.COOL_DOWN_REFUSED, Reason.COOL_DOWN_COMPLAINT, Reason.CAP_CUSTOMER, Reason.DECISION_OPEN, Reason.AGAIN_TOO_SOON,
    Reason.CAMPAIGN_COOL_DOWN, Reason.CAP_CAMPAIGN,
)  # fmt: skip
"""Reasons whose figure is the moment at which they end."""
_CAPS = (Reason.CAP_CUSTOMER, Reason.CAP_CHANNEL, Reason.CAP_CATEGORY)
_HOURS = (Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.OUTSIDE_WORKING_HOURS)


class Flip(msgspec.Struct, frozen=True):
    """One change, in words and for programs. `then` is the code that the candidate gets with this change and those before it.

    `kind` is tag, event, age, moment, contacts, consent, do_not_disturb, limit, sending, lever, control or valid; `subject` what is changed;
    `before`, `after` its values in words; `amount` the new encoded value, moment (ms) or number of contacts. `smallest` is False where
    a value had to be searched for, so that another might be nearer.
    """

    kind: str
    subject: str
    before: str
    after: str
    amount: int
    text: str
    then: str
    smallest: bool = True


class Step(NamedTuple):
    """A way to open a gate: what is supposed, one step less of it (each must not open it), and how it is told."""

    supposed: Supposed
    less: tuple[Supposed, ...]
    flips: tuple[Flip, ...]


class Turn(NamedTuple):
    """The chain of changes after which a candidate's fate is another, and other changes that would open its first gate."""

    flips: tuple[Flip, ...] = ()
    instead: tuple[Flip, ...] = ()
    steps: tuple[Step, ...] = ()


class Asked(NamedTuple):
    """A candidate at a point of the search."""

    campaign: int
    event: CustomerFact
    supposed: Supposed
    reason: Reason
    arg: int


class Flips:
    """Searches the changes for candidates of one fact."""

    def __init__(self, again: Supposing, names: Names, contacts: int) -> None:
        """`contacts`: how many contacts were ever counted of her, more than the ledger may remember."""
        self._again, self._names, self._contacts = again, names, contacts
        self._engine, self._playbook = again.engine, again.engine.playbook
        self._words = FlipWords(names)

    def turn(self, campaign: int, event: CustomerFact) -> Turn:
        """What would turn the fate of a campaign round that this event triggers. Raises TooManyError."""
        first = self._ask(campaign, event, Supposed())
        if first is None:
            return Turn()
        steps: list[Step] = []
        asked, met = first, frozenset((first.reason,))
        while not _turned(first.reason, asked.reason) and len(steps) < STEPS_MAX:
            # A gate that was passed may close again (a counter's window rolls on): then what was not met yet is followed too.
            step = self._next(asked) or self._next(asked, met)
            if step is None:
                break
            steps = [*steps[:-1], step] if steps and _both_moments(steps[-1], step) else [*steps, step]
            after = self._ask(campaign, event, step.supposed)
            if after is None:
                break
            asked, met = after, met | {after.reason}
        instead = self._instead(first) if steps else ()
        return Turn(tuple(flip for step in steps for flip in step.flips), instead, tuple(steps))

    def _instead(self, first: Asked) -> tuple[Flip, ...]:
        """Other kinds of change that would open the first gate too."""
        ways = self._fewer_contacts(first) if first.reason in _CAPS else iter(())
        step = next((step for step in ways if self._opens(first, step.supposed)), None)
        return () if step is None else self._proved(first, step).flips

    def _ask(self, campaign: int, event: CustomerFact, supposed: Supposed) -> Asked | None:
        fates = self._again.fates(supposed)
        hers = fates[fates["campaign"] == campaign]
        return (
            None
            if not len(hers)
            else Asked(campaign, event, supposed, Reason(int(hers[0]["reason"])), int(hers[0]["arg"]))
        )

    def _next(self, asked: Asked, met: frozenset[Reason] | None = None) -> Step | None:
        """The first way that opens the gate which says no now (or closes one, for who was chosen); with `met`, any to a reason not among them."""
        for step in self._ways(asked):
            if self._opens(asked, step.supposed, met):
                return self._proved(asked, self._tightened(asked, step), met)
        return None

    def _opens(self, asked: Asked, supposed: Supposed, met: frozenset[Reason] | None = None) -> bool:
        after = self._ask(asked.campaign, asked.event, supposed)
        if after is None:
            return False
        return _goes_on(asked.reason, after.reason) if met is None else after.reason not in met

    def _proved(self, asked: Asked, step: Step, met: frozenset[Reason] | None = None) -> Step:
        """The step with what follows from it, and whether one step less would have done it too."""
        smallest = not any(self._opens(asked, less, met) for less in step.less)
        after = self._ask(asked.campaign, asked.event, step.supposed)
        then = asked.reason if after is None else after.reason
        told = (msgspec.structs.replace(one, then=then.name, smallest=one.smallest and smallest) for one in step.flips)
        return step._replace(flips=tuple(told))

    # -- the ways, by the gate ---------------------------------------------------------------

    def _ways(self, asked: Asked) -> Iterator[Step]:
        reason = asked.reason
        if reason in (Reason.CONTROL, Reason.UNIVERSAL_CONTROL):
            yield self._share(asked)
        elif reason is Reason.PROPOSED:
            yield from self._values(asked, self._conditions(asked), true=False)
            yield self._consent(asked, given=False)
        elif reason is Reason.EVENT_TOO_OLD:
            yield self._younger(asked)
        elif reason is Reason.CAMPAIGN_NOT_VALID:
            yield self._valid(asked)
        elif reason in (Reason.TRIGGER_CONDITION, Reason.NOT_IN_AUDIENCE):
            yield from self._met(asked, self._conditions(asked))
        elif reason is Reason.NO_ELIGIBLE_OFFER:
            for conditions in self._rules(asked).offers:
                yield from self._met(asked, conditions)
        elif reason in _UNTIL or reason in _HOURS or reason in _CAPS:
            yield from self._moments(asked, self._ends(asked))
        elif reason is Reason.DO_NOT_DISTURB:
            yield self._told(asked, "do_not_disturb", "", FactKind.DO_NOT_DISTURB, 0, (0,))
        elif reason in (Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN):
            yield self._consent(asked, given=True)
        elif reason is Reason.SENDING_STOPPED:
            yield self._told(asked, "sending", "", FactKind.SENDING, 0, (0,))
        elif reason in (Reason.BUDGET_CONTACTS, Reason.BUDGET_MONEY, Reason.OUT_OF_STOCK, Reason.CAPACITY):
            yield from self._limit(asked)
        elif reason is Reason.OUTRANKED:
            yield from self._lever(asked)

    def _rules(self, asked: Asked) -> Any:
        return self._playbook.campaign_rules[self._names.campaign(asked.campaign)]

    def _conditions(self, asked: Asked) -> list[Rule]:
        rules = self._rules(asked)
        wanted = {Reason.TRIGGER_CONDITION: [rules.where], Reason.NOT_IN_AUDIENCE: [rules.audience]}
        return [rule for rule in wanted.get(asked.reason, [rules.where, rules.audience]) if rule is not None]

    def _met(self, asked: Asked, conditions: Sequence[Rule]) -> Iterator[Step]:
        yield from self._values(asked, conditions, true=True)
        if any(
            ref.source == "clock"
            for rule in conditions
            for ref in written_out(rule, self._playbook.vocabulary.rules).refs
        ):
            begun = self._again.supposed_fact(asked.supposed).now_ms // MS_PER_HOUR
            yield from self._moments(asked, [(begun + 1 + hour) * MS_PER_HOUR for hour in range(24 * DAYS_AHEAD_MAX)])

    def _values(self, asked: Asked, conditions: Sequence[Rule], *, true: bool) -> Iterator[Step]:
        """Other values of tags and of the event."""
        rule = all_of(conditions)
        if rule is None:
            return
        before = self._again.tags_before(asked.supposed)
        self._again.fates(asked.supposed)
        own = asked.event.seq == self._again.fact.seq and asked.event.code == self._again.fact.code
        event = self._again.supposed_fact(asked.supposed) if own else asked.event
        row = row_of(self._engine, event, self._again.row)
        slots = self._slots(event) if own else {}
        rules = self._playbook.vocabulary.rules

        def free(ref: Ref) -> bool:
            return ref.name in slots if ref.source == "event" else ref.name in before and ref.name not in rules

        found = nearest_changes(
            written_out(rule, rules), row, self._engine.dictionary, self._playbook.plan.zones, free, true=true
        )
        for change in found:
            values = {ref: (row.get(ref), value) for ref, value in change.values.items()}
            yield self._valued(asked, values, before, slots, not change.searched)

    def _valued(
        self, asked: Asked, values: dict[Ref, tuple[int | None, int]], before: dict[str, int], slots: dict[str, int],
        smallest: bool,
    ) -> Step:  # fmt: skip
        def supposed(changed: dict[Ref, int]) -> Supposed:
            event = {slots[ref.name]: value for ref, value in changed.items() if ref.source == "event"}
            tags = {
                self._playbook.numbering.number("tag", ref.name): _held_before(before[ref.name], values[ref][0], value)
                for ref, value in changed.items()
                if ref.source == "tag"
            }
            known = asked.supposed
            return msgspec.structs.replace(known, event={**known.event, **event}, tags={**known.tags, **tags})

        wanted = {ref: new for ref, (_, new) in values.items()}
        less, flips = [], []
        for ref, (held, new) in values.items():
            kind = self._type(ref, asked.event)
            if kind.kind in _NUMBERS and held is not None and abs(new - held) > 1:
                less.append(supposed({**wanted, ref: new - 1 if new > held else new + 1}))
            texts = self._engine.dictionary
            was, now = (
                self._words.value(self._names.value(NULL if value is None else value, kind, texts))
                for value in (held, new)
            )
            flips.append(self._flip(ref.source, ref.name, was, now, new, smallest))
        return Step(supposed(wanted), tuple(less), tuple(flips))

    def _tightened(self, asked: Asked, step: Step) -> Step:
        """A lever as low as still does it: what else wins depends on more than one clause, so it is halved down to it."""
        if asked.reason is not Reason.OUTRANKED:
            return step
        low, high = self._lever_of(asked), step.supposed.levers[asked.campaign]
        while high - low > 1:
            middle = (low + high) // 2
            if self._opens(asked, self._levered(asked, middle)):
                high = middle
            else:
                low = middle
        was, then = self._words.ppm(self._lever_of(asked)), self._words.ppm(high)
        flip = self._flip("lever", self._names.campaign(asked.campaign), was, then, high)
        return Step(self._levered(asked, high), (self._levered(asked, low),), (flip,))

    def _lever(self, asked: Asked) -> Iterator[Step]:
        if self._lever_of(asked) < WEIGHT_PPM_MAX:
            yield Step(self._levered(asked, WEIGHT_PPM_MAX), (), ())

    def _levered(self, asked: Asked, ppm: int) -> Supposed:
        return msgspec.structs.replace(asked.supposed, levers={asked.campaign: ppm})

    def _lever_of(self, asked: Asked) -> int:
        candidates = self._playbook.plan.candidates
        return int(candidates.lever_ppm[candidates.campaign == asked.campaign][0])

    def _share(self, asked: Asked) -> Step:
        """A control group so small that she is not in it: her place is in the figure."""

        def shared(ppm: int) -> Supposed:
            if asked.reason is Reason.UNIVERSAL_CONTROL:
                return msgspec.structs.replace(asked.supposed, universal=ppm)
            return msgspec.structs.replace(asked.supposed, shares={asked.campaign: ppm})

        held, subject = int(self._playbook.bundle[0].policy.universal_ppm), ""
        if asked.reason is Reason.CONTROL:
            held = int(self._playbook.plan.campaigns.campaigns.control_ppm[asked.campaign])
            subject = self._names.campaign(asked.campaign)
        flip = self._flip("control", subject, self._words.percent(held), self._words.percent(asked.arg), asked.arg)
        return Step(shared(asked.arg), (shared(asked.arg + 1),) if asked.arg + 1 < held else (), (flip,))

    def _younger(self, asked: Asked) -> Step:
        most = int(self._playbook.plan.campaigns.campaigns.max_age[asked.campaign])
        by = asked.arg - most
        flip = self._flip("age", "", self._words.span(asked.arg), self._words.span(most), most)
        supposed = [msgspec.structs.replace(asked.supposed, younger_ms=ms) for ms in (by, by - 1)]
        return Step(supposed[0], (supposed[1],), (flip,))

    def _valid(self, asked: Asked) -> Step:
        now_ms = self._again.supposed_fact(asked.supposed).now_ms
        if asked.arg > now_ms:
            return self._moment(asked, asked.arg)
        day = self._midnight(now_ms) + MS_PER_DAY
        end, less = self._utc(day), self._utc(day - MS_PER_DAY)
        subject = self._names.campaign(asked.campaign)
        flip = self._flip("valid", subject, self._words.day(asked.arg - 1), self._words.day(now_ms), end)
        supposed = [msgspec.structs.replace(asked.supposed, valid_to={asked.campaign: ms}) for ms in (end, less)]
        return Step(supposed[0], (supposed[1],), (flip,))

    def _told(
        self, asked: Asked, what: str, subject: str, kind: FactKind, code: int, values: tuple[int, ...], amount: int = 0
    ) -> Step:
        told = (*asked.supposed.told, (kind, code, values))
        return Step(
            msgspec.structs.replace(asked.supposed, told=told), (), (self._flip(what, subject, "", "", amount),)
        )

    def _consent(self, asked: Asked, *, given: bool) -> Step:
        definitions = self._playbook.definitions
        purpose = definitions.campaigns[self._names.campaign(asked.campaign)].policy.purpose
        channel, subject = NULL, purpose
        if given:
            name = self._names.touchpoint(asked.arg)
            channel_name = definitions.touchpoints[name].channel or name
            channel, subject = self._playbook.numbering.number("channel", channel_name), f"{purpose}/{channel_name}"
        number = self._playbook.numbering.number("purpose", purpose)
        return self._told(asked, "consent", subject, FactKind.CONSENT, number, (channel, int(given)), int(given))

    def _limit(self, asked: Asked) -> Iterator[Step]:
        numbering = self._playbook.numbering
        number: int | None = asked.arg
        if asked.reason is Reason.OUT_OF_STOCK:
            number = numbering.known("limit", f"offer/{self._names.offer(asked.arg)}/stock")
        elif asked.reason is Reason.CAPACITY:
            number = numbering.known("limit", f"touchpoint/{self._names.touchpoint(asked.arg)}/day")
        if number is not None:
            yield self._told(asked, "limit", self._names.name("limit", number), FactKind.LIMIT, number, (0, 0))

    # -- moments -----------------------------------------------------------------------------

    def _ends(self, asked: Asked) -> list[int]:
        """When the gate may open by itself."""
        if asked.reason in _HOURS:
            return self._hours(asked)
        ends = [asked.arg, asked.arg + 1] if asked.reason in _UNTIL else []
        if asked.reason in _CAPS:
            ledger, rings = self._again.ledger_before(), self._playbook.ledger.rings
            policy = self._playbook.definitions.policy
            for word, length in rings.values():
                times = [moment_in(ledger, word + at * TIME_WORDS) for at in range(length)]
                ends += [at + cap.window for at in times if at for cap in (policy.caps if policy else ())]
        return ends

    def _hours(self, asked: Asked) -> list[int]:
        """Where quiet times, holidays and working hours begin or end in the next days, in her zone and in ours."""
        d = self._playbook.definitions
        minutes = {0} | ({d.policy.quiet_hours.to} if d.policy and d.policy.quiet_hours else set())
        for touchpoint in d.touchpoints.values():
            minutes |= {touchpoint.quiet_hours.to} if touchpoint.quiet_hours else set()
            minutes |= {touchpoint.working_hours.since} if touchpoint.working_hours else set()
        now_ms = self._again.supposed_fact(asked.supposed).now_ms
        return [
            self._utc(self._midnight(now_ms, zone) + day * MS_PER_DAY + minute * MS_PER_MINUTE, zone)
            for zone in {0, zone_of(self._engine, self._again.row)}
            for day in range(DAYS_AHEAD_MAX)
            for minute in minutes
        ]

    def _moments(self, asked: Asked, ends: list[int]) -> Iterator[Step]:
        now_ms = self._again.supposed_fact(asked.supposed).now_ms
        for end in sorted({end for end in ends if now_ms < end < FAR_MS}):
            yield self._moment(asked, end)

    def _moment(self, asked: Asked, at_ms: int) -> Step:
        later = at_ms - self._again.fact.now_ms
        was, then = self._words.moment(self._again.fact.now_ms), self._words.moment(at_ms)
        flip = self._flip("moment", asked.reason.name.lower(), was, then, at_ms)
        supposed = [msgspec.structs.replace(asked.supposed, later_ms=ms) for ms in (later, later - 1)]
        return Step(supposed[0], (supposed[1],), (flip,))

    def _fewer_contacts(self, asked: Asked) -> Iterator[Step]:
        """Contacts that had not been made, where the ledger still knows all that are in the window."""
        policy, rings = self._playbook.definitions.policy, self._playbook.ledger.rings
        now_ms = self._again.supposed_fact(asked.supposed).now_ms
        for cap in policy.caps if policy is not None else ():
            if f"CAP_{cap.per}".upper() != asked.reason.name:
                continue
            for key, (word, length) in rings.items():
                if key.partition("/")[0] != cap.per:
                    continue
                times = [moment_in(self._again.ledger_before(), word + at * TIME_WORDS) for at in range(length)]
                used = sum(at > 0 and at + cap.window > now_ms for at in times)
                if used < cap.max or (used == length and self._contacts > length):
                    continue
                many = used - cap.max + 1
                of = self._names.name(cap.per, int(key.partition("/")[2])) if "/" in key else ""
                flip = self._flip("contacts", of, str(used), str(used - many), many)
                text = self._words.contacts(many, cap.window, of)
                less = () if many == 1 else (msgspec.structs.replace(asked.supposed, fewer={key: many - 1}),)
                supposed = msgspec.structs.replace(asked.supposed, fewer={key: many})
                yield Step(supposed, less, (msgspec.structs.replace(flip, text=text),))

    def _midnight(self, at_ms: int, zone: int = 0) -> int:
        """The local midnight before a moment, as local ms."""
        local = at_ms + int(zone_offset(self._playbook.plan.zones, zone, at_ms))
        return local // MS_PER_DAY * MS_PER_DAY

    def _utc(self, local_ms: int, zone: int = 0) -> int:
        """The moment of a local time."""
        zones = self._playbook.plan.zones
        near = local_ms - int(zone_offset(zones, zone, local_ms))
        return local_ms - int(zone_offset(zones, zone, near))

    # -- words -------------------------------------------------------------------------------

    def _flip(self, kind: str, subject: str, before: str, after: str, amount: int, smallest: bool = True) -> Flip:
        text = self._words.text(kind, self._title(kind, subject), before, after, amount)
        return Flip(kind, subject, before, after, amount, text, "", smallest)

    def _title(self, kind: str, subject: str) -> str:
        """What the subject of a change is called."""
        if kind == "event":
            event = self._playbook.definitions.events.get(self._names.name("event", self._again.fact.code))
            title = event.properties[subject].title if event is not None and subject in event.properties else Title()
            return (title.zh if self._names.language == "zh" else title.en) or subject
        family = {"tag": "tag", "lever": "campaign", "control": "campaign", "valid": "campaign"}.get(kind)
        return self._names.title(family, subject) if family and subject else subject

    def _slots(self, event: CustomerFact) -> dict[str, int]:
        types = self._playbook.vocabulary.events.get(self._names.name("event", event.code), {})
        return {name: slot for slot, name in enumerate(types)}

    def _type(self, ref: Ref, event: CustomerFact) -> ValueType:
        vocabulary = self._playbook.vocabulary
        if ref.source == "tag":
            return vocabulary.tags[ref.name]
        return vocabulary.events[self._names.name("event", event.code)][ref.name]


def _held_before(before: int, after: int | None, wanted: int) -> int:
    """What a column must hold before the fact to hold `wanted` when it is decided: a counter counts the fact itself in between."""
    if after is None or before in (NULL, after):
        return wanted
    return before + wanted - after


def _turned(first: Reason, now: Reason) -> bool:
    """Whether a fate is the other one: silent for who was proposed, proposed for control, chosen for who was not."""
    if first is Reason.PROPOSED:
        return now not in CHOSEN
    return now is Reason.PROPOSED or (first not in CHOSEN and now in CHOSEN)


def _goes_on(was: Reason, now: Reason) -> bool:
    """Whether a candidate gets further than it did; one that was chosen: whether it is not chosen so any more."""
    if was is Reason.PROPOSED:
        return now not in CHOSEN
    return now is not was and (now in CHOSEN or (was not in CHOSEN and now > was))


def _both_moments(one: Step, other: Step) -> bool:
    return all(len(step.flips) == 1 and step.flips[0].kind == "moment" for step in (one, other))
