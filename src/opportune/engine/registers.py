"""Filling the registers that conditions read: the moment, hot tags, rule tags. Kernel functions."""

from typing import Any

from opportune.engine.tables import (
    loads_of,
    regs_of,
    rules_of,
    stack_of,
    zone_of_code_of,
    zones_of,
)
from opportune.facts import compiled_leaf, zone_offset
from opportune.profiles import load
from opportune.rules import run_program


@compiled_leaf
def load_moment(plan: Any, state: Any, room: Any, row: int, at_ms: int) -> None:
    """Fill the registers of the moment, which counters' and goals' conditions read too: event.at, now, the customer's zone."""
    regs = regs_of(room)
    regs[plan.ref_at] = at_ms
    regs[plan.ref_now] = state.clock.now_ms
    zone = 0
    if plan.zone_offset >= 0:
        code = load(state.records, row * plan.record_bytes + plan.zone_offset, plan.zone_width)
        if 0 <= code < len(zone_of_code_of(plan)):
            zone = int(zone_of_code_of(plan)[code])
    regs[plan.ref_zone] = zone


@compiled_leaf
def load_registers(plan: Any, state: Any, room: Any, e: Any, row: int) -> None:
    """Fill the registers that the campaigns of an EVENT_PLAN row read beside the moment: hot tags, rule tags. Sets her local time."""
    base = row * plan.record_bytes
    regs = regs_of(room)
    loads = loads_of(plan)
    for i in range(e.load_first, e.load_8):
        regs[loads[i].ref] = load(state.records, base + loads[i].offset, 8)
    for i in range(e.load_8, e.load_4):
        regs[loads[i].ref] = load(state.records, base + loads[i].offset, 4)
    for i in range(e.load_4, e.load_2):
        regs[loads[i].ref] = load(state.records, base + loads[i].offset, 2)
    for i in range(e.load_2, e.load_1):
        regs[loads[i].ref] = load(state.records, base + loads[i].offset, 1)
    for i in range(e.load_1, e.load_end):
        regs[loads[i].ref] = run_program(rules_of(plan), loads[i].program, regs, zones_of(plan), stack_of(room))
    now_ms = state.clock.now_ms
    room.local_ms = now_ms + zone_offset(zones_of(plan), regs[plan.ref_zone], now_ms)
