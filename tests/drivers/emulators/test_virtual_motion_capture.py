"""What cameras see of a standing drone: late, with gaps, and now and then something else."""

import itertools
import math

import numpy as np
import pytest

from drivers.emulators.crazyflie_vices import Errors, load_vices
from drivers.emulators.virtual_crazyflie import DroneTruth
from drivers.emulators.virtual_motion_capture import OTHER_BODY_M, Cameras, turned
from drivers.motion_capture import angle_between

VICES = load_vices().motion_capture
WHILE_S = 150.0
STANDING = DroneTruth(
    0.0, 0.3, -0.2, 0.5, 1.0, 0.0, 0.0, 0.0, *[0.0] * 6, *[0.0] * 4, 0.0, "FLYING", 1, 0.0, 0.0,
)  # fmt: skip


def seen(noise: float, frames: int = round(WHILE_S * VICES.rate_hz)) -> list:
    cameras = Cameras(VICES, Errors(np.random.default_rng(3), noise))
    return [cameras.frame(STANDING._replace(time_s=k / VICES.rate_hz)) for k in range(frames)]


def test_without_vices_it_is_the_truth():
    poses = seen(0.0, 100)
    assert poses == [([0.3, -0.2, 0.5], [0.0, 0.0, 0.0, 1.0])] * 100


def test_it_goes_blind_repeats_itself_and_takes_markers_for_others():
    poses = seen(1.0)
    missing = sum(pose is None for pose in poses) / len(poses)
    repeated = sum(pose is not None and pose is before for before, pose in itertools.pairwise(poses)) / len(poses)
    assert 0.3 < missing / (0.5 * np.mean(VICES.gap_s) / VICES.gap_every_s) < 2.0
    assert 0.3 < repeated / (0.5 * np.mean(VICES.gap_s) / VICES.gap_every_s) < 2.0
    there = [pose for pose in poses if pose is not None]
    away_m = np.array([math.dist(position, (0.3, -0.2, 0.5)) for position, _ in there])
    turned_rad = np.array([angle_between(attitude, (0.0, 0.0, 0.0, 1.0)) for _, attitude in there])
    swapped = turned_rad > 1.0
    assert 0.3 < swapped.mean() / (np.mean(VICES.swap_s) / VICES.swap_every_s) < 2.0
    assert (away_m[~swapped] < 0.015).all()
    assert away_m[swapped].max() > 0.9 * OTHER_BODY_M
    assert away_m[swapped].min() < 0.05
    assert turned_rad[~swapped].max() < 0.02


@pytest.mark.parametrize("vice", ["silent", "frozen", "swapped"])
def test_a_vice_that_stays(vice: str):
    cameras = Cameras(VICES, Errors(np.random.default_rng(0), 0.0))
    first = cameras.frame(STANDING)
    setattr(cameras, vice, True)
    poses = [cameras.frame(STANDING._replace(time_s=0.01 * k, x=0.01 * k)) for k in range(1, 20)]
    if vice == "swapped":
        assert all(angle_between(pose[1], first[1]) > 1.5 for pose in poses if pose is not None)
    else:
        assert poses == [None if vice == "silent" else first] * 19


def test_a_turn_about_the_body_s_own_axis():
    lying = np.array([math.sin(0.4), 0.0, 0.0, math.cos(0.4)])  # rolled
    np.testing.assert_allclose(turned(lying, 0.0), lying)
    np.testing.assert_allclose(turned(turned(lying, 1.0), -1.0), lying, atol=1e-12)
    assert angle_between(tuple(turned(lying, 1.5)), tuple(lying)) == pytest.approx(1.5)
