"""A condition over many rows at once. A kernel function."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import compiled
from opportune.rules.machine import failing_clause, run_program
from opportune.rules.opcodes import RulePlan


@compiled
def hold_rows(
    plan: RulePlan, first: int, count: int, programs: NDArray[np.int64], registers: NDArray[np.int64], zones: Any,
    stack: NDArray[np.int64], holds: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Set holds[row] to 1 where clauses first .. first+count-1 are true of registers[row], else to 0.

    `programs` i8[n, 2]: first run these programs, each into its register; `registers` i8[rows, registers], `stack` i8[STACK_MAX].
    """
    for row in range(len(registers)):
        regs = registers[row]
        for at in range(len(programs)):
            regs[programs[at, 1]] = run_program(plan, programs[at, 0], regs, zones, stack)
        holds[row] = 1 if failing_clause(plan, first, count, regs, zones, stack) < 0 else 0
