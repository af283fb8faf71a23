"""Random numbers of lanes: their distribution, and that they know nothing of each other."""

import numpy as np
from numba import njit, uint32

from sim.lane_random import four_normals, next_bits, uniform


@njit(cache=True)
def drawn(seed, steps, words):
    """Normals (steps, 4 * words) and uniforms (steps, words)."""
    bits, normals, uniforms = uint32(seed), np.empty((steps, 4 * words)), np.empty((steps, words))
    for step in range(steps):
        bits = next_bits(bits)
        for k in range(words):
            uniforms[step, k] = uniform(bits, uint32(words + k), -2.0, 3.0)
            for j, value in enumerate(four_normals(bits, uint32(k))):
                normals[step, 4 * k + j] = value
    return normals, uniforms


NORMALS, UNIFORMS = drawn(12345, 50_000, 6)


def test_normals_have_mean_zero_unit_variance_and_nearly_the_normal_tails() -> None:
    assert np.abs(NORMALS.mean(axis=0)).max() < 0.02
    np.testing.assert_allclose(NORMALS.std(axis=0), 1.0, atol=0.015)
    within = [(np.abs(NORMALS) < k).mean() for k in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(within, [0.683, 0.954, 0.997], atol=0.02)


def test_uniforms_fill_their_range_evenly() -> None:
    counts, _ = np.histogram(UNIFORMS, bins=50, range=(-2.0, 3.0))
    assert counts.sum() == UNIFORMS.size
    assert np.abs(counts / counts.mean() - 1.0).max() < 0.06


def test_numbers_of_a_step_and_of_successive_steps_are_uncorrelated() -> None:
    together = np.concatenate([NORMALS[1:], UNIFORMS[1:], NORMALS[:-1]], axis=1)
    correlation = np.corrcoef(together.T) - np.eye(together.shape[1])
    assert np.abs(correlation).max() < 0.03
