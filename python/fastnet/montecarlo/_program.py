"""Expressions as a list of operations on single columns, and their translation to the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet import _core

_OPS: dict[str, int] = {name: number for number, name in enumerate(_core.EXPRESSION_OPS)}
# More than this and Python on tiles is not much slower, while registers leave the caches.
_MAX_STEPS = 4096
_MAX_REGISTERS = 128


class Untraceable(TypeError):
    """Why a function cannot be turned into an expression."""


@dataclass(frozen=True, slots=True)
class Node:
    """One column of samples: its number, and what kind of values it has.

    Integers and truth values are kept as numbers and as masks; of integers the range is known, so
    that none is beyond what the dtype holds exactly.
    """

    number: int
    kind: str  # "float", "int" or "bool"
    low: float = 0.0
    high: float = 0.0


class Program:
    """Operations on columns, each written once: the same operation on the same operands is shared.

    Parameters
    ----------
    dtype : numpy.dtype
        What the engine computes in.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        # Integers up to this are numbers of the dtype.
        self.exact = 2.0 ** (np.finfo(dtype).nmant + 1)
        self.operations: list[tuple[str, tuple[int, ...]]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    # ---- building ----

    def _add(self, name: str, *operands: Any) -> int:
        key = (name, *operands)
        number = self._known.get(key)
        if number is None:
            if len(self.operations) >= _MAX_STEPS:
                msg = f"the expression has more than {_MAX_STEPS} operations"
                raise Untraceable(msg)
            number = self._known[key] = len(self.operations)
            self.operations.append((name, operands))
        return number

    def column(self, j: int) -> Node:
        """Return column j of the input."""
        return Node(self._add("column", j), "float")

    def constant(self, value: Any) -> Node:
        """Return a scalar of NumPy's or Python's."""
        if isinstance(value, bool | np.bool_):
            # A truth value's bits: all set, or none.
            return Node(self._add("truth", bool(value)), "bool")
        if isinstance(value, int | np.integer):
            return Node(self._add("constant", float(value).hex()), "int", int(value), int(value))
        if isinstance(value, float | np.floating):
            return Node(self._add("constant", float(value).hex()), "float")
        msg = f"a constant of type {type(value).__name__}"
        raise Untraceable(msg)

    def operation(self, name: str, *operands: Node, kind: str = "float") -> Node:
        """Return an operation on numbers; truth values count as 0 and 1."""
        return Node(self._add(name, *(self.number(a).number for a in operands)), kind)

    def integer(self, name: str, operands: tuple[Node, ...], low: float, high: float) -> Node:
        """Return an operation whose result is an integer in [low, high]."""
        for a in operands:
            self._bounded(a.number, a.low, a.high)
        return self._bounded(self.operation(name, *operands).number, low, high)

    def logical(self, name: str, *operands: Node) -> Node:
        """Return an operation on truth values."""
        return Node(self._add(name, *(self.truth(a).number for a in operands)), "bool")

    def where(self, condition: Node, a: Node, b: Node, kind: str) -> Node:
        """Return a where the condition holds, else b."""
        mask = self.truth(condition).number
        if kind == "bool":
            return Node(
                self._add("where", self.truth(a).number, self.truth(b).number, mask), "bool"
            )
        a, b = self.number(a), self.number(b)
        number = self._add("where", a.number, b.number, mask)
        if kind != "int":
            return Node(number, kind)
        return self._bounded(number, min(a.low, b.low), max(a.high, b.high))

    def number(self, a: Node) -> Node:
        """Return a truth value as 0 or 1, anything else as it is."""
        if a.kind != "bool":
            return a
        one, none = self.constant(1), self.constant(0)
        return Node(self._add("where", one.number, none.number, a.number), "int", 0, 1)

    def truth(self, a: Node) -> Node:
        """Return whether a number differs from 0, a truth value as it is."""
        if a.kind == "bool":
            return a
        return Node(self._add("not_equal", a.number, self.constant(0).number), "bool")

    def _bounded(self, number: int, low: float, high: float) -> Node:
        if max(abs(low), abs(high)) > self.exact:
            msg = f"integers that may exceed {self.exact:.0f}"
            raise Untraceable(msg)
        return Node(number, "int", low, high)

    # ---- translation ----

    def compile(self, outputs: list[Node]) -> Any:
        """Return the engine's expression that gives these columns."""
        wanted = [self.number(a).number for a in outputs]
        needed = self._needed(wanted)
        columns = [i for i in needed if self.operations[i][0] == "column"]
        last_use = {operand: i for i in needed for operand in self._operands(i)}
        constants: dict[Any, int] = {}
        place: dict[int, int] = {}
        for slot, i in enumerate(columns):
            place[i] = slot
        used = len(columns)
        free: list[int] = []
        keep = set(wanted)
        steps = []
        for i in needed:
            name, operands = self.operations[i]
            if name == "column":
                continue
            if name in ("constant", "truth"):
                place[i] = -1 - constants.setdefault((name, operands[0]), len(constants))
                continue
            arguments = [place[a] for a in operands]
            for a in set(operands):
                if last_use[a] == i and a not in keep and place[a] >= 0:
                    free.append(place[a])
            if free:
                place[i] = free.pop()
            else:
                place[i], used = used, used + 1
            steps.append([_OPS[name], place[i], *arguments, *[0] * (3 - len(arguments))])
        registers = []
        for i in wanted:
            if place[i] < 0:
                steps.append([_OPS["copy"], used, place[i], 0, 0])
                place[i], used = used, used + 1
            registers.append(place[i])
        if used > _MAX_REGISTERS:
            msg = f"the expression needs more than {_MAX_REGISTERS} registers"
            raise Untraceable(msg)
        make = _core.Expression_f32 if self.dtype == np.float32 else _core.Expression_f64
        return make(
            np.array(steps, np.int32).reshape(-1, 5),
            _constants(list(constants), self.dtype),
            used,
            [int(self.operations[i][1][0]) for i in columns],
            registers,
        )

    def _operands(self, i: int) -> tuple[int, ...]:
        name, operands = self.operations[i]
        return () if name in ("column", "constant", "truth") else operands

    def _needed(self, wanted: list[int]) -> list[int]:
        """Return, in order, the operations that these depend on."""
        needed, stack = set(), list(wanted)
        while stack:
            i = stack.pop()
            if i not in needed:
                needed.add(i)
                stack.extend(self._operands(i))
        return sorted(needed)


def _constants(keys: list[tuple[str, Any]], dtype: np.dtype[Any]) -> Any:
    """Return constants as numbers of the dtype; of truth values, the bits."""
    values = np.zeros(len(keys), dtype)
    bits = values.view(np.dtype(f"u{dtype.itemsize}"))
    for i, (name, value) in enumerate(keys):
        if name == "truth":
            bits[i] = np.iinfo(bits.dtype).max if value else 0
        else:
            with np.errstate(over="ignore"):
                values[i] = float.fromhex(value)
    return values
