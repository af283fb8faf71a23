"""The emulated processor: it boots, calls, counts, and says when a program faults."""

from pathlib import Path

import numpy as np
import pytest

from firmware_export.cortex_m4 import CCM, CortexM4, CountingCortexM4
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.cycle_model import BRANCH_REFILL
from tests.firmware_export.toolchain import needs_arm_gcc

pytestmark = needs_arm_gcc

CODE = """
#include <stdint.h>
static int initialised = 41, zeroed;
static const char constant[] = "in flash";
int main(void) { zeroed += initialised; return zeroed + 1; }
float divided(float a, float b) { return a / b; }
int divided_bits(float a, float b) { union { float f; int i; } u = {a / b}; return u.i; }
int sum(const int *values, int n) { int s = 0; for (int i = 0; i < n; i++) s += values[i]; return s; }
int letter(int i) { return constant[i]; }
int lost(void) { return *(volatile int *)0x60000000; }
int counted(int n);
__asm__(".thumb_func\\n.global counted\\n.type counted, %function\\n"
        "counted: mov r1, #0\\n"            /* 1 cycle */
        "1: add r1, r1, #1\\n"              /* n times 1 */
        "cmp r1, r0\\n"                     /* n times 1 */
        "bne 1b\\n"                         /* n times 1, n - 1 times taken */
        "bx lr\\n");                        /* 1, taken */
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("program")
    source = folder / "example.c"
    source.write_text(CODE)
    return build_program([source], folder / "build", more=["-Wno-missing-prototypes"])


def test_it_boots_as_the_chip_does(program: Program) -> None:
    """Main finds its variables, one from flash and one zeroed, and a stack."""
    assert CortexM4(program).status == 42


def test_arguments_and_results(program: Program) -> None:
    processor = CortexM4(program)
    processor.write(CCM, np.arange(10, dtype="<i4").tobytes())
    assert processor.call("sum", CCM, 10) == 45
    assert processor.call("letter", 3) == ord("f")


@pytest.mark.parametrize(("a", "b"), [(1.0, 3.0), (1e-40, 3.0), (0.0, 0.0), (-1.0, 0.0)])
def test_floats_are_ieees_denormal_ones_too(program: Program, a: float, b: float) -> None:
    found = np.uint32(CortexM4(program).call("divided_bits", a, b)).view(np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, np.float32(a) / np.float32(b))


@pytest.mark.parametrize("n", [1, 2, 100])
def test_instructions_and_cycles_are_counted(program: Program, n: int) -> None:
    processor = CountingCortexM4(program)
    for _ in range(2):  # the second time from what was translated at the first
        call = processor.call_counted("counted", n)
        assert call.instructions == 1 + 3 * n + 1
        assert call.cycles == call.instructions + BRANCH_REFILL * (n - 1) + BRANCH_REFILL


def test_a_fault_is_told_with_its_place(program: Program) -> None:
    with pytest.raises(RuntimeError, match="fault at 0x08"):
        CortexM4(program).call("lost")


def test_a_program_may_begin_behind_a_bootloader(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "example.c"
    source.write_text(CODE)
    moved = build_program([source], tmp_path / "build", flash_start=0x08004000)
    assert min(moved.symbols[name] for name in ("vectors", "main", "reset")) == moved.symbols["vectors"] == 0x08004000
    assert CortexM4(moved).status == 42
