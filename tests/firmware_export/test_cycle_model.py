"""The cycle model against the manual's tables, on instructions written by hand."""

import pytest

from firmware_export.cycle_model import Instruction, own_cycles, straight_cycles


def instructions(*lines: str) -> list[Instruction]:
    parsed = (line.split(maxsplit=1) for line in lines)
    return [Instruction(0, 4, mnemonic, rest[0] if rest else "") for mnemonic, *rest in parsed]


@pytest.mark.parametrize(
    ("line", "cycles"),
    [
        ("vfma.f32 s0, s1, s2", 3),
        ("vmla.f32 s0, s1, s2", 3),
        ("vmul.f32 s0, s1, s2", 1),
        ("vadd.f32 s0, s1, s2", 1),
        ("vdiv.f32 s0, s1, s2", 14),
        ("vldr s0, [r1, #4]", 2),
        ("vldmia r0!, {s16-s31}", 17),
        ("vpush {d8-d15}", 17),
        ("vmovgt.f32 s0, s1", 1),
        ("vcvt.f32.s32 s0, s0", 1),
        ("ldr.w r0, [r1, #4]", 2),
        ("ldrne r0, [r1]", 2),
        ("ldrd r0, r1, [sp]", 3),
        ("stmdb sp!, {r4, r5, lr}", 4),
        ("pop {r4, pc}", 3),
        ("smlad r0, r1, r2, r0", 1),
        ("bic.w r0, r1, r2", 1),
        ("udiv r0, r1, r2", 12),
    ],
)
def test_an_instruction_alone(line: str, cycles: int) -> None:
    assert own_cycles(instructions(line)[0]) == cycles


@pytest.mark.parametrize(
    ("lines", "cycles"),
    [
        (("vmul.f32 s0, s1, s2", "vadd.f32 s3, s0, s4"), 1 + 1 + 1),  # waits for s0
        (("vmul.f32 s0, s1, s2", "vadd.f32 s0, s3, s4"), 1 + 1),  # writes s0, does not need it
        (("vfma.f32 s0, s1, s2", "vfma.f32 s0, s3, s4"), 3 + 1 + 3),  # adds to s0
        (("vadd.f32 s0, s1, s2", "vstr s0, [r0]"), 1 + 1 + 2),
        (("vldr s0, [r0]", "vadd.f32 s1, s0, s0"), 2 + 1),  # loads are not arithmetic
        (("ldr r0, [r1]", "ldr r2, [r1, #4]", "add r0, r2"), 2 + 1 + 1),  # address and data phases overlap
    ],
)
def test_instructions_that_follow_one_another(lines: tuple[str, ...], cycles: int) -> None:
    assert straight_cycles(instructions(*lines)) == cycles
