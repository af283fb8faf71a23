"""The loops agree with NumPy's and SciPy's functions, whose last bits depend on the processor."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from sim.closed_line import gaussian, joined, smoothed, spline, turns, way_along
from tests.processors import PLAIN_NUMPY


def loop(n: int, seed: int) -> np.ndarray:
    """A closed line (n, 2) round the origin, of uneven radius and steps."""
    rng = np.random.default_rng(seed)
    angle = np.cumsum(rng.uniform(0.3, 1.0, n))
    angle *= 2.0 * np.pi / (angle[-1] + 0.5)
    return (rng.uniform(2.0, 4.0, n) * np.stack([np.cos(angle), np.sin(angle)])).T.copy()


def knots_of(points: np.ndarray) -> np.ndarray:
    return way_along(np.concatenate([points, points[:1]]))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 40), seed=st.integers(0, 1000))
def test_the_spline_is_the_periodic_cubic_one(n: int, seed: int) -> None:
    points = loop(n, seed)
    knots = knots_of(points)
    at = np.linspace(0.0, knots[-1], 200)
    known = CubicSpline(knots, np.concatenate([points, points[:1]]), bc_type="periodic")
    found = spline(knots, points, at)
    for order in range(3):
        np.testing.assert_allclose(found[:, 2 * order : 2 * order + 2], known(at, order), rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 40), seed=st.integers(0, 1000))
def test_what_is_joined_is_pchip_round_the_loop(n: int, seed: int) -> None:
    knots = knots_of(loop(n, seed))
    values = np.random.default_rng(seed).choice([0.5, 0.8, 1.3], (n, 2))
    at = np.linspace(0.0, knots[-1], 200)
    laps = np.concatenate([knots[:-1] - knots[-1], knots[:-1], knots + knots[-1]])
    known = PchipInterpolator(laps, np.concatenate([values, values, values, values[:1]]))(at)
    found = joined(knots, values, at)
    np.testing.assert_allclose(found, known, atol=1e-12)
    assert found.min() >= values.min() - 1e-12 and found.max() <= values.max() + 1e-12


@pytest.mark.parametrize(("n", "sigma", "reach"), [(50, 3.0, None), (7, 3.0, None), (100, 6.0, 12)])
def test_a_gaussian_smooths_as_scipy_does_round_the_end(n: int, sigma: float, reach: int | None) -> None:
    values = np.random.default_rng(0).normal(size=(n, 2))
    known = gaussian_filter1d(values, sigma, axis=0, mode="wrap", radius=reach)
    np.testing.assert_allclose(smoothed(values, gaussian(sigma, reach)), known, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 60), seed=st.integers(0, 1000), clockwise=st.booleans())
def test_a_closed_line_turns_once_round(n: int, seed: int, clockwise: bool) -> None:
    angle = np.sort(np.random.default_rng(seed).uniform(0.0, 0.9, n) + np.arange(n)) * 2.0 * np.pi / n
    round_it = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    turn = turns(round_it[::-1].copy() if clockwise else round_it)
    assert turn.sum() == pytest.approx(-2.0 * np.pi if clockwise else 2.0 * np.pi)
    assert (turn < 0.0).all() if clockwise else (turn > 0.0).all()


def test_the_turn_at_a_point_is_its_own() -> None:
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 0.5], [0.0, 1.0]])
    assert turns(square)[1] == pytest.approx(np.pi / 2)
    assert turns(square)[3] < 0.0


def test_the_way_along_a_line_sums_its_steps() -> None:
    np.testing.assert_allclose(way_along(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])), [0.0, 5.0, 6.0])


def test_a_course_drawn_from_a_map_has_the_same_bits_on_another_processor() -> None:
    program = (
        "import zlib; from sim.tracks.built_in_tracks import built_in; from sim.distance_field import rasterise\n"
        "from sim.tracks.track_map import find_course\n"
        "drawn = built_in('chicane'); found = find_course(rasterise(drawn))\n"
        "print(zlib.crc32(drawn.packed().tobytes() + found.packed().tobytes() + found.heading.tobytes()))"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    here, there = (subprocess.run(command, env=os.environ | extra, text=True, check=True, capture_output=True).stdout
                   for extra in ({}, PLAIN_NUMPY))  # fmt: skip
    assert here == there != ""
