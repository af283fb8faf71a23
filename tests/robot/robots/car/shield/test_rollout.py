"""The roll-out of an action and a manoeuvre: as in the simulator, and what counts as room."""

import math

import numpy as np
import pytest

from robot.robots.car.shield.rollout import (
    ACTIONS,
    COAST_A,
    HARDEST,
    HORIZON_TICKS,
    N_COMMAND,
    N_LINE,
    NO_OBSTACLES,
    ROLLS,
    STEER,
    STOPS,
    TURNED,
    WAY,
    believed_cars,
    clearance,
    gap,
    least_room,
    manoeuvre_action,
    stopping_command,
)
from robot.robots.car.shield.supervision import FULL_BRAKE_A
from robot.tasks.race_track.task import TICK_S, action_for, target
from sim.car.model import (
    GRAVITY_M_S2,
    P_DELAY,
    P_GRIP_F,
    P_GRIP_R,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_MOTOR_GAIN,
    P_STEER_MAX,
    load_parameters,
)
from sim.tracks.track import place
from tests.robot.robots.car.shield.brake_bench import (
    BELIEVED,
    GENTLE,
    LATENCY_S,
    NOMINAL,
    Plane,
    at_place,
    rolling,
    room,
    straight,
)


def test_a_longer_delay_leaves_less_room():
    course, _ = straight()
    rooms = [room((0.0, 0.5), at_place(2.0, 0.0, 0.1, 4.0), rolling(4.0, 0.1), course, latency_s=latency)
             for latency in (0.02, 0.04, 0.08)]  # fmt: skip
    assert rooms[0] > rooms[1] > rooms[2]


def test_commands_still_on_their_way_are_part_of_the_prediction():
    course, _ = straight()
    turning, aimed = rolling(4.0), rolling(4.0)
    turning[-2:, 0] = 0.3  # sent, but not yet at the wheels
    aimed[-1, 0] = 0.3
    at = at_place(2.0, 0.3, 0.05, 4.0)
    assert room((0.0, 0.5), at, turning, course) < room((0.0, 0.5), at, aimed, course)


def test_wheels_at_their_end_stops_turn_no_further_whatever_is_asked():
    course, _ = straight()
    stops = NOMINAL.copy()
    stops[P_STEER_MAX] = 0.2
    at, wall = at_place(2.0, 0.0, 0.0, 1.5), np.array([[4.0, 0.0, 0.3, 0.0]])

    def turned(steer_rad, car):
        line = np.empty((6 + HORIZON_TICKS, N_LINE))
        least_room(
            GENTLE, steer_rad, 1.5, 25, 0, True, at, rolling(1.5), course, 0.05, wall, car, car, LATENCY_S, -2.0, line
        )
        return line[6 + 24, TURNED]

    assert turned(0.4, stops) == turned(0.3, stops)  # both stand at 0.2 by then
    assert turned(0.4, stops) < 0.6 * turned(0.4, NOMINAL)


def test_from_the_end_stops_the_wheels_come_back_at_once():
    """What was asked beyond them was not commanded, and need not be taken back first."""
    course, _ = straight()
    stops = NOMINAL.copy()
    stops[P_STEER_MAX] = 0.2
    at, wall = at_place(2.0, 0.0, 0.0, 1.5), np.array([[4.0, 0.0, 0.3, 0.0]])

    def commands(steer_rad):
        line = np.empty((6 + HORIZON_TICKS, N_LINE))
        least_room(
            HARDEST,
            steer_rad,
            1.5,
            10,
            0,
            True,
            at,
            rolling(1.5),
            course,
            0.05,
            wall,
            stops,
            stops,
            LATENCY_S,
            -2.0,
            line,
        )
        return line[:26, STEER]

    np.testing.assert_array_equal(commands(0.4), commands(0.2))
    assert commands(0.4)[15] == 0.2 and commands(0.4)[16] == pytest.approx(0.15)


def test_a_brake_current_on_its_way_brakes():
    course, _ = straight()
    at, ahead = at_place(2.0, 0.0, 0.0, 4.0), np.array([[4.0, 0.0, 0.1, 0.0]])
    braking = rolling(4.0)
    braking[-3:] = 0.0, 0.0, FULL_BRAKE_A
    as_if_not = room((0.0, 0.5), at, rolling(4.0), course, obstacles=ahead)
    assert room((0.0, 0.5), at, braking, course, obstacles=ahead) > as_if_not


def test_a_car_that_creeps_towards_a_wall_is_not_safe_yet():
    course, _ = straight()
    assert clearance(2.0, 0.65, 0.5, course, 0.05, NOMINAL) > 0.0
    assert room(action_for(0.0, 0.8), at_place(2.0, 0.65, 0.5, 0.8), rolling(0.8), course) < 0.0
    assert room(action_for(0.0, 0.8), at_place(2.0, 0.65, -0.5, 0.8), rolling(0.8), course) > 0.0


def test_a_car_that_slides_sideways_is_not_slow_however_slow_it_is_forwards():
    course, _ = straight()
    action = action_for(0.0, 0.8)
    assert room(action, at_place(2.0, 0.6, 0.0, 0.8, v_y=0.0), rolling(0.8), course) > 0.0
    assert room(action, at_place(2.0, 0.6, 0.0, 0.8, v_y=3.0), rolling(0.8), course) < 0.0


@pytest.mark.parametrize("latency_s", [0.03, 0.034, 0.036, 0.04, 0.05])
def test_a_stop_in_thought_goes_as_far_as_one_in_the_simulator_however_the_delay_falls_between_two_ticks(latency_s):
    car = NOMINAL.copy()
    car[P_DELAY] = latency_s
    plane = Plane("oval", car)
    plane.put(20, 4.0)
    at, sent = plane.seen(), np.vstack([plane.sent, plane.sent[-1:]])
    line = np.empty((len(sent) + HORIZON_TICKS, N_LINE))
    least_room(HARDEST, 0.0, 4.0, 5, 0, True, at, sent, plane.course, plane.spacing_m, NO_OBSTACLES, car, car, latency_s,
               -2.0, line)  # fmt: skip
    way, ends = 0.0, int(np.argmax(line[len(sent) :, WAY]))  # from there on it creeps
    assert ends > 20
    for tick in range(ends):
        assert line[len(sent) + tick, WAY] == pytest.approx(way, abs=0.02)
        before = plane.state[3]
        plane.tick(*line[len(sent) + tick, :N_COMMAND])
        way += 0.5 * TICK_S * (before + plane.state[3])


@pytest.mark.parametrize("latency_s", [0.0398, 0.0399999, 0.04, 0.0401])
def test_through_a_chicane_a_stop_in_thought_takes_the_simulators_way_however_the_delay_falls(latency_s):
    """Steering hard from one bend into the next: both begin with the wheels as they are, and bend where the course does."""
    car = NOMINAL.copy()
    car[P_DELAY], car[[P_GRIP_F, P_GRIP_R]] = latency_s, 0.75 * NOMINAL[[P_GRIP_F, P_GRIP_R]]
    plane = Plane("chicane", car)
    plane.put(round(18.2 / plane.spacing_m), 5.9)
    x, y, yaw = place(plane.course, plane.spacing_m, 18.22, -0.37)
    plane.state[:] = x, y, yaw + 0.3, 5.9, -0.1, 0.6, 0.12
    plane.sent[:, STEER] = 0.022, 0.072, 0.122, 0.172, 0.222
    for k in range(plane.delay + 1):
        plane.line[k] = plane.sent[-1 - k // 2]
    at, sent, yaw = plane.seen(), plane.sent.copy(), plane.state[2]
    line = np.zeros((len(sent) + HORIZON_TICKS, N_LINE))
    leaves = least_room(GENTLE, 0.24, 5.8, 5, 0, True, at, sent, plane.course, plane.spacing_m, NO_OBSTACLES, car, car,
                        latency_s, -2.0, line)  # fmt: skip
    ticks = int(np.argmax(line[len(sent) :, WAY]))
    seen = math.inf
    for row in line[len(sent) : len(sent) + ticks]:
        assert plane.state[2] - yaw == pytest.approx(row[TURNED], abs=0.05)
        plane.tick(*row[:N_COMMAND])
        seen = min(seen, clearance(*plane.seen()[:3], plane.course, plane.spacing_m, car))
    assert ticks > 60 and seen == pytest.approx(leaves, abs=0.03)


def test_the_gap_is_measured_from_the_body_and_shrinks_as_somebody_walks():
    ahead = np.array([[5.0, 0.0, 0.15, 0.5]])
    front = 1.0 - NOMINAL[P_HALF_LENGTH] - 0.15
    assert gap(4.0, 0.0, 0.0, ahead, 0.0, 0.0, 40.0, NOMINAL) == pytest.approx(front)
    assert gap(4.0, 0.0, 0.0, ahead, 0.4, 0.1, 40.0, NOMINAL) == pytest.approx(front - 0.3)
    assert gap(39.0, 0.0, 0.0, np.array([[0.0, 0.0, 0.15, 0.0]]), 0.0, 0.0, 40.0, NOMINAL) == pytest.approx(front)
    side = np.array([[4.0, 0.6, 0.15, 0.0]])
    assert gap(4.0, 0.0, 0.0, side, 0.0, 0.0, 40.0, NOMINAL) == pytest.approx(0.45 - NOMINAL[P_HALF_WIDTH])


def test_clearance_is_measured_from_the_corners_of_the_body():
    course, spacing_m = straight()
    half_length, half_width = NOMINAL[P_HALF_LENGTH], NOMINAL[P_HALF_WIDTH]
    assert clearance(5.0, 0.3, 0.0, course, spacing_m, NOMINAL) == pytest.approx(0.7 - half_width)
    turned = 0.7 - half_length * math.sin(0.4) - half_width * math.cos(0.4)
    assert clearance(5.0, 0.3, 0.4, course, spacing_m, NOMINAL) == pytest.approx(turned)
    assert clearance(5.0, -0.3, -0.4, course, spacing_m, NOMINAL) == pytest.approx(turned)


def test_in_a_bend_the_ends_of_the_body_are_nearer_to_its_outer_wall():
    course, spacing_m = straight()
    course[:, 4] = 1.5  # to the left
    beside, out = NOMINAL[P_HALF_WIDTH], 0.5 * 1.5 * NOMINAL[P_HALF_LENGTH] ** 2
    assert clearance(5.0, 0.3, 0.0, course, spacing_m, NOMINAL) == pytest.approx(0.7 - beside)
    assert clearance(5.0, -0.3, 0.0, course, spacing_m, NOMINAL) == pytest.approx(0.7 - beside - out)


def test_every_manoeuvre_brakes_and_steers_back_to_the_course():
    course, _ = straight()
    for manoeuvre in range(len(ACTIONS)):
        left, right = (manoeuvre_action(manoeuvre, at_place(5.0, side * 0.5, side * 0.1, 3.0), course, 0.05, BELIEVED[1],
                                        LATENCY_S) for side in (1.0, -1.0))  # fmt: skip
        assert left[0] < 0.0 and target(*left)[1] < 3.0
        assert right == pytest.approx((-left[0], left[1]))
    for stop in range(len(STOPS)):
        left, right = (stopping_command(stop, 99, 5.0, side * 0.5, side * 0.1, 3.0, 0.0, course, 0.05, BELIEVED[1])
                       for side in (1.0, -1.0))  # fmt: skip
        assert left[0] < 0.0 and left[1] > COAST_A
        assert right == pytest.approx((-left[0], left[1]))


def test_the_stops_differ_in_how_hard_they_brake_and_at_the_end_brake_fully():
    course, _ = straight()
    fast, slow, last = (
        [stopping_command(m, 99, 5.0, 0.5, 0.0, v_x, 0.0, course, 0.05, BELIEVED[1])[1] for m in range(len(STOPS))]
        for v_x in (4.0, 0.8, 0.2)
    )
    assert max(fast) > 3.0 * min(fast)
    assert min(slow) > 0.99 * slow[HARDEST] > 2.0 * min(fast)
    assert last == [FULL_BRAKE_A] * len(STOPS)


def test_a_stop_may_let_a_sliding_car_roll_before_it_brakes():
    course, _ = straight()
    (rolls,) = np.flatnonzero(STOPS[:, ROLLS])
    assert rolls == len(STOPS) - 1  # tried last
    brakes = [
        stopping_command(rolls, ticks, 5.0, 0.5, 0.0, 4.0, 0.0, course, 0.05, BELIEVED[1])[1] for ticks in (0, 19, 20)
    ]
    assert brakes[0] == brakes[1] == COAST_A < brakes[2]


def test_who_stops_may_stand_at_any_angle_and_who_drives_on_may_not():
    course, _ = straight()
    at, braking = at_place(2.0, 0.58, 0.9, 0.8), np.tile([0.0, 0.0, FULL_BRAKE_A], (6, 1))
    assert room(action_for(0.0, 0.5), at, braking, course, lead=0, stopping=True) > 0.0
    assert room(action_for(0.0, 0.5), at, braking, course, lead=0) < 0.0


def test_less_grip_believed_also_means_less_brake():
    course, _ = straight()
    ice = believed_cars(NOMINAL, (0.5, 0.6), (0.4, 0.45))
    assert ice[:, P_GRIP_F] == pytest.approx([0.5 * NOMINAL[P_GRIP_F], 0.4 * NOMINAL[P_GRIP_F]])
    assert ice[:, P_GRIP_R] == pytest.approx([0.6 * NOMINAL[P_GRIP_R], 0.45 * NOMINAL[P_GRIP_R]])
    assert NOMINAL[P_GRIP_F] == load_parameters().grip  # the argument is not changed
    _, brake_a = stopping_command(HARDEST, 0, 5.0, 0.0, 0.0, 4.0, 0.0, course, 0.05, ice[1])
    assert brake_a * NOMINAL[P_MOTOR_GAIN] < 0.4 * NOMINAL[P_GRIP_F] * GRAVITY_M_S2


@pytest.mark.parametrize("shares", [(0.0, 0.0), (1.0, -1.0), (2.2, 1.0), (math.nan, 0.5), (1.0, math.nan), (0.8, 0.9)])
def test_a_belief_in_no_grip_or_absurdly_much_is_refused(shares):
    with pytest.raises(ValueError, match=r"shares of front and rear grip are .*\(0, 2\]"):
        believed_cars(NOMINAL, (shares[0], 1.0), (shares[1], 1.0))
    with pytest.raises(ValueError, match=r"shares of front and rear grip are .*\(0, 2\]"):
        believed_cars(NOMINAL, (1.0, shares[0]), (1.0, shares[1]))
