"""Boards: where holes are drawn, and what a camera says of them."""

import math

import numpy as np
import pytest

from sim.arm.algebra import rotation_of
from sim.arm.insertion import NOISE_MAX, PAN_M, Spread, draw, frame_of, quaternion_of


def test_holes_lie_within_the_spread_and_are_seen_by_so_much_wrong():
    spread, rng = Spread(), np.random.default_rng(0)
    wrong = []
    for _ in range(400):
        hole, seen = draw(spread, rng)
        x, y, z = hole.place_m
        assert abs(np.sqrt((x - PAN_M) ** 2 + y * y) - spread.distance_m) <= spread.distance_either_m + 1e-12
        assert abs(np.arctan2(y, x - PAN_M)) <= spread.bearing_either_rad
        assert abs(z - spread.height_m) <= spread.height_either_m
        assert hole.frame @ hole.frame.T == pytest.approx(np.eye(3), abs=1e-12)
        wrong.append(hole.frame.T @ (seen.place_m - hole.place_m))
    wrong = np.array(wrong)
    assert (np.abs(wrong[:, :2]) <= NOISE_MAX * spread.seen_aside_m + 1e-12).all()
    assert np.std(wrong[:, :2]) == pytest.approx(
        0.88 * spread.seen_aside_m, rel=0.1
    )  # of a normal cut at two deviations
    assert np.std(wrong[:, 2]) == pytest.approx(0.88 * spread.seen_height_m, rel=0.15)


def test_a_wrong_calibration_is_always_wrong_alike():
    offset, tilt, yaw = np.array([0.003, 0.0, -0.001]), 0.05, -0.07
    told = ((), (offset, (tilt, yaw)))
    (hole, right), (same, seen) = (draw(Spread(), np.random.default_rng(1), *each) for each in told)
    assert (hole.place_m == same.place_m).all() and (hole.frame == same.frame).all()
    assert seen.place_m - right.place_m == pytest.approx(offset)
    turned = right.frame.T @ seen.frame  # by small angles about y, then z
    assert [turned[0, 2], turned[1, 0]] == pytest.approx([tilt, yaw], abs=0.005)


def test_the_quaternion_is_of_the_frame():
    """Half a turn about any axis is one too."""
    half_turns = ((3.1, 0.1, 0.0), (math.pi, 0.0, 0.0), (0.0, math.pi, 0.0), (math.pi, math.pi, 0.2))
    for angles in ((0.1, 0.2, -0.3), (-0.5, 0.0, 0.4), (0.0, 0.0, 0.0), *half_turns):
        frame = frame_of(*angles)
        assert np.array(rotation_of(quaternion_of(frame))) == pytest.approx(frame, abs=1e-12)
