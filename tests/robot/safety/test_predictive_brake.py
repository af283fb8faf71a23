"""The predictive brake: whatever the policy proposes, the car stays off the walls, and a good driver hardly notices."""

import math

import numpy as np
import pytest

from policies.backup.pure_pursuit import pursue
from robot.safety.predictive_brake import (
    AS_PROPOSED,
    HARDEST,
    HOLDING,
    MARGIN_M,
    SLIPPERY_SHARE,
    SLOWER,
    UNAVOIDABLE,
    backup_action,
    believed_car,
    clearance,
    filter_action,
    least_room,
    most_room,
    with_grip,
)
from robot.tasks.race_track import (
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    action_for,
    slew,
    target,
)
from sim.built_in_tracks import BUILT_IN, built_in
from sim.car import (
    GRAVITY_M_S2,
    P_BRAKE,
    P_DELAY,
    P_FRONT,
    P_GRIP,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_REAR,
    P_STEER_MAX,
    PHYSICS_STEP_S,
    drive_acceleration,
    load_parameters,
    steering_rate,
    step_pose,
)
from sim.distance_field import footprint_clearance, rasterise
from sim.track import project

RANDOM, GOOD = 0, 1
NOMINAL = load_parameters().packed()
LATENCY_S = NOMINAL[P_DELAY]
SLIPPERY = believed_car(NOMINAL, SLIPPERY_SHARE)


def drive(course, spacing_m, walls, frame, car, belief, margin_m, driver, brake, decisions, noise_m, speeds, seed):
    """Drive in the plane among walls: (collisions, decisions as proposed). A crash starts again on the centreline."""
    rng = np.random.default_rng(seed)
    state, executed, sent = np.zeros(7), np.zeros(2), np.zeros((5, 2))
    delay = round(car[P_DELAY] / PHYSICS_STEP_S)
    line = np.zeros((delay + 1, 2))
    collisions, kept, row, placed = 0, 0, 0, False
    for _ in range(decisions):
        if not placed:
            row = int(rng.integers(course.shape[0]))
            state[:] = 0.0
            state[0], state[1], state[3] = course[row, 0], course[row, 1], 1.0
            state[2] = math.atan2(course[row, 3], course[row, 2])
            sent[:, 0], sent[:, 1], line[:, 0], line[:, 1] = 0.0, 1.0, 0.0, 1.0
            placed = True
        x, y, yaw = state[:3] + noise_m * rng.standard_normal(3)
        row, s, lateral, error = project(course, spacing_m, x, y, yaw, row, 20, 60)
        if driver == RANDOM:
            a0, a1 = rng.uniform(-1.0, 1.0, 2)
        else:
            steer = pursue(course, spacing_m, s, lateral, error, 0.5 + 0.2 * state[3], 0.0, car[P_FRONT] + car[P_REAR],
                           car[P_STEER_MAX])  # fmt: skip
            a0, a1 = action_for(steer, speeds[int(row + 0.15 * state[3] / spacing_m) % len(speeds)])
        executed[:] = a0, a1
        if brake:
            reason = filter_action(a0, a1, s, lateral, error, state[3], state[4], state[5], sent, course, spacing_m,
                                   belief, with_grip(belief, SLIPPERY_SHARE), belief[P_DELAY], margin_m, executed)  # fmt: skip
            kept += reason == AS_PROPOSED
        goal_steer, goal_speed = target(executed[0], executed[1])
        for _ in range(TICKS_PER_DECISION):
            sent[:-1] = sent[1:].copy()
            sent[-1, 0] = slew(sent[-2, 0], goal_steer, STEER_SLEW_RAD_S, TICK_S)
            sent[-1, 1] = slew(sent[-2, 1], goal_speed, SPEED_SLEW_M_S2, TICK_S)
            for _ in range(2):
                line[1:] = line[:-1].copy()
                line[0] = sent[-1]
                rate = steering_rate(state[6], line[delay, 0], car, PHYSICS_STEP_S)
                step_pose(state, rate, drive_acceleration(state[3], line[delay, 1], car), car, PHYSICS_STEP_S)
            hit = footprint_clearance(walls, frame, state[0], state[1], state[2], car[P_HALF_LENGTH],
                                      car[P_HALF_WIDTH]) <= 0.0  # fmt: skip
            if hit:
                collisions, placed = collisions + 1, False
                break
    return collisions, kept


def friction_limited_speeds(course, share: float) -> np.ndarray:
    """Speeds (n,) m/s along the centreline of a quasi-steady-state lap, times `share`."""
    n, most = len(course.x), load_parameters().grip * GRAVITY_M_S2
    bend = np.convolve(np.tile(np.abs(course.curvature), 3), np.ones(11) / 11, "same")[n : 2 * n]
    speeds = np.minimum(6.0, np.sqrt(most / np.maximum(bend, 1e-4)))
    for step in (1, -1):  # accelerating forwards, then braking backwards, twice round
        for k in range(2 * n):
            here, there = (step * k) % n, (step * (k + 1)) % n
            left = math.sqrt(max(0.0, 1.0 - (speeds[here] ** 2 * bend[here] / most) ** 2))
            speeds[there] = min(speeds[there], math.sqrt(speeds[here] ** 2 + 2 * 8.0 * left * course.spacing_m))
    return share * speeds


def race(name: str, driver: int, brake: bool, decisions: int, car=NOMINAL, noise_m: float = 0.0, share: float = 0.85):
    course, belief = built_in(name), believed_car(NOMINAL)
    grid = rasterise(course, 0.025)
    return drive(course.packed(), course.spacing_m, grid.distance_m, grid.frame, car, belief, MARGIN_M, driver, brake,
                 decisions, noise_m, friction_limited_speeds(course, share), 1)  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_car_with_random_actions_does_not_hit_anything(name):
    without, _ = race(name, RANDOM, brake=False, decisions=200)
    collisions, _ = race(name, RANDOM, brake=True, decisions=2000)
    assert without >= 8
    assert collisions <= 2


@pytest.mark.parametrize("name", BUILT_IN)
def test_nor_with_less_grip_than_believed_and_a_pose_that_jumps_by_3_cm(name):
    slippery = NOMINAL.copy()
    slippery[P_GRIP] *= 0.85
    collisions, _ = race(name, RANDOM, brake=True, decisions=2000, car=slippery, noise_m=0.03)
    assert collisions <= 8  # about 100 without the brake


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_good_driver_is_hardly_ever_overruled(name):
    collisions, kept = race(name, GOOD, brake=True, decisions=1000)
    assert collisions == 0
    assert kept >= 930


def straight() -> tuple[np.ndarray, float]:
    """A packed straight along x, 1 m to each wall, 40 m long; the rows' spacing."""
    packed = np.zeros((800, 7))
    packed[:, 0] = 0.05 * np.arange(800)
    packed[:, 2], packed[:, 5], packed[:, 6] = 1.0, 1.0, 1.0
    return packed, 0.05


def decide(a0: float, a1: float, lateral: float, heading: float, v_x: float, latency_s: float = LATENCY_S):
    course, spacing_m = straight()
    sent, out = np.tile([0.0, v_x], (6, 1)), np.zeros(2)
    reason = filter_action(a0, a1, 2.0, lateral, heading, v_x, 0.0, 0.0, sent, course, spacing_m, believed_car(NOMINAL), SLIPPERY,
                           latency_s, MARGIN_M, out)  # fmt: skip
    return reason, out


def test_on_a_free_straight_nothing_is_changed():
    reason, out = decide(0.1, 1.0, lateral=0.0, heading=0.0, v_x=4.0)
    assert reason == AS_PROPOSED
    assert list(out) == [0.1, 1.0]


def test_steering_fast_into_the_wall_is_not_executed():
    reason, out = decide(1.0, 1.0, lateral=0.4, heading=0.15, v_x=4.0)
    assert reason not in (AS_PROPOSED, UNAVOIDABLE)
    assert out[0] < 1.0 and out[1] < 1.0


def test_an_action_that_only_the_believed_grip_makes_safe_is_not_executed():
    course, spacing_m = straight()
    course[80:, 4] = 1.5
    sent, out, belief = np.tile([0.0, 3.75], (6, 1)), np.zeros(2), believed_car(NOMINAL)
    action = action_for(0.0, 3.75)
    moving = *action, 2.6, 0.0, 0.3, 3.75, 0.0, 0.0, sent, course, spacing_m
    assert most_room(*moving, belief, LATENCY_S, MARGIN_M) > MARGIN_M
    assert most_room(*moving, SLIPPERY, LATENCY_S, MARGIN_M) < 0.0
    assert filter_action(*moving, belief, SLIPPERY, LATENCY_S, MARGIN_M, out) == SLOWER
    assert out[1] < action[1]
    assert filter_action(*moving, belief, belief, LATENCY_S, MARGIN_M, out) == AS_PROPOSED


def test_a_car_that_creeps_towards_a_wall_is_not_safe_yet():
    course, spacing_m = straight()
    creep, car = (*action_for(0.0, 0.8), 2.0), (0.8, 0.0, 0.0, np.tile([0.0, 0.8], (6, 1)))
    belief = believed_car(NOMINAL)
    assert clearance(2.0, 0.65, 0.5, course, spacing_m, belief) > 0.0
    assert least_room(HARDEST, *creep, 0.65, 0.5, *car, course, spacing_m, belief, LATENCY_S) < 0.0
    assert least_room(HARDEST, *creep, 0.65, -0.5, *car, course, spacing_m, belief, LATENCY_S) > 0.0


def test_slowing_down_is_preferred_to_taking_the_wheel():
    course, spacing_m = straight()
    course[80:, 4] = 1.5  # a bend that can be taken slowly only: the straight steering is fine, the speed is not
    sent, out = np.tile([0.0, 5.0], (6, 1)), np.zeros(2)
    reason = filter_action(0.0, 1.0, 2.6, 0.0, 0.0, 5.0, 0.0, 0.0, sent, course, spacing_m, believed_car(NOMINAL), SLIPPERY,
                           LATENCY_S, MARGIN_M, out)  # fmt: skip
    assert reason == SLOWER
    assert out[0] == 0.0 and out[1] < 1.0


def test_a_crash_that_cannot_be_avoided_is_named_and_the_backup_drives():
    reason, out = decide(0.0, 1.0, lateral=0.5, heading=0.9, v_x=5.0)
    assert reason == UNAVOIDABLE
    assert out[1] < 0.0


def test_a_longer_delay_leaves_less_room():
    course, spacing_m = straight()
    belief = believed_car(NOMINAL)
    sent = np.tile([0.1, 4.0], (6, 1))
    rooms = [least_room(HARDEST, 0.0, 0.5, 2.0, 0.0, 0.1, 4.0, 0.0, 0.0, sent, course, spacing_m, belief, latency)
             for latency in (0.02, 0.04, 0.08)]  # fmt: skip
    assert rooms[0] > rooms[1] > rooms[2]


def test_commands_still_on_their_way_are_part_of_the_prediction():
    course, spacing_m = straight()
    belief = believed_car(NOMINAL)
    turning = np.tile([0.0, 4.0], (6, 1))
    turning[-2:, 0] = 0.3  # sent, but not yet at the wheels
    aimed = np.tile([0.0, 4.0], (6, 1))
    aimed[-1, 0] = 0.3
    args = (0.0, 0.5, 2.0, 0.3, 0.05, 4.0, 0.0, 0.0)
    assert least_room(HARDEST, *args, turning, course, spacing_m, belief, LATENCY_S) < least_room(
        HARDEST, *args, aimed, course, spacing_m, belief, LATENCY_S
    )


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


def test_the_backup_brakes_and_steers_back_to_the_course():
    course, spacing_m = straight()
    left = backup_action(HARDEST, 5.0, 0.5, 0.1, 3.0, course, spacing_m, believed_car(NOMINAL), LATENCY_S)
    assert left[0] < 0.0 and target(*left)[1] < 3.0
    right = backup_action(HARDEST, 5.0, -0.5, -0.1, 3.0, course, spacing_m, believed_car(NOMINAL), LATENCY_S)
    assert right[0] == pytest.approx(-left[0]) and right[1] == pytest.approx(left[1])


def test_one_manoeuvre_brakes_harder_the_other_holds_the_line():
    course, spacing_m = straight()
    hardest, holding = (
        backup_action(manoeuvre, 5.0, 0.5, 0.0, 4.0, course, spacing_m, believed_car(NOMINAL), LATENCY_S)
        for manoeuvre in (HARDEST, HOLDING)
    )
    assert hardest[1] < holding[1] < 1.0
    assert abs(holding[0]) < abs(hardest[0])


def test_less_grip_believed_also_means_less_brake():
    belief = believed_car(NOMINAL, 0.5)
    assert belief[P_GRIP] == pytest.approx(0.5 * NOMINAL[P_GRIP])
    assert belief[P_BRAKE] < belief[P_GRIP] * GRAVITY_M_S2
    assert NOMINAL[P_GRIP] == load_parameters().grip  # the argument is not changed


@pytest.mark.parametrize("share", [0.0, -1.0, 2.2, math.nan])
def test_a_belief_in_no_grip_or_absurdly_much_is_refused(share):
    with pytest.raises(ValueError, match=r"grip_belief is .*\(0, 2\]"):
        believed_car(NOMINAL, share)
