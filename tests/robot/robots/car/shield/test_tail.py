"""A car whose rear tyres hold less than its front ones: a slide of its tail is steered against, and trusted less."""

import numpy as np
import pytest

from robot.robots.car.shield.predictive_brake import MARGIN_M, STOPS_WANTED, slides, stop_room, what_holds
from robot.robots.car.shield.rollout import (
    HARDEST,
    HORIZON_TICKS,
    N_COMMAND,
    N_LINE,
    NO_OBSTACLES,
    STOPS,
    TAIL_MOST,
    believed_cars,
    least_room,
    stopping_command,
    tail_minded,
)
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.tasks.race_track.task import TICKS_PER_DECISION, action_for
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in

OVAL = built_in("oval")
COURSE, SPACING_M, LATENCY_S = OVAL.packed(), OVAL.spacing_m, 0.04
NOMINAL = load_parameters().packed()
TAIL_HAPPY = believed_cars(NOMINAL, (1.0, 0.65), (0.95, 0.62))
ALIKE = believed_cars(NOMINAL, (0.65, 0.65), (0.62, 0.62))  # brakes as hard: the weaker axle says how hard


def steer_rad(car: np.ndarray, yaw_rate: float) -> float:
    return float(stopping_command(HARDEST, 0, 5.0, 0.0, 0.0, 4.0, yaw_rate, COURSE, SPACING_M, car)[0])


def holding(careful: np.ndarray, at: np.ndarray) -> int:
    """How many of STOPS, begun at once with the wheels ahead and reckoned for this car, keep TAIL_HAPPY off the walls."""
    sent, line = np.zeros((6, N_COMMAND)), np.empty((6 + HORIZON_TICKS, N_LINE))
    sent[:, 1] = at[3]
    rooms = [
        least_room(np.int64(stop), 0.0, 0.0, np.int64(0), np.int64(0), np.bool_(True), at, sent, COURSE, SPACING_M,
                   NO_OBSTACLES, TAIL_HAPPY[0], careful, LATENCY_S, -2.0, line)
        for stop in range(len(STOPS))
    ]  # fmt: skip
    return sum(room >= MARGIN_M for room in rooms)


def sliding(v_x: float, v_y: float, yaw_rate: float) -> np.ndarray:
    return np.array([2.0, 0.0, 0.1, v_x, v_y, yaw_rate])


def test_a_tail_is_minded_where_it_holds_clearly_less_and_never_wholly():
    shares = [(1.0, 1.0), (0.6, 1.0), (1.0, 0.95), (1.0, 0.8), (1.0, 0.6), (1.0, 0.3)]
    minded = [tail_minded(believed_cars(NOMINAL, pair, pair)[0]) for pair in shares]
    assert minded[:3] == [0.0, 0.0, 0.0]
    assert 0.0 < minded[3] < minded[4] <= minded[5] == TAIL_MOST


def test_what_the_car_turns_too_far_is_steered_against_and_of_a_balanced_car_nothing():
    turning = (-3.0, 0.0, 3.0)
    right, straight, left = (steer_rad(TAIL_HAPPY[0], yaw_rate) for yaw_rate in turning)
    assert right > straight > left
    assert right - straight == pytest.approx(straight - left, abs=1e-9)
    assert len({steer_rad(ALIKE[0], yaw_rate) for yaw_rate in turning}) == 1


@pytest.mark.parametrize(("v_x", "v_y", "yaw_rate"), [(3.0, -0.4, 4.0), (4.0, -0.4, 3.0), (4.0, -0.2, 3.0)])
def test_a_slide_is_caught_that_runs_away_from_who_follows_the_course_alone(v_x: float, v_y: float, yaw_rate: float):
    at = sliding(v_x, v_y, yaw_rate)
    assert holding(TAIL_HAPPY[0], at) >= holding(ALIKE[0], at) + 3


@pytest.mark.parametrize(
    "at", [(5.0, -0.1, -0.1, 4.7, -0.1, 2.0), (1.0, 0.1, 0.2, 4.9, -0.2, 2.5), (6.0, -0.2, 0.1, 4.5, -0.2, 1.9)]
)
def test_such_a_car_wants_as_many_stops_as_one_that_slides(at: tuple[float, ...]):
    here, sent, line = np.array(at), np.zeros((6, N_COMMAND)), np.empty((6 + HORIZON_TICKS, N_LINE))
    sent[:, 1] = speed = at[3]
    what = here, sent, COURSE, SPACING_M, NO_OBSTACLES, TAIL_HAPPY, LATENCY_S
    rooms = [stop_room(np.int64(stop), 0.0, speed, np.int64(TICKS_PER_DECISION), np.int64(NOTICED_TICKS), *what, -2.0, line)
             for stop in range(len(STOPS))]  # fmt: skip
    assert sum(room >= MARGIN_M for room in rooms) == STOPS_WANTED
    assert not slides(here, TAIL_HAPPY[0])
    manoeuvre, stop = what_holds(*action_for(0.0, speed), *what, MARGIN_M, np.zeros(2, np.int64), line)
    assert manoeuvre >= 0 and stop == -1
