"""The portable arithmetic agrees with NumPy's, and does not depend on the processor's BLAS or vector kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.portable_math import cos_sin, inverse, product
from tests.processors import OTHER_PROCESSORS


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 6), m=st.integers(1, 6), k=st.integers(1, 40), seed=st.integers(0, 1000))
def test_products_and_inverses_agree_with_numpy(n: int, m: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, k)), rng.normal(size=(k, m))
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-12, atol=1e-12)
    square = rng.normal(size=(n, n)) + 3.0 * np.eye(n)[rng.permutation(n)]
    np.testing.assert_allclose(square @ inverse(square), np.eye(n), atol=1e-8)


def test_a_zero_on_the_diagonal_needs_a_pivot() -> None:
    swap = np.array([[0.0, 2.0], [4.0, 0.0]])
    np.testing.assert_array_equal(inverse(swap), [[0.0, 0.25], [0.5, 0.0]])


def test_a_singular_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="singular"):
        inverse(np.ones((3, 3)))


def test_cosines_and_sines_agree_with_numpy() -> None:
    angles = np.linspace(-20.0, 20.0, 999)
    cosines, sines = cos_sin(angles)
    np.testing.assert_allclose(cosines, np.cos(angles), atol=1e-15)
    np.testing.assert_allclose(sines, np.sin(angles), atol=1e-15)


@pytest.mark.parametrize("other", OTHER_PROCESSORS, ids=lambda other: next(iter(other)))
def test_the_bits_do_not_depend_on_the_processor(other: dict[str, str]) -> None:
    program = (
        "import numpy as np, zlib; from sim.portable_math import cos_sin, inverse, product\n"
        "a = np.random.default_rng(1).normal(size=(5, 5))\n"
        "print(zlib.crc32(product(a, a).tobytes() + inverse(a).tobytes() + cos_sin(a.ravel())[0].tobytes()))"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    here, there = (subprocess.run(command, env=os.environ | extra, text=True, check=True, capture_output=True).stdout
                   for extra in ({}, other))  # fmt: skip
    assert here == there != ""
