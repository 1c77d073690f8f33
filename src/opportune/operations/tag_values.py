"""The values of one customer's tags in an engine of her own: columns out of the record, rule tags by the reference."""

from opportune.engine import Engine
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, zone_offset
from opportune.operations.one_customer import CustomerFact
from opportune.profiles import read_column, roll_windows
from opportune.rules import EVENT_AT, NOW, ZONE, Ref, evaluate


def hot_values(engine: Engine, at: int = 0) -> dict[str, int]:
    """The encoded value of every tag that has a column, by name (NULL where unknown), as the record at row `at` holds it."""
    layout, names = engine.playbook.layout, engine.playbook.numbering.names["tag"]
    return {names[number]: _column(engine, at, *place) for number, place in layout.columns.items()}


def _column(engine: Engine, at: int, offset: int, width: int) -> int:
    size = engine.playbook.layout.record_bytes
    return int(read_column(engine.memory.arrays["records"], at + 1, size, offset, width)[at])


def roll_to(engine: Engine, now_ms: int, at: int = 0) -> None:
    """Bring the rolling counters of row `at` to the buckets of a moment, as her next event would."""
    plan = engine.playbook
    local = now_ms + int(zone_offset(plan.plan.zones, 0, now_ms))
    memory = engine.memory
    base, hour, day = at * plan.layout.record_bytes, local // MS_PER_HOUR, local // MS_PER_DAY
    roll_windows(plan.bundle[0].profiles, memory.records, memory.wide, base, hour, day)


def row_of(engine: Engine, event: CustomerFact | None = None, at: int = 0) -> dict[Ref, int | None]:
    """What rules read of her: tags, the event's values, the clock and her time zone; None where unknown."""
    playbook = engine.playbook
    row: dict[Ref, int | None] = {Ref("tag", name): _known(value) for name, value in hot_values(engine, at).items()}
    row[NOW] = engine.now_ms
    row[ZONE] = zone_of(engine, at)
    if event is not None:
        row[EVENT_AT] = event.at_ms
        names = playbook.numbering.names["event"]
        properties = playbook.vocabulary.events.get(names[event.code], {}) if event.code < len(names) else {}
        for slot, name in enumerate(properties):
            row[Ref("event", name)] = _known(event.values[slot]) if slot < len(event.values) else None
    for name, rule in playbook.vocabulary.rules.items():  # in the order of their dependence
        row[Ref("tag", name)] = evaluate(rule, row, engine.dictionary, playbook.plan.zones)
    return row


def zone_of(engine: Engine, at: int = 0) -> int:
    """The number of her time zone; 0, the deployment's, where it is unknown."""
    plan = engine.playbook.plan
    offset, width = plan.figures["zone_offset"], plan.figures["zone_width"]
    if offset < 0:
        return 0
    code = _column(engine, at, offset, width)
    return int(plan.zone_of_code[code]) if 0 <= code < len(plan.zone_of_code) else 0


def _known(value: int) -> int | None:
    return None if value == NULL else value
