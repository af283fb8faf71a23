"""Flights along a path."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from policies.backup.cascaded_pid import CascadedPid
from robot.robots.quadrotor.evaluation import tracking
from robot.robots.quadrotor.evaluation.evaluation import Conditions
from robot.robots.quadrotor.evaluation.scores import tracking_scores
from robot.tasks import track_trajectory
from sim.quadrotor.model import load_parameters

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


def test_the_figures_name_lap_times_and_pilots():
    pilots = tracking.pilots_for(pid(), QUADROTOR)
    figures = tracking.tracking_figures(pilots, Conditions(), 0, 16, laps_s=(3.5, 8.0))
    for lap in ("3_5", "8"):
        names = {f"{pilot}position_error_{lap}_s_m" for pilot in ("", "pid_", "lqr_")}
        assert names <= figures.keys()
    assert figures["position_error_8_s_m"] < figures["position_error_3_5_s_m"]
    console = Console(file=io.StringIO(), width=100)
    console.print(tracking_scores(figures, (3.5, 8.0), "figure-of-eight").as_table())
    assert f"{100 * figures['pid_position_error_8_s_m']:.2f}" in console.file.getvalue()


def test_a_path_through_waypoints_is_flown_past_each_of_them():
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.2], [1.0, 1.0, 0.0], [0.0, 1.0, 0.2]])
    figures = tracking.tracking_figures({"policy": pid()}, Conditions(), 0, 16, (8.0,), corners)
    assert figures["position_error_8_s_m"] < 0.03
    flown = tracking.fly_path(pid(), track_trajectory.through_waypoints(corners, 8.0), seed=1, episodes=16, keep=1)
    lap = flown.positions[round(tracking.SETTLED_S / 0.01) :, 0]
    for corner in corners:
        assert np.linalg.norm(lap - corner, axis=1).min() < 0.05


def test_a_picture_is_drawn(tmp_path):
    tracking.save_tracking_figure(tmp_path / "tracking.png", {"PID": pid()}, Conditions())
    assert (tmp_path / "tracking.png").stat().st_size > 10_000
