"""Stand-ins for `math` that LLVM can vectorise: float32 arguments and results, no call into libm."""

import math

import numpy as np
from numba import njit

sqrt, floor, pi = math.sqrt, math.floor, np.float32(math.pi)

TURN = np.float32(2 * math.pi)
TURNS_PER_RADIAN = np.float32(1 / (2 * math.pi))
QUARTER = np.float32(math.pi / 2)
HALF = np.float32(0.5)
# Minimax odd polynomial of sin on [-pi/2, pi/2]: absolute error 3.3e-9 in exact arithmetic, 1.6e-7 in float32.
SIN_1, SIN_3, SIN_5 = np.float32(0.99999997658), np.float32(-0.16666647635), np.float32(0.00833289982)
SIN_7, SIN_9 = np.float32(-0.00019800898), np.float32(2.5904885e-06)


@njit(forceinline=True, error_model="numpy", fastmath={"contract", "nsz"})
def _sin_within_quarter(x):
    square = x * x
    return x * (SIN_1 + square * (SIN_3 + square * (SIN_5 + square * (SIN_7 + square * SIN_9))))


@njit(forceinline=True, error_model="numpy", fastmath={"contract", "nsz"})
def cos(x):
    """Cosine, absolute error 3e-7 for |x| <= pi and growing by 2e-7 for each turn beyond."""
    x = abs(x - TURN * np.floor(x * TURNS_PER_RADIAN + HALF))
    return _sin_within_quarter(QUARTER - x)


@njit(forceinline=True, error_model="numpy", fastmath={"contract", "nsz"})
def sin(x):
    """Sine, of the same error as `cos`."""
    x = x - QUARTER
    x = abs(x - TURN * np.floor(x * TURNS_PER_RADIAN + HALF))
    return _sin_within_quarter(QUARTER - x)
