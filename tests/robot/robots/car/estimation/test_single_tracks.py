"""Which floor it is: sideways speed and the least grip are right before the tyres have told, and one filter is left when they have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.robots.car.estimation import single_tracks
from robot.robots.car.estimation.single_tracks import SingleTracks
from robot.robots.car.safety_drive import start
from sim.car.model import load_parameters
from tests.robot.robots.car.estimation.test_single_track import CAR, weave

NOMINAL = load_parameters()
ICE = 0.4234
AS_ONE = ((1.0, 0.15),)  # what a single filter would begin with


def off_on_ice(folder: Path) -> tuple[float, float]:
    """Errors in the first corners of a car on ice: of the sideways speed, m/s (root of the mean square), and the grip that it has
    at the least above what there is, at the most."""
    drive, aside, above = start("ell", 502, 211365991, ICE, True, folder), [], 0.0
    while drive.time_s < 9.0:
        drive.tick()
        moving, body = drive.emulator.world.moving, drive.pipeline.estimator.single_tracks
        if moving[3] > 1.0:
            aside.append(body.v_y - float(moving[4]))
            above = max(above, max(body.least_grip_shares) - ICE)
    drive.close()
    return float(np.sqrt(np.mean(np.square(aside)))), above


def test_on_ice_it_knows_how_it_slides_from_the_first_corner_on(tmp_path: Path) -> None:
    aside_m_s, above = off_on_ice(tmp_path)
    assert aside_m_s < 0.05
    assert above < 0.01


def test_where_a_single_filter_is_sure_of_what_is_not_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_tracks, "FLOORS", AS_ONE)
    assert off_on_ice(tmp_path)[0] > 0.08


@pytest.mark.parametrize("share", [1.1, 0.9, 0.7, 0.55, 0.42])
def test_corners_leave_one_floor_and_it_is_the_true_one(share: float) -> None:
    car = replace(NOMINAL, grip=share * NOMINAL.grip)
    filtered = SingleTracks(CAR)
    rows = weave(car, 10.0, 2.5 + 2.0 * share, filtered)[300:]
    assert len(filtered.floors) == 1
    assert filtered.grip_shares == pytest.approx((share, share), abs=0.05)
    assert max(filtered.least_grip_shares) < share + 0.01
    assert np.sqrt(np.mean((rows[:, 2] - rows[:, 0]) ** 2)) < 0.05


def test_gentle_driving_says_nothing_of_the_grip() -> None:
    filtered = SingleTracks(CAR)
    weave(replace(NOMINAL, grip=0.7 * NOMINAL.grip), 6.0, 1.5, filtered, swing_rad=0.2)
    assert filtered.grip_shares == (1.0, 1.0)
    assert filtered.least_grip_shares == pytest.approx((0.4, 0.4), abs=0.01)


def test_it_is_no_worse_where_the_floor_is_as_the_file_says() -> None:
    """While the worst floor is plausible it counts for the least, and hardly for how the car slides."""
    filtered = SingleTracks(CAR)
    rows = weave(NOMINAL, 4.0, 4.0, filtered)
    assert np.max(np.abs(rows[20:, 2] - rows[20:, 0])) < 0.15
