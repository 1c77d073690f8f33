"""Matching only: which campaigns does an event trigger for this customer? Ours against other rule engines, in one run.

Same campaigns (trigger, condition on the event, audience), same events, match sets asserted equal. Ours is the shipped kernel
through `Engine.process`, with consent withheld from everybody: it folds each event, matches, and then the gate says no to
every match, so its figure includes folding, the gate and counting what was withheld. The others are handed ready-made
contexts with just the fields that the trigger's campaigns refer to; making those is not counted.
"""

import functools
import importlib.util
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Report, median, options, timed
from benchmarks.peers import PEERS, Context, Drools, Peer, Value, fields_of
from benchmarks.workload import (
    COUNTED,
    METHODS,
    TAGS,
    Events,
    Sketch,
    World,
    batches_of,
    counter_name,
    definitions,
    sketches,
)
from opportune.engine import Engine, Playbook
from opportune.facts import NULL, FactBatch, FactKind, Reason
from opportune.policy import PolicyDefinition

BATCH = 4_000
DROOLS_PASSES = 3
MODULES = {"zen": "zen", "cel_rust": "cel", "json_logic": "json_logic", "rule_engine": "rule_engine"}
Asked = list[tuple[int, Context]]
TagValues = dict[tuple[int, str], Value]


class Matching:
    """The workload without policy and without contacts: whoever matches is withheld for want of consent."""

    def __init__(self, customers: int, campaigns: int, events: int) -> None:
        found = definitions(campaigns)
        policy = PolicyDefinition("nobody-consents", consent="required", time_zone="zone")
        self.sketches = sketches(campaigns)
        self.world = World(customers, Playbook(msgspec.structs.replace(found, policy=policy)))
        self.events = self.world.events(events, tag_share=0.0)
        self.facts = self.world.facts(self.events)

    def engine(self) -> Engine:
        """An engine with the customers and their tags."""
        engine = Engine(self.world.dictionary, customers_max=self.world.customers)
        engine.prepare(self.world.playbook)
        engine.process(self.world.opening())
        for batch in self._customers():
            engine.process(batch)
        return engine

    def _customers(self) -> Iterator[FactBatch]:
        for batch in self.world.population():
            rows = np.flatnonzero((batch.kind == FactKind.CUSTOMER) | (batch.kind == FactKind.TAGS_SET))
            yield batch.take(rows)

    def rates(self, runs: int) -> Iterator[float]:
        """Events per second, run by run; every run takes new events."""
        engine = self.engine()
        parts = batches_of(self.facts, BATCH)
        each = len(parts) // (runs + 1)
        self._process(engine, parts[:each])
        for i in range(1, runs + 1):
            some = parts[i * each : (i + 1) * each]
            yield sum(map(len, some)) / timed(functools.partial(self._process, engine, some))

    def _process(self, engine: Engine, parts: Sequence[FactBatch]) -> None:
        for part in parts:
            if len(engine.process(part).decisions):
                raise RuntimeError("somebody was contacted without consent")

    def matches(self, count: int) -> list[list[int]]:
        """The campaigns that the first events match, as indices into the sketches, from the kernel's own trace."""
        engine = self.engine()
        first = engine.next_seq
        catalogue = self.world.playbook.catalogue
        index = {catalogue.campaigns[sketch.name]: i for i, sketch in enumerate(self.sketches)}
        found: list[list[int]] = [[] for _ in range(count)]
        for part in batches_of(self.facts.take(np.arange(count)), BATCH):
            _, fates = engine.trace(part)
            for fate in fates[fates["reason"] == Reason.NO_CONSENT]:
                found[int(fate["seq"]) - first].append(index[int(fate["campaign"])])
        return [sorted(matched) for matched in found]

    def contexts(self, count: int) -> Asked:
        """(event type, context) of the first events, as a host with a customer store would hand them to an engine."""
        tags = self._tag_values(self.events.customer[:count])
        counters: dict[tuple[int, int], int] = {}
        fields = fields_of(self.sketches)
        asked: Asked = []
        for i in range(count):
            event, customer = int(self.events.event[i]), int(self.events.customer[i])
            if event in COUNTED:
                by = int(self.events.quantity[i]) if COUNTED.index(event) % 2 else 1
                counters[customer, event] = counters.get((customer, event), 0) + by
            context: Context = {}
            for name in fields.get(event, ()):
                context[name.replace(".", "_")] = _value(name, self.events, i, tags, counters)
            asked.append((event, context))
        return asked

    def _tag_values(self, customers: NDArray[np.int64]) -> TagValues:
        wanted = set(customers.tolist())
        found: TagValues = {}
        for batch in self._customers():
            rows = np.flatnonzero(batch.kind == FactKind.TAGS_SET)
            values = batch.values[int(batch.first[rows[0]]) :].reshape(len(rows), len(TAGS), 2)[:, :, 1]
            for row, customer in enumerate(batch.customer[rows].tolist()):
                if customer in wanted:
                    for i, tag in enumerate(TAGS):
                        found[customer, tag.name] = self._decoded(tag.kind, int(values[row, i]))
        return found

    def _decoded(self, kind: str, value: int) -> Value:
        if value == NULL:
            return None
        if kind == "text":
            return self.world.dictionary.text(value)
        return bool(value) if kind == "bool" else value


_COUNTERS = {counter_name(event): event for event in COUNTED}


def _value(
    name: str,
    events: Events,
    i: int,
    tags: TagValues,
    counters: dict[tuple[int, int], int],
) -> Value:
    if name in _COUNTERS:
        return counters.get((int(events.customer[i]), _COUNTERS[name]), 0)
    if name == "event.method":
        return METHODS[int(events.method[i])]
    if name.startswith("event."):
        return int(getattr(events, name.removeprefix("event."))[i])
    return tags[int(events.customer[i]), name]


def installed(peer: Peer) -> bool:
    """Whether the peer's package is there."""
    return peer.name not in MODULES or importlib.util.find_spec(MODULES[peer.name]) is not None


def asking(peer: Peer, campaigns: Sequence[Sketch], asked: Asked, matches: list[list[int]]) -> Callable[[], float]:
    """A call that asks the peer about all events and gives events per second.

    Raises AssertionError where the peer matches other campaigns than we do.
    """
    match = peer.prepare(campaigns)
    _assert_equal(peer.name, [sorted(match(event, context)) for event, context in asked], matches)

    def once() -> None:
        for event, context in asked:
            match(event, context)

    return lambda: len(asked) / timed(once)


def asking_drools(campaigns: Sequence[Sketch], asked: Asked, matches: list[list[int]]) -> Callable[[], float]:
    """The same for Drools: every call is a JVM of its own, warmed up before it is timed."""

    def once() -> float:
        rates, found = Drools(campaigns).run(asked, DROOLS_PASSES)
        _assert_equal("drools", found, matches)
        return median(rates)

    return once


def _assert_equal(name: str, found: list[list[int]], matches: list[list[int]]) -> None:
    differing = [i for i, (one, other) in enumerate(zip(found, matches, strict=True)) if one != other]
    if differing:
        i = differing[0]
        raise AssertionError(
            f"{name} differs from us in {len(differing):,} of {len(matches):,} events, first in event {i}: "
            f"it matches {found[i]}, we match {matches[i]}"
        )


def compare(report: Report, customers: int, campaigns: int, events: int, sample: int, runs: int) -> None:
    """Ours and every peer that is installed, with that many campaigns."""
    matching = Matching(customers, campaigns, events)
    matches, asked = matching.matches(sample), matching.contexts(sample)
    calls: dict[str, Callable[[], float]] = {}
    for peer in PEERS:
        if installed(peer):
            calls[peer.name] = asking(peer, matching.sketches, asked, matches)
        else:
            print(f"  {peer.name} is left out: {peer.package} is not installed (make bench installs it)")
    if Drools.available():
        calls["drools"] = asking_drools(matching.sketches, asked, matches)
    else:
        print("  drools is left out: it needs a JDK and drools_jpy (make bench installs that)")
    found: dict[str, list[float]] = {"ours": [], **{name: [] for name in calls}}
    for ours in matching.rates(runs):  # in turn, so that noise meets all alike
        found["ours"].append(ours)
        for name, call in calls.items():
            found[name].append(call())
    ours = median(found["ours"])
    report.figure(
        f"matching_{campaigns}_ours", ours, "events/s", goal=">= 10 x Drools, >= 40 x the others",
        matches_per_event=round(sum(map(len, matches)) / sample, 3),
    )  # fmt: skip
    for name in calls:
        rate = median(found[name])
        report.figure(f"matching_{campaigns}_{name}", rate, "events/s", ours_is_times=round(ours / rate, 1))


def main() -> None:
    """Run the comparison."""
    parser = options(__doc__)
    parser.add_argument("--campaigns", type=int, nargs="*", default=[10, 100, 1_000])
    asked = parser.parse_args()
    report = Report("matching only, match sets asserted equal")
    if asked.quick:
        compare(report, 1_000, 40, 12_000, 1_000, 2)
    else:
        for campaigns in asked.campaigns:
            compare(report, 100_000, campaigns, 200_000 * (asked.runs + 1), 20_000, asked.runs)
    report.close()


if __name__ == "__main__":
    main()
