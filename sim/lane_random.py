"""Random numbers for many lanes at once: 32-bit integer arithmetic that LLVM can vectorise, a few operations each.

A lane's generator is one uint32, which `next_bits` steps. From one of its states come as many words as are wanted, each
by its number `k`, so that they do not wait for each other. (Give `k` as uint32: Numba compiles anew for each literal.)
"""

import math

import numpy as np
from numba import int32, njit, uint32

NORMAL_PER_BYTES = 1.0 / math.sqrt(4 * (256**2 - 1) / 12)  # scales a sum of four uniform bytes to unit variance


@njit(forceinline=True)
def next_bits(bits):
    """The generator's next state: xorshift32 (Marsaglia, 2003). It must not be zero."""
    bits = uint32(bits ^ uint32(bits << uint32(13)))
    bits = uint32(bits ^ uint32(bits >> uint32(17)))
    return uint32(bits ^ uint32(bits << uint32(5)))


@njit(forceinline=True)
def word(bits, k):
    """The k-th word of a state: a mixed counter (lowbias32; Wellons, 2018)."""
    word = uint32(bits + uint32(uint32(k) * uint32(0x9E3779B9)))
    word = uint32(word ^ uint32(word >> uint32(16)))
    word = uint32(word * uint32(0x7FEB352D))
    word = uint32(word ^ uint32(word >> uint32(15)))
    word = uint32(word * uint32(0x846CA68B))
    return uint32(word ^ uint32(word >> uint32(16)))


@njit(forceinline=True)
def uniform(bits, k, low, high):
    """A number between low and high from the k-th word."""
    return low + (high - low) * (np.float32(int32(word(bits, k) >> uint32(8))) * 2.0**-24)


@njit(forceinline=True)
def three_uniforms(bits, k, most):
    """Three numbers between -most and most from the k-th word (uint32) and the two after it."""
    one = uint32(1)
    k_1, k_2 = uint32(k + one), uint32(k + one + one)
    return uniform(bits, k, -most, most), uniform(bits, k_1, -most, most), uniform(bits, k_2, -most, most)


@njit(forceinline=True)
def four_normals(bits, k):
    """Four uncorrelated numbers, nearly normal, of unit variance, from the k-th word.

    They are sums of its four bytes with the signs of a Hadamard matrix (Irwin-Hall: never beyond 3.5).
    """
    w = word(bits, k)
    a, b = np.float32(int32(w & uint32(255))), np.float32(int32(uint32(w >> uint32(8)) & uint32(255)))
    c, d = np.float32(int32(uint32(w >> uint32(16)) & uint32(255))), np.float32(int32(w >> uint32(24)))
    sum_ab, sum_cd, less_ab, less_cd = a + b, c + d, a - b, c - d
    return (
        (sum_ab + sum_cd - 510.0) * NORMAL_PER_BYTES, (sum_ab - sum_cd) * NORMAL_PER_BYTES,
        (less_ab + less_cd) * NORMAL_PER_BYTES, (less_ab - less_cd) * NORMAL_PER_BYTES,
    )  # fmt: skip
