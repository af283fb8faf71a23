"""An exported policy on the emulated Cortex-M4, called from Python like `host_policy.py`'s on this machine."""

from pathlib import Path

import numpy as np

from firmware_export.compilers import Optimisation
from firmware_export.cortex_m4 import CCM, CCM_BYTES, Call, CortexM4, CountingCortexM4
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.network import Network

SELFTEST_MAIN = Path(__file__).parent / "selftest_main.c"
STATE, INPUTS = CCM, CCM + CCM_BYTES // 2


def build_policy_program(code: Path, folder: Path, optimisation: Optimisation = "2") -> Program:
    """policy.c as a program that tests itself when it starts, with policy.h beside it."""
    return build_program([code, SELFTEST_MAIN], folder, optimisation, more=[f"-I{code.parent}"])


class EmulatedPolicy:
    """The functions of policy.h in a booted program; `calls`: what the latest `step` or `act` took, one for each row.

    counts: whether calls are counted, which takes ten times as long. The core's own memory has the arguments: the memory or the state at STATE, inputs behind them, then what comes out.
    """

    def __init__(self, program: Program, network: Network, counts: bool = True) -> None:
        self.network = network
        self.processor = CountingCortexM4(program) if counts else CortexM4(program)
        self.calls: list[Call] = []

    def infer(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 for normalised inputs (n, inputs), nothing being remembered."""
        return self.step(x, self.network.initial_memory(len(x)))[0]

    def step(self, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (n, outputs) and next memories (n, memory) float32 for normalised inputs (n, inputs) and memories."""
        memory = np.array(memory, "<f4")
        y = np.empty((len(x), self.network.outputs), np.float32)
        self.calls = []
        for seen, remembered, result in zip(x, memory, y, strict=True):
            self.processor.write(STATE, remembered.tobytes())
            result[:] = self.called("policy_infer", seen, [STATE] if self.network.memory else [], first=False)
            remembered[:] = self.state[: self.network.memory]
        return y, memory

    def reset(self, first_action: float) -> None:
        """Remember nothing, and pretend that every past action was this one."""
        self.processor.call("policy_reset", *([STATE] if self.network.memory else []), first_action)

    def act(self, sensed: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 of n decisions, one after the other, for raw observations (n, sensed)."""
        self.calls = []
        state = [STATE] if self.network.memory else []
        return np.array([self.called("policy_act", row, state, first=True) for row in sensed])

    def called(self, function: str, row: np.ndarray, state: list[int], first: bool) -> np.ndarray:
        """What a function makes of a row of inputs; first: whether the state is its first argument, or its second."""
        data = np.ascontiguousarray(row, "<f4").tobytes()
        at_result = INPUTS + len(data)
        self.processor.write(INPUTS, data)
        arguments = [*state, INPUTS, at_result] if first else [INPUTS, *state, at_result]
        if isinstance(self.processor, CountingCortexM4):
            self.calls.append(self.processor.call_counted(function, *arguments))
        else:
            self.processor.call(function, *arguments)
        return np.frombuffer(self.processor.read(at_result, 4 * self.network.outputs), "<f4")

    @property
    def state(self) -> np.ndarray:
        """struct policy_state: memory and last action, float32 (memory + outputs,)."""
        return np.frombuffer(self.processor.read(STATE, 4 * (self.network.memory + self.network.outputs)), "<f4")


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
