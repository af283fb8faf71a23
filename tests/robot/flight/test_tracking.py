"""Flights along a path."""

from dataclasses import replace

import numpy as np
import pytest

from policies.backup.cascaded_pid import CascadedPid
from robot.flight import tracking
from robot.flight.evaluation import Conditions
from robot.tasks import track_trajectory
from sim.quadrotor import load_parameters

QUADROTOR = load_parameters()
PATH = track_trajectory.figure_of_eight(5.5)


def pid(lead_s: float = 0.1) -> tracking.PathFeedback:
    return tracking.PathFeedback(lambda n: CascadedPid(QUADROTOR, n), lead_s)


@pytest.fixture(scope="module")
def flights() -> tracking.TrackingFlights:
    return tracking.fly_path(pid(), PATH, seed=1, episodes=64, keep=2)


def test_a_pid_follows_the_figure_of_eight(flights):
    assert flights.survival > 0.9
    assert flights.mean_error_m < 0.03
    assert flights.figures()["survival_bound"] < flights.survival


def test_errors_are_those_of_the_kept_positions(flights):
    apart = np.linalg.norm(flights.positions[:, 0] - flights.set_points[:, :3], axis=1)
    assert apart[round(tracking.SETTLED_S / 0.01) + 1 :].mean() == pytest.approx(flights.position_error_m[0], rel=1e-3)


def test_the_acceleration_ahead_of_time_is_worth_its_while(flights):
    late = tracking.fly_path(pid(lead_s=0.0), PATH, seed=1, episodes=64)
    assert late.mean_error_m > 2.0 * flights.mean_error_m


def test_a_heavier_drone_than_the_controller_knows_strays_further(flights):
    heavier = replace(Conditions(), quadrotor=QUADROTOR.scaled(mass=1.2))
    assert tracking.fly_path(pid(), PATH, heavier, 1, 64).mean_error_m > flights.mean_error_m


def test_the_figures_name_lap_times_and_pilots(monkeypatch):
    monkeypatch.setattr(tracking, "LAPS_S", (3.5,))
    figures = tracking.tracking_figures(tracking.pilots_for(pid(), QUADROTOR), Conditions(), 0, 16)
    assert {"position_error_3_5_s_m", "pid_position_error_3_5_s_m", "lqr_position_error_3_5_s_m"} <= figures.keys()


def test_a_picture_is_drawn(tmp_path):
    tracking.save_tracking_figure(tmp_path / "tracking.png", {"PID": pid()}, Conditions())
    assert (tmp_path / "tracking.png").stat().st_size > 10_000
