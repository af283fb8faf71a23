"""An exported policy on the emulated Cortex-M4, called from Python like `host_policy.py`'s on this machine."""

from pathlib import Path

import numpy as np

from firmware_export.compilers import Optimisation
from firmware_export.cortex_m4 import CCM, Call, CortexM4, CountingCortexM4
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.network import Network

SELFTEST_MAIN = Path(__file__).parent / "selftest_main.c"


def build_policy_program(code: Path, folder: Path, optimisation: Optimisation = "2") -> Program:
    """policy.c as a program that tests itself when it starts, with policy.h beside it."""
    return build_program([code, SELFTEST_MAIN], folder, optimisation, more=[f"-I{code.parent}"])


class EmulatedPolicy:
    """The functions of policy.h in a booted program; `calls`: what the latest `infer` or `act` took, one for each row."""

    def __init__(self, program: Program, network: Network) -> None:
        self.network = network
        self.processor = CountingCortexM4(program)
        self.calls: list[Call] = []

    def infer(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 for normalised inputs (n, inputs)."""
        return self.each_row("policy_infer", x)

    def act(self, sensed: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 of n decisions, one after the other, for raw observations (n, sensed)."""
        return self.each_row("policy_act", sensed)

    def each_row(self, function: str, rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows, "<f4")
        out = np.empty((len(rows), self.network.outputs), np.float32)
        at_result = CCM + rows[0].nbytes
        self.calls = []
        for row, result in zip(rows, out, strict=True):
            self.processor.write(CCM, row.tobytes())
            self.calls.append(self.processor.call_counted(function, CCM, at_result))
            result[:] = np.frombuffer(self.processor.read(at_result, out[0].nbytes), "<f4")
        return out


def flip_bits(program: Program, flips: int, seed: int = 0) -> int:
    """Flip random single bits of the policy's weights and constants in flash, one at a time, put back after each.

    Returns how many of them the self-test did not notice.
    """
    processor = CortexM4(program)
    start, size = program.symbols["policy_data"], program.symbol_sizes["policy_data"]
    missed = 0
    for bit in np.random.default_rng(seed).choice(8 * size, min(flips, 8 * size), replace=False).tolist():
        address = start + bit // 8
        byte = processor.read(address, 1)
        processor.write(address, bytes([byte[0] ^ 1 << bit % 8]))
        missed += processor.call("policy_selftest")
        processor.write(address, byte)
    return missed
