"""From a tree to a program of the rule machine."""

from collections.abc import Callable
from typing import NamedTuple

import opportune.rules.opcodes as op
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, Kind
from opportune.rules.tree import (
    ZONE,
    And,
    Arithmetic,
    Call,
    Case,
    Column,
    Compare,
    Constant,
    Contains,
    IsNull,
    Match,
    Members,
    Negate,
    Not,
    OneOf,
    Or,
    Range,
    Ref,
    Scale,
    Text,
    Tree,
    Truth,
)

_ARITHMETIC = {"+": op.ADD, "-": op.SUBTRACT, "*": op.MULTIPLY, "/": op.DIVIDE}
_ORDER = {"<": (op.LESS, False), "<=": (op.LESS_EQUAL, False), ">": (op.LESS, True), ">=": (op.LESS_EQUAL, True)}
_CALENDAR = {"weekday": op.WEEKDAY, "day_of_month": op.DAY_OF_MONTH, "month": op.MONTH, "year": op.YEAR}


class Tables(NamedTuple):
    """What a program refers to by number: registers, texts and look-ups."""

    ref_number: Callable[[Ref], int]
    text_code: Callable[[str], int]
    lut_number: Callable[[str, str], int]


def assemble(tree: Tree, tables: Tables) -> list[int]:
    """The code of a program that leaves the value of `tree`. Raises OverflowError where it would need too much stack."""
    assembler = _Assembler(tables)
    assembler.emit(tree)
    if assembler.deepest > op.STACK_MAX:
        raise OverflowError(f"the rule needs {assembler.deepest} stack places, more than {op.STACK_MAX}")
    return assembler.code


class _Assembler:
    def __init__(self, tables: Tables) -> None:
        self.code: list[int] = []
        self.deepest = 0
        self._held = 0
        self._tables = tables

    def emit(self, tree: Tree) -> None:
        """Append the code that pushes the value of `tree`."""
        before = self._held
        match tree:
            case Column():
                self._push(op.LOAD, self._tables.ref_number(tree.ref))
            case Constant():
                self._push(op.PUSH, tree.value)
            case Text():
                self._push(op.PUSH, self._tables.text_code(tree.value))
            case And() | Or():
                self._connector(tree)
            case Case():
                self._case(tree)
            case Call():
                self._call(tree)
            case Compare():
                self._compare(tree)
            case Arithmetic():
                self.emit(tree.left)
                self.emit(tree.right)
                self.code.append(_ARITHMETIC[tree.op])
            case Scale():
                self.emit(tree.operand)
                self._push(op.PUSH, 10**tree.digits)
                self.code.append(op.MULTIPLY)
            case _:
                self.emit(tree.operand)
                self._of_one(tree)
        self._held = before + 1

    def _push(self, *code: int) -> None:
        self._held += 1
        self.deepest = max(self.deepest, self._held)
        self.code += code

    def _jump(self, operation: int) -> int:
        """Append a jump to be landed later; gives where its target is kept."""
        self.code += (operation, -1)
        return len(self.code) - 1

    def _land(self, *jumps: int) -> None:
        for jump in jumps:
            self.code[jump] = len(self.code)

    def _of_one(self, tree: Tree) -> None:
        negated = False
        match tree:
            case Range():
                self.code += (op.WITHIN, tree.low, tree.high)
                negated = tree.negated
            case Members():
                self.code += (op.MEMBER, len(tree.values), *tree.values)
                negated = tree.negated
            case OneOf():
                codes = sorted(self._tables.text_code(text) for text in tree.texts)
                self.code += (op.MEMBER, len(codes), *codes)
                negated = tree.negated
            case Match():
                self.code += (op.LOOK, self._tables.lut_number(tree.op, tree.pattern))
                negated = tree.negated
            case Contains():
                self.code += (op.BIT, tree.bit)
            case IsNull():
                self.code.append(op.IS_NULL)
                negated = tree.negated
            case Truth():
                self.code.append(op.IS_TRUE if tree.want else op.IS_FALSE)
                negated = tree.negated
            case Not():
                negated = True
            case Negate():
                self.code.append(op.NEGATE)
            case _:
                raise AssertionError(f"no program for {type(tree).__name__}")
        if negated:
            self.code.append(op.NOT)

    def _compare(self, tree: Compare) -> None:
        if tree.op in _ORDER:
            operation, swapped = _ORDER[tree.op]
            self.emit(tree.right if swapped else tree.left)
            self.emit(tree.left if swapped else tree.right)
            self.code.append(operation)
            return
        self.emit(tree.left)
        self.emit(tree.right)
        self.code.append(op.EQUAL)
        if tree.op == "<>":
            self.code.append(op.NOT)

    def _connector(self, tree: And | Or) -> None:
        deciding, joining = (op.JUMP_ZERO, op.AND) if isinstance(tree, And) else (op.JUMP_ONE, op.OR)
        self.emit(tree.parts[0])
        jumps = []
        for part in tree.parts[1:]:
            jumps.append(self._jump(deciding))
            self.emit(part)
            self.code.append(joining)
            self._held -= 1
        self._land(*jumps)

    def _case(self, tree: Case) -> None:
        ends = []
        for condition, result in tree.branches:
            self.emit(condition)
            self._held -= 1
            other = self._jump(op.JUMP_NOT_TRUE)
            self.emit(result)
            self._held -= 1
            ends.append(self._jump(op.JUMP))
            self._land(other)
        self.emit(tree.otherwise)
        self._land(*ends)

    def _call(self, call: Call) -> None:
        match call.function:
            case "coalesce":
                jumps = []
                for argument in call.arguments[:-1]:
                    self.emit(argument)
                    self._held -= 1
                    jumps.append(self._jump(op.JUMP_KNOWN))
                self.emit(call.arguments[-1])
                self._land(*jumps)
            case "least" | "greatest":
                self.emit(call.arguments[0])
                for argument in call.arguments[1:]:
                    self.emit(argument)
                    self.code.append(op.LEAST if call.function == "least" else op.GREATEST)
                    self._held -= 1
            case "abs":
                self.emit(call.arguments[0])
                self.code.append(op.ABSOLUTE)
            case "days_since" | "hours_since":
                self._since(call)
            case _:
                self._calendar(call)

    def _local(self, moment: Tree) -> None:
        self.emit(moment)
        self.code += (op.LOCAL, self._tables.ref_number(ZONE))

    def _since(self, call: Call) -> None:
        then, now = call.arguments
        is_date = then.type.kind is Kind.DATE
        if call.function == "days_since":
            self._local(now)
            self.code.append(op.DAY)
            if is_date:
                self.emit(then)
            else:
                self._local(then)
                self.code.append(op.DAY)
            self.code.append(op.SUBTRACT)
            return
        if is_date:
            self._local(now)
            self.emit(then)
            self._push(op.PUSH, MS_PER_DAY)
            self.code.append(op.MULTIPLY)
            self._held -= 1
        else:
            self.emit(now)
            self.emit(then)
        self.code.append(op.SUBTRACT)
        self._push(op.PUSH, MS_PER_HOUR)
        self.code.append(op.DIVIDE)

    def _calendar(self, call: Call) -> None:
        (argument,) = call.arguments
        if argument.type.kind is Kind.DATE:
            self.emit(argument)
        else:
            self._local(argument)
            self.code.append(op.HOUR if call.function == "local_hour" else op.DAY)
        if call.function in _CALENDAR:
            self.code.append(_CALENDAR[call.function])
