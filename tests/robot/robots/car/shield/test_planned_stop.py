"""The stop that is carried on, and the one that is written down for who has no eyes."""

import math

import numpy as np
import pytest

from robot.robots.car.shield.predictive_brake import MARGIN_M, carry_on, plan_stop, roomiest_stop
from robot.robots.car.shield.rollout import (
    CREEP_INWARDS_RAD,
    CREEP_OUTWARDS_RAD,
    HARDEST,
    HORIZON_TICKS,
    N_LINE,
    NO_OBSTACLES,
    STOPS,
    WAY,
)
from robot.robots.car.shield.supervision import FULL_BRAKE_A
from robot.tasks.race_track.task import STEER_SLEW_RAD_S, TICK_S, action_for, slew, target
from tests.robot.robots.car.shield.brake_bench import (
    BELIEVED,
    GENTLE,
    LATENCY_S,
    at_place,
    bend,
    rolling,
    room,
    straight,
)


def test_the_stop_that_is_planned_is_the_one_that_is_carried_out_tick_by_tick():
    course, _ = straight()
    at, sent, kept = at_place(2.0, 0.4, 0.1, 4.0), rolling(4.0), np.zeros(2, np.int64)
    out, plan = np.zeros(2), np.zeros((HORIZON_TICKS - 1, 4))
    carry_on(at, sent, course, 0.05, NO_OBSTACLES, BELIEVED, LATENCY_S, MARGIN_M, kept, out)
    steer = slew(0.0, out[0], STEER_SLEW_RAD_S, TICK_S)
    plan_stop(
        5,
        at,
        np.vstack([sent, (steer, 0.0, out[1])]),
        course,
        0.05,
        NO_OBSTACLES,
        BELIEVED,
        LATENCY_S,
        MARGIN_M,
        kept,
        plan,
    )
    assert np.all(plan[:, 1] > 0.0) and np.all(np.isfinite(plan))
    assert plan[0, 0] == pytest.approx(steer, abs=STEER_SLEW_RAD_S * TICK_S)
    assert plan[0, 1] == pytest.approx(out[1], rel=0.1)
    assert np.all(np.abs(np.diff(plan[:, 0])) <= STEER_SLEW_RAD_S * TICK_S + 1e-12)
    assert plan[-1, 1] == FULL_BRAKE_A


def test_until_somebody_notices_a_dead_driver_the_plan_steers_on_as_told_and_brakes():
    course, _ = straight()
    at, plan, kept = at_place(2.0, 0.4, 0.1, 4.0), np.zeros((50, 4)), np.zeros(2, np.int64)
    plan_stop(5, at, rolling(4.0, 0.03), course, 0.05, NO_OBSTACLES, BELIEVED, LATENCY_S, MARGIN_M, kept, plan)
    assert np.all(plan[:5, 0] == 0.03)
    assert plan[6, 0] != 0.03
    assert np.all(plan[:, 1] > 0.0)


def test_the_plan_says_what_the_car_will_have_turned_and_gone():
    course, _ = straight()
    at, plan, kept = at_place(2.0, 0.4, 0.1, 4.0), np.zeros((HORIZON_TICKS - 1, 4)), np.zeros(2, np.int64)
    plan_stop(5, at, rolling(4.0), course, 0.05, NO_OBSTACLES, BELIEVED, LATENCY_S, MARGIN_M, kept, plan)
    turned, way = plan[:, 2], plan[:, 3]
    assert way[:5] == pytest.approx(4.0 * TICK_S * np.arange(1, 6), rel=0.02)
    assert np.all(np.diff(way) >= 0.0) and 1.0 < way[-1] < 3.0
    assert turned[:2] == pytest.approx(0.0, abs=1e-3)
    assert -CREEP_INWARDS_RAD < 0.1 + turned[-1] < CREEP_OUTWARDS_RAD  # as at its end a car must point that creeps on


@pytest.mark.parametrize(("lateral", "shorter"), [(0.3, False), (0.75, True)])
def test_close_to_a_wall_a_short_stop_is_planned_since_it_is_played_without_eyes(lateral, shorter):
    """Where all leave the room that there is now, the gentlest goes furthest, and drifts as it goes."""
    assert min(STOPS[:, 1]) == STOPS[GENTLE, 1]
    course, _ = straight()
    at, plan, kept = at_place(2.0, lateral, -0.1, 4.0), np.zeros((HORIZON_TICKS - 1, 4)), np.array([0, GENTLE])
    before = (course, 0.05, NO_OBSTACLES, BELIEVED, LATENCY_S)
    line = np.empty((len(rolling(4.0)) + HORIZON_TICKS, N_LINE))
    room, stop = roomiest_stop(0.0, 4.0, 6, 0, at, rolling(4.0)[:-1], *before, MARGIN_M, GENTLE, line)
    assert room >= MARGIN_M and stop == GENTLE
    plan_stop(5, at, rolling(4.0), *before, MARGIN_M, kept, plan)
    assert (plan[-1, 3] < 0.7 * line[-2, WAY]) == shorter
    assert (kept[1] != GENTLE) == shorter


@pytest.mark.parametrize("v_x", [0.0, 6.0, math.nan])
def test_whatever_the_state_the_plan_brakes(v_x):
    course, _ = straight()
    plan, kept = np.zeros((50, 4)), np.zeros(2, np.int64)
    plan_stop(
        5,
        at_place(2.0, 0.9, 1.2, v_x),
        rolling(4.0),
        course,
        0.05,
        NO_OBSTACLES,
        BELIEVED,
        LATENCY_S,
        MARGIN_M,
        kept,
        plan,
    )
    assert np.all(plan[:, 1] > 0.0)


def test_where_no_stop_holds_with_either_grip_the_one_that_holds_with_the_believed_is_planned():
    """What was measured is nearly always so; the least is hardly ever."""
    likely = 0
    for speed in np.arange(3.0, 5.0, 0.05):
        at, sent = at_place(2.6, 0.0, 0.2, speed), rolling(speed)
        rooms = np.array([[room(action_for(0.0, speed), at, sent, bend(), car, manoeuvre=m, lead=5, held=late, stopping=True)
                           for late, car in enumerate(BELIEVED)] for m in range(len(STOPS))])  # fmt: skip
        if rooms.min(axis=1).max() >= 0.0 or rooms[:, 0].max() < MARGIN_M:
            continue
        likely += 1
        line = np.empty((len(sent) + HORIZON_TICKS, N_LINE))
        _, found = roomiest_stop(*target(*action_for(0.0, speed)), 5, 0, at, sent, bend(), 0.05, NO_OBSTACLES, BELIEVED,
                                 LATENCY_S, MARGIN_M, HARDEST, line)  # fmt: skip
        assert rooms[found, 0] >= 0.0
    assert likely


@pytest.mark.parametrize(("v_x", "lateral", "ahead"), [(1.35, 0.75, 0.66), (1.6, 0.0, 0.7), (2.0, 0.6, 0.8)])
def test_whom_no_stop_keeps_off_it_meets_as_slowly_as_it_can(v_x: float, lateral: float, ahead: float):
    course, _ = straight()
    gentlest, out = int(np.argmin(STOPS[:, 1])), np.zeros(2)
    kept = np.array([HARDEST, gentlest])
    somebody = np.array([[5.0 + ahead, lateral, 0.22, 0.6]])
    left = carry_on(at_place(5.0, lateral, 0.0, v_x), rolling(v_x), course, 0.05, somebody, BELIEVED, LATENCY_S, MARGIN_M,
                    kept, out)  # fmt: skip
    assert left < 0.0
    assert out[1] > 0.8 * FULL_BRAKE_A
    assert kept[1] != gentlest
