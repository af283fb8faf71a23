"""What a mission knows of the policy that flies, wherever it runs."""

from typing import Protocol

import numpy as np

from drivers.crazyflie_reading import CrazyflieReading, Vector
from robot.robots.quadrotor.drone import Drone
from robot.robots.quadrotor.flown import Flag


class Aborted(RuntimeError):
    """The flight is over before its time; the message says why, and `flag` what kind of reason that is."""

    def __init__(self, why: str, flag: Flag = Flag.REFUSED) -> None:
        super().__init__(why)
        self.flag = flag


class Pilot(Protocol):
    """The policy that flies, wherever it runs.

    controller: what it needs of stabilizer.controller, once it is checked. tick_s: how often it wants to send. Of a policy
    that decides here: how many decisions there were, what it saw in the last one (sensed,) and did (actions,), float32; of one on
    board, of those that it told. checked: how many of these its weights give; doubt: why not, of one that they do not.
    """

    controller: int
    tick_s: float
    decisions: int
    observation: np.ndarray
    action: np.ndarray
    checked: int
    doubt: str

    def hear(self, drone: Drone) -> None:
        """What a tick has brought, before anything is asked of it."""
        ...

    def check(self, drone: Drone) -> None:
        """Raise Aborted unless the drone carries what this policy needs, whole."""
        ...

    def take_over(self, drone: Drone) -> None:
        """Ask for the rotors, without waiting."""
        ...

    def send(self, drone: Drone, reading: CrazyflieReading, set_point: Vector) -> Vector:
        """Send what brings the drone to a set-point, m, world; returns the one that it is flown to."""
        ...

    def give_back(self, drone: Drone) -> None:
        """Let the firmware's controller have the rotors, without waiting."""
        ...

    def flies(self, reading: CrazyflieReading) -> bool:
        """Whether the policy has the rotors."""
        ...

    def since_s(self, reading: CrazyflieReading) -> float:
        """When it took over, by the drone's clock."""
        ...

    def why_not(self, reading: CrazyflieReading) -> str:
        """Why the policy refused or gave back the rotors; empty if it did not."""
        ...
