"""A first lap by sight: along the middle of what is free, no faster than a stop without sight fits into it."""

import math

import numpy as np
import pytest

from robot.robots.car.eyes.first_lap import BRAKE_M_S2, FASTEST_M_S, LATE_S, blind_m_s, by_sight
from robot.robots.car.eyes.free_way import FreeWay
from robot.robots.car.eyes.sight import MARGIN_M, WHEELBASE_M, middle_arc
from robot.robots.car.records import Phase
from robot.tasks.race_track.by_camera import PATHS_PER_M, SEEN_MAX_M
from robot.tasks.race_track.task import SPEED_MIN_M_S, action_for, target
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from tests.robot.robots.car.eyes.goes_round import GoesRound
from tests.robot.robots.car.eyes.seeing_rig import always

STEP_M = 0.05


@pytest.mark.parametrize("track", BUILT_IN)
@pytest.mark.parametrize("aside_m", [-0.3, 0.0, 0.3])
def test_who_steers_so_drives_a_lap_between_the_walls_wherever_it_began(track: str, aside_m: float) -> None:
    """Told the truth of what is free, on wheels that follow at once."""
    course = built_in(track)
    free_way, s, lateral, error, worst = FreeWay([course], load_parameters()), 0.0, aside_m, 0.0, 0.0
    for _ in range(round(course.length_m / STEP_M)):
        free_m = free_way.along(np.zeros(1, int), np.array([s]), np.array([lateral]), np.array([error]))[0]
        steer_rad, _ = target(*map(float, by_sight(free_m)))
        row = round(s / course.spacing_m) % len(course.x)
        rolled = STEP_M * math.cos(error) / (1.0 - course.curvature[row] * lateral)
        s, lateral = (s + rolled) % course.length_m, lateral + STEP_M * math.sin(error)
        error += STEP_M * math.tan(steer_rad) / WHEELBASE_M - course.curvature[row] * rolled
        worst = max(worst, abs(lateral))
    assert worst < 0.5


def test_it_steers_to_neither_side_where_both_are_alike_and_towards_the_freer_one_elsewhere() -> None:
    free = np.full(len(PATHS_PER_M), 2.0)
    assert middle_arc(free) == pytest.approx(0.0)
    free[PATHS_PER_M > 0.0] = 3.0
    assert middle_arc(free) > 0.1 and middle_arc(free[::-1].copy()) < -0.1


@pytest.mark.parametrize("arc_per_m", [-2.0, -1.0, 0.1, 1.2])
@pytest.mark.parametrize("room_m", [0.3, 0.8, 4.0])
def test_a_blind_stop_fits_into_what_is_free_along_the_arc(arc_per_m: float, room_m: float) -> None:
    speed = blind_m_s(np.full(len(PATHS_PER_M), room_m), arc_per_m)
    way_m = speed * LATE_S + 0.5 * speed * speed / BRAKE_M_S2
    assert way_m <= room_m - MARGIN_M + 1e-9 and (speed == FASTEST_M_S or way_m > room_m - MARGIN_M - 1e-9)


def test_only_the_arc_that_is_steered_counts() -> None:
    free = np.full(len(PATHS_PER_M), SEEN_MAX_M)
    free[PATHS_PER_M < 0.0] = 0.2
    assert blind_m_s(free, -0.5) < 0.5 and blind_m_s(free, 0.5) == FASTEST_M_S


def test_who_cannot_steer_an_arc_is_as_slow_as_what_is_free_along_the_tightest_that_he_can() -> None:
    free = np.full(len(PATHS_PER_M), 0.5)
    free[PATHS_PER_M >= 1.0] = SEEN_MAX_M
    reach_rad = math.atan(0.8 * WHEELBASE_M)
    steer_rad, speed_m_s = target(*map(float, by_sight(free, reach_rad)))
    assert steer_rad == pytest.approx(reach_rad)
    assert speed_m_s == pytest.approx(blind_m_s(free, 0.8)) and speed_m_s < 0.7 * target(*map(float, by_sight(free)))[1]


@pytest.mark.parametrize("nothing", [0.0, np.nan, -1.0])
def test_where_nothing_is_known_to_be_free_it_creeps(nothing: float) -> None:
    steer_rad, speed_m_s = target(*map(float, by_sight(np.full(len(PATHS_PER_M), nothing))))
    assert math.isfinite(steer_rad) and speed_m_s == pytest.approx(SPEED_MIN_M_S)


def test_whatever_its_policy_wants_a_car_drives_its_first_lap_so_and_the_policy_drives_only_then() -> None:
    car = GoesRound()
    car.mind.set_weights(always(-0.3, 5.0))
    car.until(lambda mind: mind.phase is Phase.DEMONSTRATE and mind.standing_s == 0.0)
    while car.mind.phase is Phase.DEMONSTRATE:
        car.tick()
        assert car.mind.command.speed_m_s <= FASTEST_M_S + 1e-6
        assert car.mind.decisions.proposed[0] > 0.0
    car.tick()
    car.until(lambda mind: mind.is_decision)
    assert car.mind.decisions.proposed.tolist() == pytest.approx(action_for(-0.3, 5.0), abs=1e-5)
