"""The policy that runs on the Crazyflie itself, as the app of `firmware_export/crazyflie_app.py`.

It is told what to do by parameters, and tells what it does by log variables; both are of the group `policy`.
"""

from dataclasses import dataclass

from drivers.crazyflie import GUARD, Crazyflie, CrazyflieReading, Vector
from drivers.crazyflie_firmware import too_old
from firmware_export.crazyflie_app import policy_id
from robot.robots.quadrotor.pilot import Aborted

ARM, SELF_TEST, IDENTITY, LAP = "policy.arm", "policy.selfOk", "policy.id", "policy.lapS"
CONTROLLER = "policy.controller"
ACTIVE, FAULT, DECISIONS = "policy.active", "policy.fault", "policy.decisions"
LANDING_PHASE, LANDING_CAUSE = "landing.phase", "landing.cause"
LOGGED = (ACTIVE, FAULT, DECISIONS, LANDING_PHASE, LANDING_CAUSE)
COMING_DOWN, DOWN = 1, 2  # of LANDING_PHASE
CAUSES = ("", "as it was told", "no more set-points", "its battery is low")  # of LANDING_CAUSE
TO_DO = "robot export --to crazyflie, build, robot flash"

FAULTS = (
    "nothing is wrong", "its self-test has not passed", "no set-point for 200 ms", "the set-point is no position",
    "a number is not finite", "tilted too far", "turning too fast", "outside of its fence", "a parameter makes no sense",
    "it lands by itself",
)  # fmt: skip


def check_app(driver: Crazyflie) -> int:
    """The number of our app's controller. Raises Aborted unless it is there, and flies and lands with this firmware."""
    if why := too_old(driver.firmware):
        raise Aborted(why)
    if not driver.has_parameter(ARM):
        raise Aborted(f"there is no policy on board: {TO_DO}")
    if not (driver.has_parameter(GUARD) and driver.has_parameter(CONTROLLER)):
        raise Aborted(f"the app on board is of an older version, which does not land by itself: {TO_DO}")
    driver.set_parameter(ARM, 0)
    return int(driver.parameter(CONTROLLER))


def landing_by_itself(reading: CrazyflieReading) -> str:
    """Why the drone comes down by itself, or has; empty if it does not."""
    if not reading.extra.get(LANDING_PHASE, 0.0):
        return ""
    cause = int(reading.extra.get(LANDING_CAUSE, 0.0))
    return CAUSES[cause] if 0 < cause < len(CAUSES) else f"cause {cause}"


@dataclass
class OnBoardPolicy:
    """The policy of one run, on board. It decides `rate_hz` times a second, from the step in which it takes over."""

    sha256: str
    rate_hz: float
    lap_s: float | None = None  # of a policy that tracks a path
    controller: int = 0  # known when it is checked
    tick_s: float = 0.02
    _decisions: float = 0.0  # before it took over

    def check(self, driver: Crazyflie) -> None:
        """Raise Aborted unless the drone carries this policy, whole."""
        self.controller = check_app(driver)
        wanted, found = policy_id(self.sha256), int(driver.parameter(IDENTITY))
        if wanted != found:
            raise Aborted(f"the policy on board is {found:08x}, this run's is {wanted:08x}: flash it first")
        if driver.parameter(SELF_TEST) != 1:
            raise Aborted("the policy on board has not passed its self-test: flash it again")
        if self.lap_s is not None:
            driver.set_parameter(LAP, self.lap_s)

    def take_over(self, driver: Crazyflie) -> None:
        """Ask for the rotors, without waiting."""
        self._decisions = driver.read().extra.get(DECISIONS, 0.0)
        driver.set_parameter(ARM, 1)

    def send(self, driver: Crazyflie, reading: CrazyflieReading, set_point: Vector) -> Vector:
        """Send the set-point: the policy on board goes there."""
        return driver.write(set_point, 0.0).position_m

    def give_back(self, driver: Crazyflie) -> None:
        """Let the firmware's controller have the rotors, without waiting."""
        driver.set_parameter(ARM, 0)

    def flies(self, reading: CrazyflieReading) -> bool:
        """Whether the policy has the rotors."""
        return reading.extra.get(ACTIVE, 0.0) == 1

    def since_s(self, reading: CrazyflieReading) -> float:
        """When it took over, by the drone's clock: from its count of decisions, to half a decision."""
        decided = reading.extra[DECISIONS] - self._decisions - 0.5
        return reading.extra_time_s - decided / self.rate_hz

    def why_not(self, reading: CrazyflieReading) -> str:
        """Why the policy refused or gave back the rotors; empty if it did not."""
        fault = int(reading.extra.get(FAULT, 0.0))
        return (FAULTS[fault] if fault < len(FAULTS) else f"fault {fault}") if fault else ""
