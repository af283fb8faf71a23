"""Whole drives behind the predictive brake: whatever the policy proposes, the car stays off the walls, and a good driver hardly notices."""

import math

import numpy as np
import pytest

from policies.backup.pure_pursuit import pursue
from robot.robots.car.shield.predictive_brake import (
    AS_PROPOSED,
    MARGIN_M,
    MEASURED_SHARE,
    SLIPPERY_SHARE,
    carry_on,
    filter_action,
)
from robot.robots.car.shield.rollout import HORIZON_TICKS, NO_OBSTACLES, believed_cars
from robot.tasks.race_track.task import STEER_SLEW_RAD_S, TICK_S, action_for, slew
from sim.car.model import GRAVITY_M_S2, P_FRONT, P_GRIP_F, P_GRIP_R, P_REAR, P_STEER_MAX, load_parameters
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from tests.robot.robots.car.shield.brake_bench import BELIEVED, LATENCY_S, NOMINAL, Plane

RANDOM, GOOD = 0, 1
MEASURED = believed_cars(NOMINAL, (1.0, 1.0), (MEASURED_SHARE, MEASURED_SHARE))


def drive(
    plane: Plane, driver: int, cars: np.ndarray | None, decisions: int, noise_m: float, speeds, stop_every: int = 0
):
    """Drive: (collisions, decisions as proposed, stops that touched, stops that spun). A crash starts again."""
    rng = np.random.default_rng(1)
    kept, out, next_command = np.zeros(2, np.int64), np.zeros(2), np.zeros(2)
    collisions = proposed = touched = spun = 0
    placed = False
    for k in range(decisions):
        if not placed:
            plane.put(int(rng.integers(len(plane.course))), 1.0)
            placed = True
        at = plane.seen(noise_m * rng.standard_normal(3))
        if driver == RANDOM:
            out[:] = rng.uniform(-1.0, 1.0, 2)
        else:
            s, lateral, error, v_x = at[:4]
            steer = pursue(plane.course, plane.spacing_m, s, lateral, error, 0.5 + 0.2 * v_x, 0.0,
                           NOMINAL[P_FRONT] + NOMINAL[P_REAR], NOMINAL[P_STEER_MAX])  # fmt: skip
            out[:] = action_for(steer, speeds[int((s + 0.15 * v_x) / plane.spacing_m) % len(speeds)])
        if cars is not None:
            reason = filter_action(*out.tolist(), at, plane.sent, plane.course, plane.spacing_m, NO_OBSTACLES, cars,
                                   LATENCY_S, MARGIN_M, kept, out)  # fmt: skip
            proposed += reason == AS_PROPOSED
        if plane.decision(out):
            collisions, placed = collisions + 1, False
        if stop_every and k % stop_every == 0 and placed and cars is not None:
            began = plane.state.copy(), plane.sent.copy(), plane.line.copy(), plane.row
            manoeuvre, turned = kept.copy(), 0.0
            for _ in range(2 * HORIZON_TICKS):
                at = plane.seen(noise_m * rng.standard_normal(3))
                if at[3] < 0.05:
                    break
                turned = max(turned, abs(at[2]))
                carry_on(at, plane.sent, plane.course, plane.spacing_m, NO_OBSTACLES, cars, LATENCY_S, MARGIN_M,
                         manoeuvre, next_command)  # fmt: skip
                if plane.tick(slew(plane.sent[-1, 0], next_command[0], STEER_SLEW_RAD_S, TICK_S), 0.0, next_command[1]):
                    touched += 1
                    break
            spun += turned > 0.5 * math.pi
            plane.state[:], plane.sent[:], plane.line[:], plane.row = began
    return collisions, proposed, touched, spun


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


def race(name: str, driver: int, cars, decisions: int, car=NOMINAL, noise_m: float = 0.0, stop_every: int = 0):
    speeds = friction_limited_speeds(built_in(name), 0.85)
    return drive(Plane(name, car), driver, cars, decisions, noise_m, speeds, stop_every)


def slippery(share: float) -> np.ndarray:
    car = NOMINAL.copy()
    car[[P_GRIP_F, P_GRIP_R]] *= share
    return car


def apart(front: float, rear: float) -> np.ndarray:
    car = NOMINAL.copy()
    car[P_GRIP_F] *= front
    car[P_GRIP_R] *= rear
    return car


def measured(*shares: float) -> np.ndarray:
    front, rear = shares
    return believed_cars(NOMINAL, (front, rear), (MEASURED_SHARE * front, MEASURED_SHARE * rear))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_car_with_random_actions_does_not_hit_anything(name):
    without, *_ = race(name, RANDOM, None, decisions=200)
    collisions, *_ = race(name, RANDOM, BELIEVED, decisions=1000)
    assert without >= 8
    assert collisions <= 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_nor_with_the_least_grip_that_is_believed_and_a_pose_that_jumps_by_a_centimetre(name):
    collisions, *_ = race(name, RANDOM, BELIEVED, decisions=1000, car=slippery(SLIPPERY_SHARE), noise_m=0.01)
    assert collisions <= 4  # about 50 without the brake


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_good_driver_is_hardly_ever_overruled(name):
    collisions, kept, *_ = race(name, GOOD, MEASURED, decisions=500)
    assert collisions == 0
    assert kept >= 450  # in a chicane even a moment without a driver costs room


@pytest.mark.parametrize("share", [1.0, SLIPPERY_SHARE])
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_stop_asked_for_at_any_moment_hardly_ever_touches_or_spins(name, share):
    collisions, _, touched, spun = race(name, RANDOM, BELIEVED, decisions=250, car=slippery(share), stop_every=2)
    assert collisions <= 3 and touched + spun <= 4  # of 125, with a driver that jerks the wheel at random


@pytest.mark.parametrize("shares", [(1.0, 0.85), (0.65, 1.0)])
@pytest.mark.parametrize("name", ["oval", "chicane"])
def test_a_car_whose_tail_or_nose_slides_first_is_stopped_at_any_moment(name, shares):
    collisions, _, touched, spun = race(name, RANDOM, measured(*shares), 250, car=apart(*shares), stop_every=2)
    assert collisions <= 3 and touched + spun <= 4  # of 125, with a driver that jerks the wheel at random


def test_a_tail_that_slides_early_spins_less_often_where_front_and_rear_are_known_apart():
    def trouble(cars, name, car):
        collisions, _, touched, spun = race(name, RANDOM, cars, 150, car=car, stop_every=3)
        return collisions + touched + spun

    apart_known = as_one = 0
    for name in ("oval", "chicane"):
        for front, rear in ((1.0, 0.65), (1.1, 0.75)):
            mean = 0.5 * (front + rear)
            apart_known += trouble(measured(front, rear), name, apart(front, rear))
            as_one += trouble(measured(mean, mean), name, apart(front, rear))
    assert apart_known <= 0.75 * as_one


@pytest.mark.parametrize("name", BUILT_IN)
def test_on_ice_a_car_that_believes_in_ice_keeps_off_the_walls(name):
    ice = believed_cars(NOMINAL, (0.45, 0.45), (0.4, 0.4))
    collisions, _, touched, spun = race(name, RANDOM, ice, decisions=250, car=slippery(0.4), stop_every=2)
    assert collisions <= 3 and touched + spun <= 4  # of 125, with a driver that jerks the wheel at random
