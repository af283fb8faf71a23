"""Held back by sight: as fast as a stop fits into what is free, along the arcs that the policy may turn to."""

import math

import numpy as np
import pytest

from robot.robots.car.eyes import sight as subject
from robot.robots.car.eyes.sight import Sight, fastest_m_s, held_back
from robot.tasks.race_track.by_camera import EMBEDDING, PATHS_PER_M, SEEN, SEEN_MAX_M
from robot.tasks.race_track.task import SPEED_MAX_M_S, SPEED_MIN_M_S, target

STRAIGHT = int(np.argmin(np.abs(PATHS_PER_M)))


def free(metres: float, path: int = STRAIGHT) -> np.ndarray:
    found = np.zeros(len(PATHS_PER_M))
    found[path] = metres
    return found


@pytest.mark.parametrize("path", range(len(PATHS_PER_M)))
@pytest.mark.parametrize("metres", [0.4, 1.0, 3.0])
def test_a_stop_fits_into_what_is_free_with_what_cornering_leaves(path: int, metres: float) -> None:
    bend = PATHS_PER_M[path]
    speed = fastest_m_s(free(metres, path), 0.0, bend * subject.WHEELBASE_M, 1.0)
    way, fine_s = 0.0, 1e-3
    while speed > 0.0:
        aside = min(subject.BRAKE_M_S2, speed * speed * abs(bend))
        way += speed * fine_s
        speed -= fine_s * max(1e-2, math.sqrt(subject.BRAKE_M_S2**2 - aside**2))
    assert way <= metres - subject.MARGIN_M + 0.05


def test_who_drives_needs_more_room_than_who_stands() -> None:
    assert fastest_m_s(free(1.5), 4.0, 0.0, 1.0) < fastest_m_s(free(1.5), 0.0, 0.0, 1.0) < SPEED_MAX_M_S
    assert fastest_m_s(free(SEEN_MAX_M), 3.0, 0.0, 1.0) == SPEED_MAX_M_S


def test_what_is_free_elsewhere_is_of_no_use() -> None:
    assert fastest_m_s(free(SEEN_MAX_M, 0), 1.0, 0.0, 1.0) == 0.0
    assert fastest_m_s(free(SEEN_MAX_M, 0), 1.0, PATHS_PER_M[0] * subject.WHEELBASE_M, 1.0) > 1.0


def test_what_is_free_along_an_arc_that_the_wheels_cannot_steer_is_of_no_use() -> None:
    seen = np.zeros(SEEN, np.float32)
    seen[EMBEDDING + len(PATHS_PER_M) - 1] = 1.0
    speeds = []
    for reach_rad in (0.3, 0.42):
        sight = Sight(reach_rad)
        sight.see(seen, 0.0, 1.0)
        speeds.append(fastest_m_s(sight.free_m, 1.0, reach_rad, 1.0))
    assert speeds[0] == 0.0 and speeds[1] > 1.0


def test_nobody_is_told_to_drive_faster_than_asked() -> None:
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (50, 2)).astype(np.float32)
    held = held_back(actions, rng.uniform(0.0, SEEN_MAX_M, (50, len(PATHS_PER_M))), rng.uniform(0.0, 5.0, 50))
    assert (held[:, 1] <= actions[:, 1]).all() and (held[:, 0] == actions[:, 0]).all() and (held < actions).any()
    nothing = held_back(actions, np.zeros((50, len(PATHS_PER_M))), np.zeros(50))
    assert all(target(*each)[1] == pytest.approx(SPEED_MIN_M_S) for each in nothing)


@pytest.mark.parametrize(
    ("free_m", "speed_m_s"), [(np.nan, 3.0), (np.nan, 0.0), (SEEN_MAX_M, np.nan), (np.nan, np.nan)]
)
def test_what_is_not_a_number_is_not_free(free_m: float, speed_m_s: float) -> None:
    told, fast = np.full(len(PATHS_PER_M), free_m), np.array([0.0, 1.0], np.float32)
    assert fastest_m_s(told, speed_m_s, 0.0, 1.0) == 0.0
    nothing = held_back(fast[None], np.zeros((1, len(PATHS_PER_M))), np.array([speed_m_s]))
    assert held_back(fast[None], told[None], np.array([speed_m_s])).tolist() == nothing.tolist()
    sight = Sight()
    sight.see(np.full(SEEN, free_m / SEEN_MAX_M, np.float32), 0.02, 1.0)
    assert sight.held_back(fast, speed_m_s)[1] < 1.0 and sight.stops == (speed_m_s != 3.0)


def test_an_older_picture_than_usual_leaves_less_by_what_was_rolled_since() -> None:
    sight, seen = Sight(), np.full(SEEN, 0.4, np.float32)
    found = []
    for age_s in (0.0, subject.USUAL_S, subject.USUAL_S + 0.08):
        sight.see(seen, age_s, 4.0)
        found.append(sight.free_m.copy())
    assert found[0].tolist() == found[1].tolist() == [np.float32(SEEN_MAX_M) * np.float32(0.4)] * len(PATHS_PER_M)
    assert found[2] == pytest.approx(found[0] - 0.08 * 4.0)


def test_in_a_corner_it_slows_down_less_than_on_a_straight() -> None:
    nothing, asked = np.zeros((2, len(PATHS_PER_M))), np.array([[0.0, 1.0], [0.4, 1.0]], np.float32)
    straight, corner = (target(*each)[1] for each in held_back(asked, nothing, np.full(2, 3.4)))
    assert SPEED_MIN_M_S < straight < corner < 3.4


@pytest.mark.parametrize(("steer", "metres"), [(0.0, 2.0), (0.0, 0.0), (0.4, 0.0)])
def test_on_ice_it_is_slower_where_it_sees_and_brakes_less_hard_and_on_rubber_the_other_way_round(
    steer: float, metres: float
) -> None:
    seen, asked = np.zeros(SEEN, np.float32), np.array([steer, 1.0], np.float32)
    seen[EMBEDDING + STRAIGHT] = metres / SEEN_MAX_M
    allowed = []
    for shares in ((1.0, 0.9), (0.86, 0.9), (0.9, 0.5), (0.5, 0.9), (1.1, 1.2)):
        sight = Sight()
        sight.grip = subject.grip_left(shares)
        sight.see(seen, 0.02, 3.0)
        allowed.append(target(*map(float, sight.held_back(asked, 3.0)))[1])
    dry, still_dry, ice, ice_in_front, rubber = allowed
    assert dry == still_dry and ice == ice_in_front
    assert ice < dry < rubber if metres > 0.0 else ice > dry > rubber


def test_who_sees_no_way_stands_and_after_a_while_says_so() -> None:
    sight, seen = Sight(), np.zeros(SEEN, np.float32)
    sight.see(seen, 0.02, 0.0)
    sight.held_back(np.zeros(2, np.float32), 0.0)
    assert sight.stops
    said = [sight.finds_no_way(0.02, standing=True) for _ in range(40)]
    assert not any(said[:20]) and said[-1]
    seen[EMBEDDING:] = 1.0
    sight.see(seen, 0.02, 0.0)
    assert sight.held_back(np.zeros(2, np.float32), 0.0)[1] == 0.0
    assert not sight.stops and not sight.finds_no_way(0.02, standing=True)
