"""How many cycles a Cortex-M4F takes for a run of instructions: a model from ARM's tables, not a measurement.

Source: ARM, Cortex-M4 Technical Reference Manual r0p1, tables 3-1 (integer) and 7-1 (floating point). Flash is taken to
be read without waiting (the STM32F405's cache, on a hit); a taken branch refills the pipeline in two cycles (the manual:
one to three); a division of integers takes its longest time; an instruction that is skipped by a condition takes as long
as if it were not, so that the figure does not depend on data.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

BRANCH_REFILL = 2
LOAD_STORE = re.compile(r"(ldr|str)(?!d|ex)")
BRANCH = re.compile(r"(b|bl|bx|blx)(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?$|cbn?z$")
FLOAT_ARITHMETIC = re.compile(r"v(n?ml[as]|fn?m[as]|n?mul|add|sub|div|sqrt|abs|neg|cvt)")
ACCUMULATES = re.compile(r"v(n?ml[as]|fn?m[as])")
READS_ALL = re.compile(r"v(str|stm|push|cmp)|vmov")

# The first that matches the mnemonic counts; `N` is the number of words moved.
CYCLES: tuple[tuple[str, re.Pattern[str], int, bool], ...] = (
    ("multiply-accumulate", ACCUMULATES, 3, False),
    ("division, square root", re.compile(r"v(div|sqrt)"), 14, False),
    ("floating-point load or store", re.compile(r"v(ldr|str)"), 2, False),
    ("floating-point load or store, 1 + N", re.compile(r"v(ldm|stm|push|pop)"), 1, True),
    ("other floating point", re.compile(r"v"), 1, False),
    ("load or store, 1 + N", re.compile(r"ldm|stm|push|pop"), 1, True),
    ("load or store of two words", re.compile(r"ldrd|strd"), 3, False),
    ("load or store", LOAD_STORE, 2, False),
    ("integer division", re.compile(r"[us]div"), 12, False),
    ("table branch", re.compile(r"tb[bh]"), 2, False),
    ("data processing, branch", re.compile(r""), 1, False),
)


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly: `vfma.f32`, `s0, s1, s2`."""

    address: int
    size: int
    mnemonic: str
    operands: str

    @property
    def name(self) -> str:
        """The mnemonic without type or width."""
        return self.mnemonic.split(".")[0]


def straight_cycles(block: Sequence[Instruction]) -> int:
    """Cycles of instructions that follow one another, no branch among them taken."""
    total = 0
    for before, instruction in zip([None, *block], block, strict=False):
        total += own_cycles(instruction)
        if before is not None and LOAD_STORE.match(before.name) and LOAD_STORE.match(instruction.name):
            total -= 1  # its address phase overlaps the data phase of the one before
        if before is not None and waits_for(before, instruction):
            total += 1
    return total


def own_cycles(instruction: Instruction) -> int:
    """Cycles of an instruction alone."""
    for _, pattern, cycles, each_word in CYCLES:
        if pattern.match(instruction.name):
            return cycles + words_moved(instruction.operands) if each_word else cycles
    raise AssertionError("the last pattern matches everything")


def words_moved(operands: str) -> int:
    """Words in a list of registers such as `{r4, r5, pc}` or `{d8-d15}`, a d register having two."""
    total = 0
    for part in operands[operands.index("{") + 1 : operands.index("}")].split(","):
        first, _, last = part.strip().partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        total += count * (2 if first.startswith("d") else 1)
    return total


def waits_for(before: Instruction, instruction: Instruction) -> bool:
    """Whether an instruction needs the floating-point result of the one before it: that takes a cycle longer."""
    if not FLOAT_ARITHMETIC.match(before.name):
        return False
    result = before.operands.split(",")[0].strip()
    registers = re.findall(r"\b[sd]\d+\b", instruction.operands)
    reads_first = READS_ALL.match(instruction.name) or ACCUMULATES.match(instruction.name)
    return result in (registers if reads_first else registers[1:])
