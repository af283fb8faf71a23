"""What a mission knows of the policy that flies, wherever it runs."""

from typing import Protocol

from drivers.crazyflie import Crazyflie, CrazyflieReading, Vector


class Aborted(RuntimeError):
    """The flight is over before its time; the message says why."""


class Pilot(Protocol):
    """The policy that flies, wherever it runs."""

    controller: int  # what it needs of stabilizer.controller, once it is checked
    tick_s: float  # how often it wants to send

    def check(self, driver: Crazyflie) -> None:
        """Raise Aborted unless the drone carries what this policy needs, whole."""
        ...

    def take_over(self, driver: Crazyflie) -> None:
        """Ask for the rotors, without waiting."""
        ...

    def send(self, driver: Crazyflie, reading: CrazyflieReading, set_point: Vector) -> Vector:
        """Send what brings the drone to a set-point, m, world; returns the one that it is flown to."""
        ...

    def give_back(self, driver: Crazyflie) -> None:
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
