"""Products as vector instructions: right to the bit, for sizes that are no multiples of a tile's."""

from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

from policies.lane_products import STRETCH, WIDTH, outer, product, product_over_rows
from sim.single_precision import specialise

SIZES = [(4, 1, 32), (16, 22, 64), (22, 16, 64), (5, 7, 48)]  # rows, terms or columns, lanes


@pytest.fixture(scope="module")
def products() -> list[Callable[..., None]]:
    return [njit(product), njit(outer)]


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def multiplied_and_added(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Rounded once: the product of two float32 is exact in double precision."""
    return (a.astype(np.float64) * b + c).astype(np.float32)


@pytest.mark.parametrize(("rows", "terms", "lanes"), SIZES)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_sums_term_by_term(
    products: list[Callable[..., None]], rows: int, terms: int, lanes: int, transposed: bool
) -> None:
    matrix = numbers(1, terms, rows).T if transposed else numbers(1, rows, terms)
    x, out, expected = numbers(2, terms, lanes), numbers(3, rows + 1, lanes), np.zeros((rows, lanes), np.float32)
    for term in range(terms):
        expected = multiplied_and_added(matrix[:, term, None], x[term], expected)
    beyond = out[rows].copy()
    products[0](matrix, x, out[:rows])
    np.testing.assert_array_equal(out[:rows], expected)
    np.testing.assert_array_equal(out[rows], beyond)


@pytest.mark.parametrize(("rows", "columns", "lanes"), [size for size in SIZES if size[1] >= 4])
def test_an_outer_product_sums_by_vectors_and_then_neighbours(
    products: list[Callable[..., None]], rows: int, columns: int, lanes: int
) -> None:
    a, b, out = numbers(1, rows, lanes), numbers(2, columns, lanes), numbers(3, rows, columns)
    sums = np.zeros((rows, columns, WIDTH), np.float32)
    for lane in range(0, lanes, WIDTH):
        some = slice(lane, lane + WIDTH)
        sums = multiplied_and_added(a[:, None, some], b[None, :, some], sums)
    while sums.shape[2] > 1:
        sums = sums[:, :, ::2] + sums[:, :, 1::2]
    products[1](a, b, out)
    np.testing.assert_array_equal(out, sums[:, :, 0])


def test_a_product_over_many_rows_is_that_of_its_stretches_added_and_as_good_for_few_columns() -> None:
    n, compiled = STRETCH + 44, njit(specialise(product_over_rows))
    a, b = numbers(1, n, 82), numbers(2, n, 64)
    wide, narrow = numbers(3, 82, 64), numbers(4, 82, 4)
    compiled(a, b, wide)
    compiled(a, np.ascontiguousarray(b[:, :4]), narrow)
    by_stretches = np.zeros((82, 64), np.float32)
    for some in (slice(STRETCH), slice(STRETCH, n)):
        part = np.zeros((82, 64), np.float32)
        for row in zip(a[some], b[some], strict=True):
            part = multiplied_and_added(row[0][:, None], row[1], part)
        by_stretches += part
    np.testing.assert_array_equal(wide, by_stretches)
    np.testing.assert_array_equal(narrow, wide[:, :4])
