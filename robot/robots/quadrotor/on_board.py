"""The policy that runs on the Crazyflie itself, as the app of `firmware_export/crazyflie_app.py`.

Of what it decides every fiftieth decision comes here whole (`witness.py`), and is checked, in flight as in a replay.
"""

from dataclasses import dataclass, field

import numpy as np

from drivers.crazyflie_firmware import too_old
from drivers.crazyflie_reading import GUARD, CrazyflieReading, Vector
from firmware_export.agreed import policy_id
from robot.robots.quadrotor.app_words import (
    ACTIVE,
    ARM,
    CONTROLLER,
    DECISIONS,
    IDENTITY,
    LAP,
    SELF_TEST,
    fault_on_board,
)  # fmt: skip
from robot.robots.quadrotor.drone import Drone
from robot.robots.quadrotor.pilot import Aborted
from robot.robots.quadrotor.witness import Witness

TO_DO = "robot export --to crazyflie, build, robot flash"


def check_app(drone: Drone) -> int:
    """The number of our app's controller. Raises Aborted unless it is there, and flies and lands with this firmware."""
    if why := too_old(drone.firmware):
        raise Aborted(why)
    if not drone.has_parameter(ARM):
        raise Aborted(f"there is no policy on board: {TO_DO}")
    if not (drone.has_parameter(GUARD) and drone.has_parameter(CONTROLLER)):
        raise Aborted(f"the app on board is of an older version, which does not land by itself: {TO_DO}")
    drone.set_parameter(ARM, 0)
    return int(drone.parameter(CONTROLLER))


@dataclass
class OnBoardPolicy:
    """The policy of one run, on board. It decides `rate_hz` times a second, from the step in which it takes over."""

    sha256: str
    rate_hz: float
    witness: Witness
    lap_s: float | None = None  # of a policy that tracks a path
    controller: int = 0  # known when it is checked
    tick_s: float = 0.02
    decisions: int = 0  # that were told
    observation: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))
    action: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))
    checked: int = 0
    doubt: str = ""
    _decisions: float = 0.0  # on board, before it took over

    def hear(self, drone: Drone) -> None:
        """Check the decisions that are told."""
        for told in self.witness.take(drone.app_packets):
            self.decisions += 1
            self.observation, self.action = told.seen, told.done
            if told.is_right:
                self.checked += 1
            else:
                self.doubt = f"the policy on board decides otherwise than its weights say, in decision {told.decision}"

    def check(self, drone: Drone) -> None:
        """Raise Aborted unless the drone carries this policy, whole."""
        self.controller = check_app(drone)
        wanted, found = policy_id(self.sha256), int(drone.parameter(IDENTITY))
        if wanted != found:
            raise Aborted(f"the policy on board is {found:08x}, this run's is {wanted:08x}: flash it first")
        if drone.parameter(SELF_TEST) != 1:
            raise Aborted("the policy on board has not passed its self-test: flash it again")
        if self.lap_s is not None:
            drone.set_parameter(LAP, self.lap_s)

    def take_over(self, drone: Drone) -> None:
        """Ask for the rotors, without waiting."""
        self._decisions = drone.read().extra.get(DECISIONS, 0.0)
        drone.set_parameter(ARM, 1)

    def send(self, drone: Drone, reading: CrazyflieReading, set_point: Vector) -> Vector:
        """Send the set-point: the policy on board goes there."""
        return drone.write(set_point, 0.0).position_m

    def give_back(self, drone: Drone) -> None:
        """Let the firmware's controller have the rotors, without waiting."""
        drone.set_parameter(ARM, 0)

    def flies(self, reading: CrazyflieReading) -> bool:
        """Whether the policy has the rotors."""
        return reading.extra.get(ACTIVE, 0.0) == 1

    def since_s(self, reading: CrazyflieReading) -> float:
        """When it took over, by the drone's clock: from its count of decisions, to half a decision."""
        decided = reading.extra[DECISIONS] - self._decisions - 0.5
        return reading.extra_time_s - decided / self.rate_hz

    def why_not(self, reading: CrazyflieReading) -> str:
        """Why the policy refused or gave back the rotors; empty if it did not."""
        return fault_on_board(reading)
