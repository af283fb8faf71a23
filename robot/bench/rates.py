"""How often something can be done in a second, here and now."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

SECONDS = 0.005  # of each of REPEATS timings; the best one counts, since other programs only ever slow one down
REPEATS = 100


def calls_per_s(call: Callable[[], Any]) -> float:
    """Calls a second, after a first one that may compile."""
    call()
    started = time.perf_counter()
    call()
    calls = max(1, round(SECONDS / (time.perf_counter() - started)))
    best = np.inf
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, time.perf_counter() - started)
    return calls / float(best)


def sgemm_gflops() -> float:
    """The machine's own speed: single-precision products of 512 x 512 matrices, GFLOP/s."""
    a, b = np.random.default_rng(3).random((2, 512, 512), dtype=np.float32)
    out = np.empty_like(a)
    return round(2e-9 * 512**3 * calls_per_s(lambda: np.matmul(a, b, out=out)), 1)
