"""How the drone comes down when nobody brings it down: the exported app inside the virtual firmware, judged by truth."""

import math
from pathlib import Path

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import E_V_X
from drivers.emulators.crazyflie_controller import AppController
from drivers.emulators.crtp import Port
from sim.quadrotor.model import V_X, V_Z
from tests.drivers.emulators.conftest import Drone
from tests.firmware_export.crazyflie_app.bench import DRONE

HEIGHT_M, UNWINDS_S = 0.76, 25.0 / 15.0
WATCHING, COMING_DOWN, DOWN = range(3)
ORDERED, SILENCE, BATTERY = 1, 2, 3


class Guarded:
    """A drone that has climbed with the app's controller, and is watched by it."""

    def __init__(self, app: Path, seed: int = 0, guard: int = 1) -> None:
        self.app = AppController(app / "app.so")
        self.drone = Drone(seed=seed, quadrotor=DRONE, app=self.app)
        self.tell("landing.guard", guard)
        self.drone.climb(HEIGHT_M)

    def tell(self, name: str, value: float) -> None:
        self.app.app.parameters[name].value = value

    def log(self, name: str) -> float:
        return self.app.app.logs[name].value

    def hold(self, seconds: float) -> None:
        """Stream the place where it hovers."""
        self.drone.stream(seconds, 7, 0.0, 0.0, HEIGHT_M, 0.0)

    def until_the_motors_stop(self, limit_s: float = 12.0) -> set[str]:
        """Nobody sends anything; returns the supervisor's states on the way."""
        states = set()
        for _ in range(round(100 * limit_s)):
            self.drone.wait(0.01)
            states.add(self.drone.state)
            if not self.drone.firmware.forces.any():
                return states
        raise AssertionError("the motors still turn")

    def assert_it_came_down_gently(self, states: set[str]) -> None:
        assert states <= {"FLYING"}, "neither levelled nor cut"
        assert self.drone.position[2] == 0.0
        assert 0.1 < self.drone.firmware.impact_m_s < 0.7
        assert self.log("landing.phase") == DOWN


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("policy_s", [0.0, 1.3])
def test_without_set_points_it_comes_down_before_the_firmware_cuts_the_motors(apps, seed, policy_s):
    guarded = Guarded(apps["hover"], seed)
    if policy_s:
        guarded.tell("policy.arm", 1)
        guarded.hold(policy_s)
    guarded.drone.wait(0.38)
    assert guarded.log("landing.phase") == WATCHING
    guarded.drone.wait(0.05)
    assert guarded.log("landing.phase") == COMING_DOWN
    assert guarded.log("landing.cause") == SILENCE
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop())
    assert guarded.log("policy.active") == 0


def test_a_drone_that_turns_as_it_was_told_last_is_not_left_to_it_for_long(apps):
    """What a host that decides rates leaves behind when it dies: here a roll of 60 degrees a second."""
    guarded = Guarded(apps["hover"])
    thrust = round(65535 * guarded.drone.body.hover_force())
    guarded.drone.stream(0.1, 11, 60.0, 0.0, 0.0, thrust, True, layout="fffH?")
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop())
    assert guarded.drone.firmware.impact_m_s < 0.7


def test_in_the_middle_of_a_figure_of_eight_too(apps):
    guarded = Guarded(apps["track_trajectory"], guard=0)  # an armed policy is watched in any case
    guarded.tell("policy.arm", 1)
    guarded.hold(6.0)
    assert np.linalg.norm(guarded.drone.body.state[V_X:V_Z]) > 0.5
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop())


def test_without_the_guard_it_falls_as_the_firmware_has_it(apps):
    """What all of this is for."""
    guarded = Guarded(apps["hover"], guard=0)
    guarded.drone.wait(3.5)
    assert guarded.drone.state == "LOCKED"
    assert guarded.drone.firmware.impact_m_s > 2.5


def test_a_low_battery_brings_it_down_although_set_points_come(apps):
    guarded = Guarded(apps["hover"])
    guarded.drone.firmware.battery.tell(3.3)
    for _ in range(20):
        guarded.hold(1.0)
        if guarded.log("landing.phase") == DOWN:
            break
    assert guarded.log("landing.cause") == BATTERY
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop())


def test_told_to_it_lands_at_once_and_the_planner_of_the_firmware_cannot_hold_it_up(apps):
    guarded = Guarded(apps["hover"])
    guarded.tell("landing.guard", 2)
    guarded.drone.wait(0.02)
    assert guarded.log("landing.cause") == ORDERED
    guarded.drone.high_level(12, "BBfffff", 0, 0, 0.0, 0.0, 1.0, 0.0, 1.0)
    guarded.drone.ask(Port.SETPOINT, 1, b"\0\0\0\0\0")
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop())


def test_it_lands_on_what_is_there_and_not_at_a_height(apps):
    """A drone whose estimate is half a metre too low still does not stop its motors in the air."""
    guarded = Guarded(apps["hover"])
    estimate = guarded.drone.body.estimate
    step = guarded.drone.body.step

    def lower(forces):
        step(forces)
        estimate[2] -= 0.5

    guarded.drone.body.step = lower
    guarded.hold(1.5)
    guarded.assert_it_came_down_gently(guarded.until_the_motors_stop(15.0))


def test_one_that_rises_when_it_is_told_to_land_does_not_stand_where_it_turns_round(apps):
    """The controller's integral was wound up by what its rotors lacked: it goes on up, and turns slowly. (gains kp 25, ki 15 of the
    velocity along z, and a set-point 0.3 m below: v + 0.6 m/s falls with a time constant of 25 / 15 s)"""
    guarded = Guarded(apps["hover"])
    body, passed_s = guarded.drone.body, 0.0
    estimate, step = body.estimate, body.step

    def turns_round(forces):
        nonlocal passed_s
        step(forces)
        passed_s += 0.001
        left = math.exp(-passed_s / UNWINDS_S)
        estimate[2] = HEIGHT_M - 0.6 * passed_s + 1.2 * UNWINDS_S * (1.0 - left)
        estimate[E_V_X + 2] = -0.6 + 1.2 * left

    body.step = turns_round
    guarded.tell("landing.guard", 2)
    for _ in range(300):
        guarded.drone.wait(0.01)
        assert guarded.log("landing.phase") == COMING_DOWN, f"stands at {estimate[2]:.2f} m"
    assert estimate[2] < HEIGHT_M + 0.2 and estimate[E_V_X + 2] < -0.3


def test_once_down_nothing_takes_off_until_guard_and_policy_are_off(apps):
    guarded = Guarded(apps["hover"])
    guarded.until_the_motors_stop()
    guarded.hold(1.0)
    assert guarded.drone.position[2] == 0.0
    guarded.tell("landing.guard", 0)
    guarded.drone.wait(0.01)
    assert guarded.log("landing.phase") == WATCHING
    guarded.drone.wait(6.0)
    guarded.drone.climb(0.5)
    assert guarded.drone.position[2] == pytest.approx(0.5, abs=0.15)


def test_motors_that_were_told_to_stop_are_left_alone(apps):
    """The supervisor says for two more seconds that a landed drone flies: no reason to spin up again."""
    guarded = Guarded(apps["hover"])
    guarded.drone.stream(4.0, 7, 0.0, 0.0, 0.0, 0.0)
    guarded.drone.stream(0.1, 0, layout="")
    assert not guarded.drone.firmware.forces.any()
    for _ in range(300):
        guarded.drone.wait(0.01)
        assert not guarded.drone.firmware.forces.any()
    assert guarded.log("landing.phase") == WATCHING


def test_on_the_ground_there_is_nothing_to_land(apps):
    app = AppController(apps["hover"] / "app.so")
    drone = Drone(quadrotor=DRONE, app=app)
    app.app.parameters["landing.guard"].value = 2
    drone.arm()
    drone.wait(1.0)
    assert app.app.logs["landing.phase"].value == WATCHING
    assert not drone.firmware.forces.any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_estimate_that_is_no_number_is_left_to_the_firmware(apps, value):
    """There is nowhere to go to: the firmware levels the drone, and stops the motors."""
    guarded = Guarded(apps["hover"])
    estimate, step = guarded.drone.body.estimate, guarded.drone.body.step

    def spoil(forces):
        step(forces)
        estimate[2] = value

    guarded.drone.body.step = spoil
    guarded.drone.wait(2.5)
    assert guarded.log("landing.phase") == WATCHING
    assert not guarded.drone.firmware.forces.any()
