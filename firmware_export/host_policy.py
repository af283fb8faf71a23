"""An exported policy compiled for this machine, called from Python."""

import ctypes
from pathlib import Path

import numpy as np

from firmware_export.network import Network

FLOATS = ctypes.POINTER(ctypes.c_float)


class HostPolicy:
    """The functions of policy.h in a shared library of `compilers.shared_library`. Its scratch is the library's own."""

    def __init__(self, library: Path, network: Network) -> None:
        self.network = network
        self.library = ctypes.CDLL(str(library))
        self.library.policy_infer.argtypes = self.library.policy_act.argtypes = [FLOATS, FLOATS]
        self.library.policy_normalise.argtypes = [FLOATS, FLOATS]
        self.library.policy_selftest.restype = ctypes.c_int

    def infer(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 for normalised inputs (n, inputs)."""
        return self.each_row(self.library.policy_infer, x, self.network.inputs, self.network.outputs)

    def normalise(self, raw: np.ndarray) -> np.ndarray:
        """What the network sees (n, sensed) float32 of raw observations (n, sensed)."""
        return self.each_row(self.library.policy_normalise, raw, self.network.sensed, self.network.sensed)

    def reset(self, first_action: float) -> None:
        """Pretend that every past action was this one."""
        self.library.policy_reset(ctypes.c_float(first_action))

    def act(self, sensed: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 of n decisions, one after the other, for raw observations (n, sensed)."""
        return self.each_row(self.library.policy_act, sensed, self.network.sensed, self.network.outputs)

    def selftest(self) -> bool:
        """Whether constants, weights and golden vectors are intact."""
        return bool(self.library.policy_selftest())

    def each_row(
        self, function: "ctypes._NamedFuncPointer", rows: np.ndarray, width: int, out_width: int
    ) -> np.ndarray:
        rows = np.ascontiguousarray(rows, np.float32)
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(f"rows: found shape {rows.shape}, allowed: (n, {width})")
        out = np.empty((len(rows), out_width), np.float32)
        for row, result in zip(rows, out, strict=True):
            function(row.ctypes.data_as(FLOATS), result.ctypes.data_as(FLOATS))
        return out
