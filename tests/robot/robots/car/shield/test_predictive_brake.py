"""Which actions the predictive brake executes, and what it does in the place of the others."""

import numpy as np
import pytest

from robot.robots.car.shield.predictive_brake import (
    AS_PROPOSED,
    BACKUP,
    BY_A_HAIR,
    MARGIN_M,
    SLOWER,
    STEERED,
    UNAVOIDABLE,
    filter_action,
)
from robot.robots.car.shield.rollout import ACTIONS, NO_OBSTACLES, STOPS, believed_cars, manoeuvre_action, row_action
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.tasks.race_track.task import TICKS_PER_DECISION, action_for
from tests.robot.robots.car.shield.brake_bench import (
    BELIEVED,
    LATENCY_S,
    NOMINAL,
    at_place,
    bend,
    rolling,
    room,
    straight,
)

ICE = believed_cars(NOMINAL, (0.5, 0.5), (0.45, 0.45))


def decide(a0: float, a1: float, at: np.ndarray, course=None, cars=BELIEVED, obstacles=NO_OBSTACLES):
    out, kept = np.zeros(2), np.zeros(2, np.int64)
    reason = filter_action(a0, a1, at, rolling(at[3]), straight()[0] if course is None else course, 0.05, obstacles, cars,
                           LATENCY_S, MARGIN_M, kept, out)  # fmt: skip
    return reason, out


def test_on_a_free_straight_nothing_is_changed():
    reason, out = decide(0.1, 1.0, at_place(2.0, 0.0, 0.0, 4.0))
    assert reason == AS_PROPOSED
    assert list(out) == [0.1, 1.0]


def test_steering_fast_into_the_wall_is_not_executed():
    reason, out = decide(1.0, 1.0, at_place(2.0, 0.4, 0.15, 4.0))
    assert reason not in (AS_PROPOSED, UNAVOIDABLE)
    assert out[0] < 1.0 and out[1] < 1.0


def test_an_action_that_only_the_believed_grip_makes_safe_is_not_executed():
    believed_only = 0
    for speed in np.arange(3.0, 5.0, 0.05):
        at, action = at_place(2.6, 0.0, 0.2, speed), action_for(0.0, speed)
        kept = np.array([[room(action, at, rolling(speed), bend(), car, manoeuvre=m) for car in BELIEVED]
                         for m in range(len(ACTIONS))]) >= MARGIN_M  # fmt: skip
        stopped = np.array([[room(action, at, rolling(speed), bend(), car, manoeuvre=m, held=held, stopping=True)
                             for car, held in zip(BELIEVED, (NOTICED_TICKS, NOTICED_TICKS + 1), strict=True)]
                            for m in range(len(STOPS))]) >= MARGIN_M  # fmt: skip
        reason, _ = decide(*action, at, bend())
        safe = bool(kept.all(axis=1).any() and stopped.all(axis=1).any())  # one manoeuvre, and one stop, for both
        assert (reason == AS_PROPOSED) == safe
        believed_only += not safe and bool(kept[:, 0].any() and stopped[:, 0].any())
    assert believed_only


def holding(action, at: np.ndarray, course: np.ndarray, cars=BELIEVED) -> tuple[bool, int]:
    """Whether a manoeuvre keeps the margin with both grips, and how many stops do, by a guardian who needs his time."""
    kept, stopped = (
        np.array([[room(action, at, rolling(at[3]), course, car, cars[1], m, held=late, stopping=stopping)
                   for car, late in zip(cars, held, strict=True)] for m in range(count)]) >= MARGIN_M
        for stopping, held, count in (
            (False, (0, 0), len(ACTIONS)),
            (True, (NOTICED_TICKS, NOTICED_TICKS + 1), len(STOPS)),
        )
    )  # fmt: skip
    return bool(kept.all(axis=1).any()), int(stopped.all(axis=1).sum())


def meanwhile(action, at: np.ndarray, course: np.ndarray, cars=BELIEVED) -> bool:
    """Whether a guardian has a stop that keeps the margin in every tick before the action's last."""
    return all(
        any(
            min(room(action, at, rolling(at[3]), course, car, cars[1], m, lead=lead, held=held, stopping=True)
                for car, held in zip(cars, (NOTICED_TICKS, NOTICED_TICKS + 1), strict=True)) >= MARGIN_M
            for m in range(len(STOPS))
        )
        for lead in range(1, TICKS_PER_DECISION)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slides", "wanted", "lowest", "highest"),  # lateral, heading error, v_x, v_y / v_x
    [
        (False, 2, (-0.6, -0.3, 3.6, 0.0), (-0.2, -0.1, 4.1, 0.0)),
        (True, 3, (-0.7, 0.15, 3.3, 0.42), (-0.2, 0.45, 5.0, 0.65)),
    ],
)
def test_it_is_not_enough_that_few_stops_hold(slides, wanted, lowest, highest):
    """Where the others fail, they hold by a hair, and a car is never quite as it is believed."""
    seen, rng = [], np.random.default_rng(3)
    course = straight()[0] if slides else bend()
    for _ in range(80):
        lateral, heading, v_x, slip = rng.uniform(lowest, highest)
        at, action = (
            at_place(2.0 if slides else 2.6, lateral, heading, v_x, slip * v_x),
            action_for(0.1 if slides else 0.2, v_x),
        )
        held, stops = holding(action, at, course)
        enough = held and stops >= wanted and meanwhile(action, at, course)
        assert (decide(*action, at, course)[0] == AS_PROPOSED) == enough
        seen += [stops] * held
    assert {wanted - 1} <= set(seen) and max(seen) >= wanted


def test_nor_that_they_hold_at_the_end_of_the_decision_alone():
    """A slide may be past its worst by then."""
    early_only, rng = 0, np.random.default_rng(3)
    for _ in range(300):
        lateral, heading, v_x, slip = rng.uniform((-0.7, 0.0, 3.3, 0.2), (0.0, 0.45, 5.0, 0.65))
        at, action = at_place(2.0, lateral, heading, v_x, slip * v_x), action_for(0.1, v_x)
        held, stops = holding(action, at, bend())
        if held and stops >= 3 and not meanwhile(action, at, bend()):
            early_only += 1
            assert decide(*action, at, bend())[0] != AS_PROPOSED
    assert early_only


def test_where_no_action_of_a_manoeuvre_leaves_a_stop_the_stop_itself_is_begun():
    """A decision ago it was found to hold; a manoeuvre that drives on may not, and whoever sleeps then is lost."""
    begun, rng = 0, np.random.default_rng(0)
    for _ in range(400):
        lateral, heading, v_x = rng.uniform((-0.5, 0.0, 4.0), (0.5, 0.3, 6.0))
        at = at_place(2.4, lateral, heading, v_x)
        reason, out = decide(*action_for(0.3, v_x), at, bend())
        driving = [manoeuvre_action(m, at, bend(), 0.05, BELIEVED[1], LATENCY_S) for m in range(len(ACTIONS))]
        if reason == BACKUP and not any(np.allclose(out, action) for action in driving):
            begun += 1
            starts = [row_action(row, at, bend(), 0.05, BELIEVED[1], LATENCY_S) for row in STOPS]
            assert any(np.allclose(out, action) for action in starts)
            assert any(
                min(room(tuple(out), at, rolling(v_x), bend(), car, manoeuvre=m, held=held, stopping=True)
                    for car, held in zip(BELIEVED, (NOTICED_TICKS, NOTICED_TICKS + 1), strict=True)) >= MARGIN_M
                for m in range(len(STOPS))
            )  # fmt: skip
    assert begun


def test_rather_than_drive_on_ice_with_one_stop_alone_a_stop_is_begun_that_leaves_one_at_every_moment():
    """One alone holds by a hair; where nothing better is left it is better than none."""
    wanted, rng = [], np.random.default_rng(1)
    for _ in range(1500):
        lateral, heading, v_x, slip = rng.uniform((-0.7, -0.3, 3.0, -0.3), (0.7, 0.4, 5.5, 0.3))
        at = at_place(2.4, lateral, heading, v_x, slip * v_x)
        reason, out = decide(*action_for(0.3, v_x), at, bend(), ICE)
        if reason not in (AS_PROPOSED, SLOWER, STEERED):
            continue
        stops = holding(tuple(out), at, bend(), ICE)[1]
        if reason == AS_PROPOSED:
            wanted.append(stops)
        elif stops == 1:
            starts = [row_action(row, at, bend(), 0.05, ICE[1], LATENCY_S) for row in STOPS]
            assert not any(holding(start, at, bend(), ICE)[1] and meanwhile(start, at, bend(), ICE) for start in starts)
    assert min(wanted) == 3  # one more than where the floor holds


def test_a_slow_car_that_can_stop_alone_finds_no_way_on():
    """It would stand there for ever: who finds no way on is backed out."""
    for v_x in (0.2, 0.6, 0.95):
        assert decide(0.0, 0.0, at_place(2.0, 0.55, 0.9, v_x))[0] in (UNAVOIDABLE, BY_A_HAIR)


def test_an_action_after_which_only_who_is_awake_can_stop_is_not_executed():
    """Whoever finds that nobody thinks any more has lost some ticks by then, in which the last command goes on."""
    too_late = 0
    for lateral in np.arange(0.2, 0.7, 0.01):
        at, action = at_place(2.0, lateral, 0.15, 4.0), action_for(0.0, 4.0)
        course, _ = straight()
        at_once, late = (
            max(min(room(action, at, rolling(4.0), course, car, manoeuvre=m, held=held, stopping=True) for car in BELIEVED)
                for m in range(len(STOPS)))
            for held in (0, NOTICED_TICKS)
        )  # fmt: skip
        assert late <= at_once + 0.01
        if late < MARGIN_M <= at_once:
            too_late += 1
            assert decide(*action, at)[0] != AS_PROPOSED
    assert too_late


def test_a_small_step_of_the_steering_is_preferred_to_slowing_down_and_that_to_taking_the_wheel():
    tried = [decide(a0, 0.8, at_place(2.0, 0.45, 0.2, 3.5)) + (a0,) for a0 in np.linspace(-0.5, 1.0, 61)]
    assert tried[0][0] == AS_PROPOSED
    reason, out, a0 = next(one for one in tried if one[0] != AS_PROPOSED)  # the first that goes a little too far
    assert reason == STEERED
    assert a0 - 0.13 < out[0] < a0 and out[1] == pytest.approx(0.8)
    reason, out = decide(0.0, 1.0, at_place(2.6, 0.0, 0.0, 5.0), bend())
    assert reason == SLOWER
    assert out[0] == 0.0 and out[1] < 1.0


def test_a_crash_that_cannot_be_avoided_is_named_and_the_backup_drives():
    reason, out = decide(0.0, 1.0, at_place(2.0, 0.5, 0.9, 5.0))
    assert reason == UNAVOIDABLE
    assert out[1] < 0.0


def test_where_the_least_grip_leaves_no_way_out_what_the_believed_grip_leaves_is_done():
    """It is the best that is left, and it may well do."""
    saved, rng = 0, np.random.default_rng(0)
    for _ in range(800):
        s, lateral, heading, v_x, slip = rng.uniform((2.0, -0.4, -0.5, 4.5, -0.4), (3.0, 0.4, 0.2, 6.0, 0.3))
        at = at_place(s, lateral, heading, v_x, slip * v_x)
        reason, out = decide(*action_for(0.3, v_x), at, bend())
        likely = BELIEVED[0]
        ways = [manoeuvre_action(m, at, bend(), 0.05, likely, LATENCY_S) for m in range(len(ACTIONS))]
        rooms = [room(way, at, rolling(v_x), bend(), likely, likely, m) for m, way in enumerate(ways)]
        if reason == UNAVOIDABLE and max(rooms) >= 0.0:
            saved += 1
            np.testing.assert_allclose(out, ways[int(np.argmax(rooms))])
    assert saved


def test_what_stands_in_the_way_is_stopped_for_and_what_leaves_room_is_passed():
    in_the_way, beside = np.array([[4.5, 0.0, 0.15, 0.0]]), np.array([[4.5, 0.75, 0.15, 0.0]])
    at = at_place(2.0, 0.0, 0.0, 4.0)
    assert decide(0.0, 0.6, at)[0] == AS_PROPOSED
    assert decide(0.0, 0.6, at, obstacles=beside)[0] == AS_PROPOSED
    reason, out = decide(0.0, 0.6, at, obstacles=in_the_way)
    assert reason not in (AS_PROPOSED, UNAVOIDABLE)
    assert out[1] < 0.6
