"""Whoever is in the way is gone round where the corridor leaves room beside them, and else not."""

import numpy as np
import pytest

from robot.robots.car.course_place import CoursePlace
from robot.robots.car.fallback import Fallback
from robot.robots.car.passing import AHEAD_M, BESIDE_M, way_round, ways_round
from robot.robots.car.shield.obstacles import WALK_M_S
from robot.robots.car.shield.rollout import N_COMMAND, believed_cars
from robot.tasks.race_track.task import target
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in

COURSE, CAR = built_in("oval"), load_parameters()
HALF_M, RADIUS_M = 1.0, 0.2  # of the corridor; of somebody


def at(speed_m_s: float = 0.0, lateral_m: float = 0.0) -> CoursePlace:
    """A car on the straight."""
    place = CoursePlace()
    place.take(COURSE)
    place.row, place.s, place.lateral = 0, 0.5, lateral_m
    place.at[:] = place.s, lateral_m, 0.0, speed_m_s, 0.0, 0.0
    return place


def people(*where: tuple[float, float]) -> np.ndarray:
    """Believed ones, ahead of `at` and left of the centreline, m."""
    return np.array([(0.5 + ahead_m, lateral_m, RADIUS_M, WALK_M_S) for ahead_m, lateral_m in where]).reshape(-1, 4)


@pytest.mark.parametrize(
    ("obstacles", "gaps"),
    [
        (people(), []),
        (people((1.5, 0.0)), [0.6, -0.6]),
        (people((1.5, 0.5)), [-0.35]),  # a hand's breadth to the other wall
        (people((1.5, -0.3), (1.6, 0.3)), []),  # side by side
        (people((1.5, -0.3), (3.0, 0.3)), [0.45]),  # the second one is not yet to be passed
        (people((AHEAD_M + 0.1, 0.0)), []),
        (people((-0.6, 0.0)), []),  # behind
    ],
)
def test_the_gaps_beside_the_nearest_ones_ahead_are_ways_round(obstacles: np.ndarray, gaps: list[float]) -> None:
    assert ways_round(at(), obstacles, CAR.packed()) == pytest.approx(gaps)


def test_a_gap_must_hold_the_body_and_a_hand_to_either_side() -> None:
    least_m = 2.0 * (CAR.half_width_m + BESIDE_M)
    for spare_m, ways in ((0.01, 2), (-0.01, 1)):
        lateral_m = HALF_M - RADIUS_M - least_m - spare_m
        assert len(ways_round(at(), people((1.5, lateral_m)), CAR.packed())) == ways


def round_them(place: CoursePlace, obstacles: np.ndarray) -> tuple[float, float] | None:
    """(steering angle, speed) of the way round."""
    fallback = Fallback(place, believed_cars(CAR.packed(), (1.0, 1.0), (0.95, 0.95)), CAR.actuation_s)
    fallback.obstacles = obstacles
    sent = np.zeros((12, N_COMMAND))
    sent[:, 1] = place.at[3]
    found = way_round(place, fallback, sent, 6.0)
    return None if found is None else target(*found[0])


def test_it_steers_to_the_wider_side() -> None:
    for lateral_m in (0.4, -0.4):
        way = round_them(at(1.0), people((2.5, lateral_m)))
        assert way is not None and way[0] * lateral_m < 0.0


def test_the_nearer_they_are_the_slower_it_is() -> None:
    far, near = (round_them(at(2.0), people((ahead_m, -0.4))) for ahead_m in (3.9, 1.6))
    assert far is not None and near is not None and far[1] > near[1]


def test_who_stands_before_the_nose_is_not_gone_round() -> None:
    assert round_them(at(), people((0.75, 0.0))) is None
