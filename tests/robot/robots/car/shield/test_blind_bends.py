"""Where people are about, somebody may stand wherever a wall hides the course; where nobody is, nobody does."""

import math

import numpy as np
import pytest

from drivers.emulators.people import nearer
from robot.robots.car.shield.blind_bends import ABOUT_S, LOOK_S, LOOKS, SURE_S, BlindBends, hidden
from sim.car.lidar import cast
from sim.tracks.track import place
from tests.robot.robots.car.shield.test_obstacles import COURSE, GRID, PACKED, here

ROWS = range(0, len(PACKED), 8)


def hidden_from(row: int) -> np.ndarray:
    x, y, _ = here(row)
    return hidden(x, y, row * COURSE.spacing_m, PACKED, COURSE.spacing_m, GRID.distance_m, GRID.frame)


def beams_on(row: int, s: float, lateral: float) -> int:
    """How many of 400 beams from a row meet somebody."""
    x, y, _ = here(row)
    who_x, who_y, _ = place(PACKED, COURSE.spacing_m, s, lateral)
    met = 0
    for angle in np.linspace(-math.pi, math.pi, 400, endpoint=False):
        wall = cast(GRID.distance_m, GRID.frame, x, y, angle, 12.0)
        met += nearer(np.array([[who_x, who_y]]), x, y, angle, wall) < wall - 0.05
    return met


@pytest.mark.parametrize("row", ROWS)
def test_whoever_is_nearer_than_a_hidden_place_is_seen(row: int):
    for s, lateral, _, _ in hidden_from(row):
        for before_m in (0.2, 0.6):
            assert beams_on(row, s - before_m, lateral) >= 2


def test_a_bend_hides_its_inside():
    sides = {float(np.sign(lateral)) for row in ROWS for _, lateral, _, _ in hidden_from(row)}
    assert 1.0 in sides  # the oval is driven to the left
    seen = [beams_on(row, s + 0.5, lateral) for row in ROWS for s, lateral, _, _ in hidden_from(row) if lateral > 0.1]
    assert min(seen) == 0


def look(bends: BlindBends, now_s: float, somebody: bool, row: int) -> np.ndarray:
    x, y, _ = here(row)
    bends.look(now_s, somebody, x, y, row * COURSE.spacing_m, COURSE, PACKED, GRID.distance_m, GRID.frame)
    return bends.believed


BLIND = next(row for row in ROWS if len(hidden_from(row)))


def met() -> BlindBends:
    """Where somebody was believed to be for long enough until time 0."""
    bends = BlindBends()
    for now_s in (-SURE_S - LOOK_S, 0.0):
        look(bends, now_s, True, BLIND)
    bends.forget()
    return bends


def test_alone_nobody_is_reckoned_with_and_after_meeting_somebody_for_a_while():
    assert len(look(BlindBends(), 0.0, False, BLIND)) == 0
    bends = met()
    assert len(look(bends, ABOUT_S, False, BLIND)) > 0
    assert len(look(bends, 0.2 + ABOUT_S, False, BLIND)) == 0


def test_nobody_was_met_who_was_believed_to_be_there_for_a_moment():
    bends = BlindBends()
    for now_s, somebody in ((0.0, True), (0.4, True), (0.6, False), (0.8, True), (1.2, True)):
        assert len(look(bends, now_s, somebody, BLIND)) == 0
    assert len(look(bends, 1.4, True, BLIND)) > 0


def test_a_place_counts_as_seen_once_the_lidar_has_had_time_to_find_somebody_there():
    bends = met()
    first = look(bends, LOOK_S, True, BLIND)
    for k in range(1, LOOKS):
        assert np.array_equal(look(bends, 1.001 * (k + 1) * LOOK_S, True, BLIND + 2 * k), first)
    assert not np.array_equal(look(bends, 1.1 * (LOOKS + 1) * LOOK_S, True, BLIND + 2 * LOOKS), first)


def test_a_car_that_does_not_know_where_it_is_reckons_with_nobody_there():
    bends = met()
    assert len(look(bends, LOOK_S, True, BLIND)) > 0
    bends.forget()
    assert len(bends.believed) == 0
