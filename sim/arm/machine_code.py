"""Formulas as machine code in single precision: sixteen arms at once, one instruction for eight or sixteen of them.

Numba would take a minute to make of four thousand straight lines what LLVM, which is behind it, makes of them in a second. So
formulas are written in LLVM's own language, a line an operation on a vector of lanes. Arms live in blocks of `LANES`: all
numbers of a block are one record, `memory[(block * rows + row) * LANES + lane]` (see `sim/quadrotor/kernel.py`). The same formulas
in double precision check what comes out (`tests/sim/arm/test_batch.py`).
"""

import ctypes
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from sim import lane_math
from sim.arm.expressions import Expression
from sim.arm.substep import Formulas

LANES = 16
FLAGS = "contract arcp nsz afn"  # as `sim.single_precision.OPTIONS`: no sum in another order, and not-a-number stays what it is
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor"}
LARGER = {"max": "ogt", "min": "olt"}
SINE = (lane_math.SIN_1, lane_math.SIN_3, lane_math.SIN_5, lane_math.SIN_7, lane_math.SIN_9)

# For every block: a loop over ticks around the lanes' loop of the first part, then that of the second.
FUNCTION = """
define void @{name}(ptr %memory, i64 %blocks, i64 %from, i64 %to) #0 {{
entry:
  br label %block
block:
  %b = phi i64 [0, %entry], [%b.next, %block.end]
  %b.more = icmp slt i64 %b, %blocks
  br i1 %b.more, label %block.begin, label %end
block.begin:
  %record = mul i64 %b, {record}
  %base = getelementptr float, ptr %memory, i64 %record
  br label %tick
tick:
  %k = phi i64 [%from, %block.begin], [%k.next, %tick.end]
  %k.more = icmp slt i64 %k, %to
  br i1 %k.more, label %tick.begin, label %after
tick.begin:
  %k.float = sitofp i64 %k to float
  %k.one = insertelement {vector} poison, float %k.float, i64 0
  %tick.vector = shufflevector {vector} %k.one, {vector} poison, <{width} x i32> zeroinitializer
  br label %lanes
lanes:
  %l = phi i64 [0, %tick.begin], [%l.next, %lanes]
  %at = getelementptr float, ptr %base, i64 %l
{each}
  %l.next = add i64 %l, {width}
  %l.more = icmp slt i64 %l.next, {lanes}
  br i1 %l.more, label %lanes, label %tick.end
tick.end:
  %k.next = add i64 %k, 1
  br label %tick
after:
  %m = phi i64 [0, %tick], [%m.next, %after]
  %at.after = getelementptr float, ptr %base, i64 %m
{once}
  %m.next = add i64 %m, {width}
  %m.more = icmp slt i64 %m.next, {lanes}
  br i1 %m.more, label %after, label %block.end
block.end:
  %b.next = add i64 %b, 1
  br label %block
end:
  ret void
}}
"""


def places(rows: Mapping[str, int]) -> dict[str, int]:
    """The first row of each quantity."""
    found, at = {}, 0
    for name, count in rows.items():
        found[name] = at
        at += count
    return found


class Kernel:
    """Formulas carried out on all blocks of a memory: `each` once a tick, and then `once`."""

    def __init__(self, each: Formulas, once: Formulas, rows: Mapping[str, int]) -> None:
        """Compiles. rows: of a lane's record."""
        self._width = 16 if _features().get("avx512f") else 8
        self._vector = f"<{self._width} x float>"
        self._record, first = sum(rows.values()) * LANES, places(rows)
        text = FUNCTION.format(
            name="run", record=self._record, vector=self._vector, width=self._width, lanes=LANES,
            each="\n".join(self._lines("t", "%at", each, first)),
            once="\n".join(self._lines("u", "%at.after", once, first)),
        )  # fmt: skip
        names = (f"{x}.v{self._width}f32" for x in INTRINSICS.values())
        declared = "".join(f"declare {self._vector} @llvm.{name}({self._vector})\n" for name in names)
        attributes = f'attributes #0 = {{ nounwind "min-legal-vector-width"="{32 * self._width}" }}\n'
        self._engine = _compiled(declared + text + attributes)
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        self._run = kind(self._engine.get_function_address("run"))

    def run(self, memory: np.ndarray, from_tick: int, to_tick: int) -> None:
        """memory (blocks, rows, LANES) float32, C-contiguous, changed in place; ticks from `from_tick` to before `to_tick`."""
        if memory.dtype != np.float32 or not memory.flags.c_contiguous or memory[0].size != self._record:
            raise ValueError("memory: found another layout, allowed: blocks of this kernel's rows, float32, contiguous")
        self._run(memory.ctypes.data, len(memory), from_tick, to_tick)

    def _lines(self, prefix: str, at: str, formulas: Formulas, first: Mapping[str, int]) -> list[str]:
        graph, vector, lines = formulas.graph, self._vector, []

        def value(x: Any) -> str:
            return f"%{prefix}{x.place}" if isinstance(x, Expression) else self._constant(x)

        def address(result: str, row: str, k: int) -> str:
            return f"  {result} = getelementptr float, ptr {at}, i64 {LANES * (first[row] + k)}"

        for place in graph.needed([x for _, _, x in formulas.flat()]):
            operation, arguments = graph.operations[place]
            me = f"%{prefix}{place}"
            if operation == "input" and arguments[0] != "tick":
                lines += [address(f"{me}.at", *arguments), f"  {me} = load {vector}, ptr {me}.at, align 4"]
            elif operation == "input":
                lines.append(f"  {me} = fadd {vector} %tick.vector, {self._constant(0.0)}")
            else:
                lines += self._written(operation, me, [value(x) for x in arguments])
        for number, (row, k, x) in enumerate(formulas.flat()):
            target = f"%{prefix}.out{number}"
            lines += [address(target, row, k), f"  store {vector} {value(x)}, ptr {target}, align 4"]
        return lines

    def _constant(self, x: float) -> str:
        bits = struct.unpack("<Q", struct.pack("<d", float(np.float32(x))))[0]
        return "<" + ", ".join([f"float 0x{bits:016X}"] * self._width) + ">"

    def _written(self, operation: str, me: str, x: Sequence[str]) -> list[str]:
        """The lines of an operation whose result is called `me`."""
        vector, flagged = self._vector, f"{FLAGS} {self._vector}"
        if operation in ARITHMETIC:
            return [f"  {me} = {ARITHMETIC[operation]} {flagged} {x[0]}, {x[1]}"]
        if operation == "neg":
            return [f"  {me} = fneg {flagged} {x[0]}"]
        if operation in INTRINSICS:
            name = f"@llvm.{INTRINSICS[operation]}.v{self._width}f32"
            return [f"  {me} = call {flagged} {name}({vector} {x[0]})"]
        if operation in LARGER:
            compared = f"  {me}.is = fcmp {FLAGS} {LARGER[operation]} {vector} {x[1]}, {x[0]}"
            return [compared, self._select(me, x[1], x[0])]
        if operation == "where":
            return [
                f"  {me}.is = fcmp {FLAGS} ogt {vector} {x[0]}, {self._constant(0.0)}",
                self._select(me, x[1], x[2]),
            ]
        return self._circular(operation, me, x[0])

    def _select(self, me: str, yes: str, no: str) -> str:
        return f"  {me} = select <{self._width} x i1> {me}.is, {self._vector} {yes}, {self._vector} {no}"

    def _circular(self, operation: str, me: str, x: str) -> list[str]:
        """Sine and cosine as in `sim.lane_math`."""
        lines, names = [], iter(f"{me}.{k}" for k in range(40))

        def do(operation: str, *arguments: str) -> str:
            name = next(names)
            lines.extend(self._written(operation, name, arguments))
            return name

        quarter = self._constant(lane_math.QUARTER)
        if operation == "sin":
            x = do("-", x, quarter)
        half_turns = do("+", do("*", x, self._constant(lane_math.TURNS_PER_RADIAN)), self._constant(lane_math.HALF))
        within = do("abs", do("-", x, do("*", self._constant(lane_math.TURN), do("floor", half_turns))))
        y = do("-", quarter, within)
        square, polynomial = do("*", y, y), self._constant(SINE[-1])
        for coefficient in reversed(SINE[:-1]):
            polynomial = do("+", self._constant(coefficient), do("*", square, polynomial))
        return [*lines, *self._written("*", me, (y, polynomial))]


def _features() -> Any:
    """Of this machine: names, and whether it has them."""
    return llvm.get_host_cpu_features()


def _compiled(text: str) -> Any:
    """An engine that holds the code; it must live as long as the code is used."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=_features().flatten(),
        opt=2,
    )
    return llvm.create_mcjit_compiler(module, machine)
