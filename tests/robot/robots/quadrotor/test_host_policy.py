"""The host's policy, on a drone that is nothing but physics, a rate loop with a lag, and a log that comes late."""

import math
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from drivers.crazyflie_reading import CrazyflieCommand, CrazyflieReading
from policies.policy_file import load_policy
from robot.robots.quadrotor.host_policy import HostPolicy, ahead
from robot.runtime.run_folder import policy_path
from sim.quadrotor.model import GRAVITY_M_S2, STEP_S, QuadrotorParameters, load_parameters, rotation_matrix

RATE_LAG_S, LATE = 0.025, 2  # time constant of the drone's rate loop; steps that its log is old
HOME = (0.2, -0.1, 1.0)


class LaggingDrone:
    """Turns as it is told, after a lag; its rotors push at once."""

    def __init__(self, quadrotor: QuadrotorParameters) -> None:
        self.quadrotor = quadrotor
        self.place, self.velocity, self.rate = np.array([0.0, 0.1, 0.9]), np.zeros(3), np.zeros(3)
        self.attitude: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)
        self.wanted, self.thrust, self.time_s = np.zeros(3), 0.0, 0.0
        self.positions_sent = 0
        self.history: deque[CrazyflieReading] = deque(maxlen=LATE + 1)
        self.step()

    def read(self) -> CrazyflieReading:
        return self.history[0]

    def write(self, position_m, yaw_rad) -> CrazyflieCommand:
        self.positions_sent += 1
        return CrazyflieCommand(position_m, yaw_rad)

    def write_rates(self, rate_rad_s, thrust) -> None:
        self.wanted, self.thrust = np.array(rate_rad_s), thrust

    def step(self) -> None:
        full_n = 4.0 * (self.quadrotor.thrust_0_n + self.quadrotor.thrust_1_n + self.quadrotor.thrust_2_n)
        self.rate += (self.wanted - self.rate) * STEP_S / RATE_LAG_S
        self.attitude = ahead(self.attitude, self.rate, STEP_S)
        r = rotation_matrix(*self.attitude)
        up = np.array([r[2], r[5], r[8]])
        self.velocity += STEP_S * (up * self.thrust * full_n / self.quadrotor.mass_kg - [0.0, 0.0, GRAVITY_M_S2])
        self.place += STEP_S * self.velocity
        self.time_s += STEP_S
        self.history.append(
            CrazyflieReading(
                tuple(self.place),
                tuple(self.velocity),
                self.attitude,
                tuple(self.rate),
                board_time_s=self.time_s,
                position_age_s=0.01,
                attitude_age_s=0.01,
                rate_age_s=0.01,
            )
        )


@pytest.fixture
def pilot(brief_run) -> HostPolicy:
    return HostPolicy(load_policy(policy_path(brief_run)), load_parameters())


def test_it_brings_the_drone_to_its_set_point_and_holds_it_there(pilot):
    drone = LaggingDrone(load_parameters())
    pilot.take_over(drone)
    away = []
    for _ in range(600):
        assert pilot.send(drone, drone.read(), HOME) == HOME
        drone.step()
        away.append(math.dist(drone.place, HOME))
    assert pilot.flies(drone.read())
    assert max(away[300:]) < 0.1
    assert np.abs(drone.rate).max() < 0.5, "it does not oscillate"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attitude": (0.5, 0.86, 0.0, 0.0)}, "tilted"),
        ({"rate_rad_s": (0.0, 0.0, 20.0)}, "turning"),
        ({"position_m": (0.2, -3.2, 1.0)}, "fence"),
        ({"position_age_s": 0.25}, "no log data for 200 ms"),
        ({"rate_age_s": 0.25}, "no log data for 200 ms"),
        ({"rate_age_s": math.nan}, "no log data for 200 ms"),
        ({"position_m": (0.2, math.nan, 1.0)}, "fence"),
        ({"attitude": (1.0, math.nan, 0.0, 0.0)}, "tilted"),
        ({"rate_rad_s": (0.0, 0.0, math.nan)}, "turning"),
    ],
)
def test_it_gives_the_drone_back_to_the_firmware_and_stays_away(pilot, change, words):
    drone = LaggingDrone(load_parameters())
    pilot.take_over(drone)
    pilot.send(drone, replace(drone.read(), **change), HOME)
    assert not pilot.flies(drone.read())
    assert words in pilot.why_not(drone.read())
    pilot.send(drone, drone.read(), HOME)
    assert drone.positions_sent == 2


def test_attitude_ahead_is_the_turn_at_that_rate():
    turned = ahead((1.0, 0.0, 0.0, 0.0), np.array([0.0, 0.0, 1.0]), 0.1)
    np.testing.assert_allclose(turned, [math.cos(0.05), 0.0, 0.0, math.sin(0.05)], atol=1e-4)
    tilted = (math.cos(0.3), math.sin(0.3), 0.0, 0.0)
    np.testing.assert_allclose(
        ahead(tilted, np.array([0.2, 0.0, 0.0]), 0.1), [math.cos(0.31), math.sin(0.31), 0, 0], atol=1e-5
    )
