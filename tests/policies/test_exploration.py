"""Noise that lasts."""

import math

import numpy as np
import pytest

from policies.exploration import LASTS_S, Exploration


def drawn(decision_s: float, count: int = 20_000, seed: int = 3) -> np.ndarray:
    noise = Exploration([seed], 2, decision_s)
    return np.array([noise.draw() for _ in range(count)])


def test_each_draw_is_standard_normal():
    noise = drawn(0.1)
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean(0), 0.0, atol=0.1)
    np.testing.assert_allclose(noise.std(0), 1.0, atol=0.05)
    first = np.array([Exploration([seed], 2, 0.1).draw() for seed in range(2000)])  # from the first one on
    np.testing.assert_allclose(first.std(0), 1.0, atol=0.05)


@pytest.mark.parametrize("decision_s", [0.02, 0.1, 0.5])
def test_it_lasts_as_long_in_seconds_however_often_a_task_decides(decision_s):
    noise = drawn(decision_s)
    later = noise[1:] * noise[:-1]
    np.testing.assert_allclose(later.mean(0), math.exp(-decision_s / LASTS_S), atol=0.1)


def test_actions_are_disturbed_independently_and_a_seed_repeats():
    noise = drawn(0.1)
    assert abs((noise[:, 0] * noise[:, 1]).mean()) < 0.1
    np.testing.assert_array_equal(drawn(0.1, 50), noise[:50])
    assert np.abs(drawn(0.1, 50, seed=4) - noise[:50]).max() > 0.1


def test_what_was_drawn_is_not_changed_by_the_next_draw():
    noise = Exploration([0], 2, 0.1)
    first = noise.draw()
    kept = first.copy()
    noise.draw()
    np.testing.assert_array_equal(first, kept)
