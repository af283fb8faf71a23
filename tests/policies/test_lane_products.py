"""Products as vector instructions: right to the bit, for sizes that are no multiples of a tile's."""

from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

from policies.lane_products import WIDTH, outer, product

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


def test_a_sum_of_outer_products_goes_on_from_one_to_the_next(products: list[Callable[..., None]]) -> None:
    a, b, found, expected = numbers(1, 6, 13, 32), numbers(2, 6, 8, 32), numbers(3, 13, 8), numbers(3, 13, 8)
    products[1](a, b, found)
    side_by_side = [np.ascontiguousarray(of.transpose(1, 0, 2)).reshape(of.shape[1], -1) for of in (a, b)]
    products[1](*side_by_side, expected)
    np.testing.assert_array_equal(found, expected)
