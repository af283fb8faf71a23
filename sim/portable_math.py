"""Arithmetic with the same bits on every machine, for everything that a replay must repeat.

NumPy and the BLAS behind it choose their kernels by the processor (AVX2, AVX-512), and those differ in the last bit.
Here the order of operations is written down, nothing is contracted to fused multiply-adds, and sine and cosine are
libm's.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def cos_sin(angles):
    """Cosines and sines of angles (n,), rad: two arrays (n,) float64."""
    cosines, sines = np.empty(len(angles)), np.empty(len(angles))
    for k in range(len(angles)):
        cosines[k], sines[k] = math.cos(angles[k]), math.sin(angles[k])
    return cosines, sines


@njit(cache=True)
def product(a, b):
    """Matrix product of a (n, k) and b (k, m), float64, summed from the first column to the last."""
    n, inner, m = a.shape[0], a.shape[1], b.shape[1]
    out = np.zeros((n, m))
    for i in range(n):
        for k in range(inner):
            for j in range(m):
                out[i, j] += a[i, k] * b[k, j]
    return out


@njit(cache=True)
def inverse(matrix):
    """Inverse of a small matrix (n, n), float64, by Gauss-Jordan elimination with row pivots.

    Raises ValueError if the matrix is singular.
    """
    n = matrix.shape[0]
    rest, out = matrix.copy(), np.eye(n)
    for column in range(n):
        pivot = column
        for row in range(column + 1, n):
            if abs(rest[row, column]) > abs(rest[pivot, column]):
                pivot = row
        if rest[pivot, column] == 0.0:
            raise ValueError("inverse: the matrix is singular")
        for j in range(n):
            rest[column, j], rest[pivot, j] = rest[pivot, j], rest[column, j]
            out[column, j], out[pivot, j] = out[pivot, j], out[column, j]
        scale = 1.0 / rest[column, column]
        for j in range(n):
            rest[column, j] *= scale
            out[column, j] *= scale
        for row in range(n):
            factor = rest[row, column]
            if row != column and factor != 0.0:
                for j in range(n):
                    rest[row, j] -= factor * rest[column, j]
                    out[row, j] -= factor * out[column, j]
    return out
