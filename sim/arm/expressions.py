"""Formulas as graphs: written once as plain arithmetic, then evaluated in double precision, differentiated, or written out.

An arm's equations are loops over joints whose constants are known: an axis is mostly zeros and ones. Plain arithmetic on
`Expression`s unrolls the loops; what is multiplied by nothing, and what stands there twice, falls away. What comes out is
straight-line code, four thousand operations of a dozen inputs a sub-step, which LLVM runs on sixteen arms at once. Lists of
numbers stand for vectors, lists of rows for matrices; a `Number` is an expression or a plain float.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Number: TypeAlias = "Expression | float"

UNARY: dict[str, Any] = {
    "neg": np.negative,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "floor": np.floor,
}
BINARY: dict[str, Any] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "max": np.maximum,
                          "min": np.minimum}  # fmt: skip
COMMUTATIVE = ("+", "*", "max", "min")


class Graph:
    """The operations of formulas, each once, in an order in which they can be carried out."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, tuple[Any, ...]]] = []
        self._known: dict[tuple[Any, ...], Expression] = {}

    def input(self, name: str, k: int = 0) -> "Expression":
        """The k-th number of a quantity."""
        return self.make("input", name, k)

    def inputs(self, name: str, count: int) -> list[Number]:
        """A quantity of several numbers."""
        return [self.input(name, k) for k in range(count)]

    def make(self, operation: str, *arguments: Any) -> "Expression":
        """The result of an operation; the one that is known already where it was asked for before."""
        if operation in COMMUTATIVE:
            arguments = tuple(sorted(arguments, key=_place))
        key = (operation, *arguments)
        if key not in self._known:
            self._known[key] = Expression(self, len(self.operations))
            self.operations.append((operation, arguments))
        return self._known[key]

    def needed(self, outputs: Iterable[Number]) -> list[int]:
        """The operations that outputs depend on, in order."""
        found, waiting = set(), [x.place for x in outputs if isinstance(x, Expression)]
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += [x.place for x in self.operations[place][1] if isinstance(x, Expression)]
        return sorted(found)

    def evaluate(self, outputs: Sequence[Number], values: Mapping[str, Any]) -> list[np.ndarray]:
        """Outputs where each quantity is values[name], (count,) or (count, lanes); in the precision of those."""
        results: dict[int, Any] = {}

        def of(x: Any) -> Any:
            return results[x.place] if isinstance(x, Expression) else x

        for place in self.needed(outputs):
            operation, arguments = self.operations[place]
            if operation == "input":
                results[place] = values[arguments[0]][arguments[1]]
            elif operation == "where":
                condition, yes, no = map(of, arguments)
                results[place] = np.where(condition > 0.0, yes, no)
            else:
                results[place] = (UNARY | BINARY)[operation](*map(of, arguments))
        return [np.asarray(of(x)) for x in outputs]

    def gradient(self, seeds: Sequence[tuple[Number, Number]], wanted: Sequence[Number]) -> list[Number]:
        """Of the sum of outputs times their seeds, with respect to `wanted`; in reverse, one sweep.

        A floor counts as constant, a kink takes one of its sides.
        """
        bars: dict[int, Number] = {}

        def add(x: Any, bar: Number) -> None:
            if isinstance(x, Expression):
                bars[x.place] = bars[x.place] + bar if x.place in bars else bar

        for output, seed in seeds:
            add(output, seed)
        for place in range(max(bars, default=-1), -1, -1):
            if place in bars:
                operation, arguments = self.operations[place]
                for x, bar in _backward(operation, arguments, bars[place], Expression(self, place)):
                    add(x, bar)
        return [bars.get(x.place, 0.0) if isinstance(x, Expression) else 0.0 for x in wanted]


def _backward(operation: str, of: tuple[Any, ...], bar: Number, result: "Expression") -> list[tuple[Any, Number]]:
    """What an operation passes back to each of its arguments."""
    match operation:
        case "+":
            return [(of[0], bar), (of[1], bar)]
        case "-":
            return [(of[0], bar), (of[1], -bar)]
        case "neg":
            return [(of[0], -bar)]
        case "*":
            return [(of[0], bar * of[1]), (of[1], bar * of[0])]
        case "/":
            share = bar / of[1]
            return [(of[0], share), (of[1], -(share * result))]
        case "sqrt":
            return [(of[0], 0.5 * bar / result)]
        case "sin":
            return [(of[0], bar * cos(of[0]))]
        case "cos":
            return [(of[0], -(bar * sin(of[0])))]
        case "abs":
            return [(of[0], where(of[0], bar, -bar))]
        case "max" | "min":
            first_counts = of[0] - of[1] if operation == "max" else of[1] - of[0]
            return [(of[0], where(first_counts, bar, 0.0)), (of[1], where(first_counts, 0.0, bar))]
        case "where":
            return [(of[1], where(of[0], bar, 0.0)), (of[2], where(of[0], 0.0, bar))]
    return []  # inputs, floor


class Expression:
    """A number that is known when the formula is evaluated. Arithmetic with it makes more of them."""

    __slots__ = ("graph", "place")

    def __init__(self, graph: Graph, place: int) -> None:
        self.graph, self.place = graph, place

    def __hash__(self) -> int:
        return self.place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.place == self.place

    def negated(self) -> "Expression | None":
        """x, where this is -x."""
        operation, arguments = self.graph.operations[self.place]
        if operation != "neg":
            return None
        positive: Expression = arguments[0]
        return positive

    def __add__(self, other: Number) -> Number:
        if isinstance(other, Expression):
            if (positive := other.negated()) is not None:
                return self - positive
            if (positive := self.negated()) is not None:
                return other - positive
        elif other == 0.0:
            return self
        return self.graph.make("+", self, _number(other))

    __radd__ = __add__

    def __sub__(self, other: Number) -> Number:
        if not isinstance(other, Expression):
            return self if other == 0.0 else self.graph.make("-", self, _number(other))
        if other == self:
            return 0.0
        positive = other.negated()
        return self + positive if positive is not None else self.graph.make("-", self, other)

    def __rsub__(self, other: float) -> Number:
        return -self if other == 0.0 else self.graph.make("-", _number(other), self)

    def __neg__(self) -> Number:
        operation, arguments = self.graph.operations[self.place]
        if (positive := self.negated()) is not None:
            return positive
        if operation == "-":
            return self.graph.make("-", arguments[1], arguments[0])
        return self.graph.make("neg", self)

    def __mul__(self, other: Number) -> Number:
        if isinstance(other, Expression):
            if (positive := other.negated()) is not None:
                return -(self * positive)
            if (positive := self.negated()) is not None:
                return -(positive * other)
        elif other in (0.0, 1.0, -1.0):
            return 0.0 if other == 0.0 else self if other == 1.0 else -self
        return self.graph.make("*", self, _number(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Number:
        return self.graph.make("/", self, other) if isinstance(other, Expression) else self * (1.0 / other)

    def __rtruediv__(self, other: float) -> Number:
        return 0.0 if other == 0.0 else self.graph.make("/", _number(other), self)


def _number(x: Number) -> Number:
    return x if isinstance(x, Expression) else float(x)


def _place(x: Number) -> tuple[bool, float]:
    return (False, x.place) if isinstance(x, Expression) else (True, x)


def _unary(operation: str, x: Number) -> Number:
    return x.graph.make(operation, x) if isinstance(x, Expression) else float(UNARY[operation](x))


def sin(x: Number) -> Number:
    return _unary("sin", x)


def cos(x: Number) -> Number:
    return _unary("cos", x)


def sqrt(x: Number) -> Number:
    return _unary("sqrt", x)


def absolute(x: Number) -> Number:
    return _unary("abs", x)


def floor(x: Number) -> Number:
    return _unary("floor", x)


def _either(operation: str, a: Number, b: Number) -> Number:
    for x in (a, b):
        if isinstance(x, Expression):
            return x.graph.make(operation, _number(a), _number(b))
    return float(BINARY[operation](a, b))


def maximum(a: Number, b: Number) -> Number:
    return _either("max", a, b)


def minimum(a: Number, b: Number) -> Number:
    return _either("min", a, b)


def clip(x: Number, low: Number, high: Number) -> Number:
    """x, or the limit that it is beyond."""
    return minimum(maximum(x, low), high)


def where(condition: Number, yes: Number, no: Number) -> Number:
    """`yes` where the condition is above 0, `no` elsewhere."""
    if not isinstance(condition, Expression):
        return yes if condition > 0.0 else no
    if type(yes) is type(no) and yes == no:
        return yes
    return condition.graph.make("where", condition, _number(yes), _number(no))
