"""A second emulator, which has nothing to do with our harness: a whole program on QEMU's STM32F405 prints its results."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware_export.arithmetic import KERNELS, Kernel
from firmware_export.c_source import c_source
from firmware_export.compilers import shared_library
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.emulated_policy import EmulatedPolicy, build_policy_program
from firmware_export.host_policy import HostPolicy
from firmware_export.network import Network, random_network
from firmware_export.verify import proof_vectors, same_bits
from tests.firmware_export.toolchain import needs_arm_gcc, needs_qemu

pytestmark = [needs_arm_gcc, needs_qemu]

MAIN = Path(__file__).parent / "qemu_main.c"
MACHINE = "netduinoplus2"  # an STM32F405
HOVER = random_network((146, 64, 64, 4), history=32)
NORMALISED = random_network((21, 13, 5), ("relu", "tanh"), (True, True), seed=2)


@pytest.mark.parametrize(("network", "kernel"), [*((HOVER, kernel) for kernel in KERNELS), (NORMALISED, "fma")])
def test_qemu_unicorn_and_this_machine_give_the_same_bits(network: Network, kernel: Kernel, tmp_path: Path) -> None:
    x = np.concatenate(proof_vectors(network, 100))
    code = c_source(network, kernel).write(tmp_path)
    selftest, found = on_qemu(network, code, x)
    assert selftest
    assert same_bits(found, HostPolicy(shared_library([code], tmp_path / "policy.so"), network).infer(x))
    assert same_bits(found, EmulatedPolicy(build_policy_program(code, tmp_path / "unicorn"), network).infer(x))


def test_the_self_test_notices_a_flipped_weight_there_too(tmp_path: Path) -> None:
    x = np.zeros((1, HOVER.inputs), np.float32)
    code = c_source(HOVER).write(tmp_path)
    program = build(code, x)
    at = program.symbols["policy_data"] - program.flash_start + program.symbol_sizes["policy_data"] // 2
    spoilt = bytearray(program.flash)
    spoilt[at] ^= 1
    for flash, answer in ((program.flash, 1), (bytes(spoilt), 0)):
        image = tmp_path / "image.bin"
        image.write_bytes(flash)
        assert int(printed(["-device", f"loader,file={image},addr={program.flash_start:#x}"])[0], 16) == answer


ONE_INFERENCE = """
#include "policy.h"
int main(void)
{
    static float x[POLICY_INPUTS], y[POLICY_OUTPUTS];
    policy_infer(x, y);
    register int exit __asm__("r0") = 0x18, well __asm__("r1") = 0x20026;
    __asm__ volatile("bkpt 0xab" : : "r"(exit), "r"(well));
    return 0;
}
"""
NOT_POLICY = ("main", "reset", "stopped", "memset")


@pytest.mark.parametrize("kernel", KERNELS)
def test_qemu_executes_as_many_instructions_as_were_counted(kernel: Kernel, tmp_path: Path) -> None:
    """QEMU executes one at a time, and says where each was."""
    code = c_source(HOVER, kernel).write(tmp_path)
    main = tmp_path / "one_inference.c"
    main.write_text(ONE_INFERENCE)
    program = build_program([code, main], tmp_path / "qemu", more=[f"-I{tmp_path}"])
    starts = {name: program.symbols[name] for name in NOT_POLICY if name in program.symbols}
    others = [range(start, start + program.symbol_sizes[name]) for name, start in starts.items()]
    lines = printed(["-singlestep", "-d", "exec,nochain", "-kernel", str(program.elf)], separator="\n")
    places = [int(line.split("/")[1], 16) for line in lines if line.startswith("Trace")]
    executed = sum(not any(place in function for function in others) for place in places)
    chip = EmulatedPolicy(build_policy_program(code, tmp_path / "unicorn"), HOVER)
    chip.infer(np.zeros((1, HOVER.inputs), np.float32))
    assert executed == chip.calls[0].instructions


def on_qemu(network: Network, code: Path, x: np.ndarray) -> tuple[bool, np.ndarray]:
    """The self-test's answer, and outputs (n, outputs) float32 for inputs (n, inputs)."""
    lines = printed(["-kernel", str(build(code, x).elf)])
    bits = np.array([int(line, 16) for line in lines[1:]], np.uint32)
    return bool(int(lines[0], 16)), bits.view(np.float32).reshape(len(x), network.outputs)


def build(code: Path, x: np.ndarray) -> Program:
    folder = code.parent
    rows = ",\n".join("{" + ", ".join(f"{bits:#x}u" for bits in row) + "}" for row in x.view(np.uint32).tolist())
    (folder / "inputs.h").write_text(
        f"#include <stdint.h>\n#define VECTORS {len(x)}\nstatic const uint32_t inputs[][{x.shape[1]}] = {{{rows}}};\n"
    )
    return build_program([code, MAIN], folder / "qemu", more=[f"-I{folder}"])


def printed(image: list[str], separator: str | None = None) -> list[str]:
    """What a program prints through semihosting, or QEMU itself, word by word or between separators."""
    command = ["qemu-system-arm", "-machine", MACHINE, "-nographic", "-monitor", "none", "-serial", "none",
               "-semihosting-config", "enable=on,target=native", *image]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).split(separator)
