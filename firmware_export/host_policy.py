"""An exported policy compiled for this machine, called from Python."""

import ctypes
from pathlib import Path

import numpy as np

from firmware_export.network import Network


class HostPolicy:
    """The functions of policy.h in a shared library of `compilers.shared_library`. Its scratch is the library's own; a memory
    is this object's."""

    def __init__(self, library: Path, network: Network) -> None:
        self.network = network
        self.library = ctypes.CDLL(str(library))
        self.library.policy_selftest.restype = ctypes.c_int
        self.state = np.zeros(network.memory + network.outputs, np.float32)  # struct policy_state

    def infer(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 for normalised inputs (n, inputs), nothing being remembered."""
        return self.step(x, self.network.initial_memory(len(x)))[0]

    def step(self, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (n, outputs) and next memories (n, memory) float32 for normalised inputs (n, inputs) and memories."""
        after = np.array(memory, np.float32)
        y = np.empty((len(x), self.network.outputs), np.float32)
        for seen, row, result in zip(self.rows(x, self.network.inputs), after, y, strict=True):
            between = [address(row)] if self.network.memory else []
            self.library.policy_infer(address(seen), *between, address(result))
        return y, after

    def normalise(self, raw: np.ndarray) -> np.ndarray:
        """What the network sees (n, sensed) float32 of raw observations (n, sensed)."""
        out = np.empty((len(raw), self.network.sensed), np.float32)
        for row, result in zip(self.rows(raw, self.network.sensed), out, strict=True):
            self.library.policy_normalise(address(row), address(result))
        return out

    def reset(self, first_action: float) -> None:
        """Remember nothing, and pretend that every past action was this one."""
        state = [address(self.state)] if self.network.memory else []
        self.library.policy_reset(*state, ctypes.c_float(first_action))

    def act(self, sensed: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 of n decisions, one after the other, for raw observations (n, sensed)."""
        state = [address(self.state)] if self.network.memory else []
        out = np.empty((len(sensed), self.network.outputs), np.float32)
        for row, result in zip(self.rows(sensed, self.network.sensed), out, strict=True):
            self.library.policy_act(*state, address(row), address(result))
        return out

    def selftest(self) -> bool:
        """Whether constants, weights and golden vectors are intact."""
        return bool(self.library.policy_selftest())

    def rows(self, rows: np.ndarray, width: int) -> np.ndarray:
        rows = np.ascontiguousarray(rows, np.float32)
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(f"rows: found shape {rows.shape}, allowed: (n, {width})")
        return rows


def address(numbers: np.ndarray) -> ctypes.c_void_p:
    """Where the numbers are, for C."""
    return ctypes.c_void_p(numbers.ctypes.data)
