"""How a guardian brings a car to rest: by the stop that control has planned, over the motor controller's own port.

A VESC that hears nothing keeps its last command for 1000 ms and then coasts. The planned stop is carried out, steering and
braking, held to it by wheels and gyro, until the wheels stand; then the motor is left at zero current.

A PCA9685 keeps its last pulse for ever, and nothing tells when the wheels stand: the plan is played by the clock, the brake held
for as long as any stop takes, then neutral written, then no pulse at all.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from drivers import pca9685, vesc
from drivers.base import LinkLost, VescReading
from drivers.pca9685 import Pca9685, Pca9685Settings
from drivers.vesc import Vesc, VescSettings
from robot.robots.car.eyes.seeing_car import motor_of
from robot.robots.car.shield.stop_follower import StopFollower
from robot.robots.car.shield.stop_plan import NOTICED_TICKS, TICK_NS, StopPlan
from robot.runtime.clock import RealClock
from robot.runtime.session_file import SessionFile

FRAME_EVERY_S = 0.02
STANDING_M_S = 0.04
STANDING_ANSWERS = 3  # in a row
BLIND_S = 3.0  # of braking: longer than a stop takes from any speed that a task has


def prepare(session: SessionFile) -> Callable[[], "CarRest"]:
    """Read all that a stop needs, now; what is returned begins one. Raises ValueError for a wrong robot's file."""
    settings = replace(motor_of(session.robot), port=session.ports["motor"])
    plan = StopPlan.attach(session.names["plan"])
    return lambda: CarRest(settings, plan)


def take_over(settings: VescSettings | Pca9685Settings) -> Vesc | Pca9685:
    """The driver of a motor whose owner no longer drives."""
    if isinstance(settings, Pca9685Settings):
        return pca9685.take_over(settings, RealClock())
    return vesc.take_over(settings, RealClock())


class CarRest:
    """One stop. trouble: why nothing can be said to the car; empty while it can."""

    def __init__(self, settings: VescSettings | Pca9685Settings, plan: StopPlan) -> None:
        self.motor = take_over(settings)
        self.trouble = ""
        self._plan = plan
        self._connected = False
        self._following: StopFollower | None = None
        self._written_ns = 0  # when the plan that it follows was written
        self._reading: VescReading | None = None
        self._standing = 0  # answers in a row
        self._braked_ticks = 0  # where nothing measures

    def act(self) -> float:
        """Say what is due now. Returns after how many seconds to act again; negative if nothing was said."""
        try:
            self._connected = self._connected or self.motor.reconnect()
            self.trouble = "" if self._connected else self.motor.trouble()
            early_s = self.early_s()
            if not self._connected or early_s > 0.0:
                return -min(early_s or FRAME_EVERY_S, FRAME_EVERY_S)
            servo_rad, brake_a = self.planned() or (None, self.motor.limits.brake_current_a)
            self.motor.brake(brake_a, servo_rad)
            self._braked_ticks += 1
        except LinkLost as error:
            self._connected, self.trouble = False, str(error)
            return -FRAME_EVERY_S
        return FRAME_EVERY_S

    def early_s(self) -> float:
        """How long it is until the planned stop begins: it holds from then on, and a sooner one may not."""
        found = self._plan.read()
        since_ns = -1 if found is None else time.monotonic_ns() - found[0]
        return max(0.0, 1e-9 * ((NOTICED_TICKS + 1) * TICK_NS - since_ns)) if since_ns >= 0 else 0.0

    def planned(self) -> tuple[float | None, float] | None:
        """(servo_rad, brake_a) of the stop that control left, for now and for what was measured; None if it left none."""
        found = self._plan.read()
        if found is None:
            return None
        written_ns, plan = found
        ticks = (time.monotonic_ns() - written_ns) / TICK_NS
        if self._following is None or written_ns != self._written_ns:
            self._following, self._written_ns = StopFollower(plan, ticks), written_ns
        return self._following.command(ticks, self._reading)

    @property
    def at_rest(self) -> bool:
        """Take in what was answered: whether the newest frames were, by a car that does not move."""
        if isinstance(self.motor, Pca9685):
            return self._braked_ticks > BLIND_S / FRAME_EVERY_S
        self._reading = self._answer(self.motor) if self._connected else None
        r = self._reading
        stands = r is not None and r.values_age_s < 2 * FRAME_EVERY_S and abs(r.erpm_speed_m_s) < STANDING_M_S
        self._standing = self._standing + 1 if stands else 0
        return self._standing >= STANDING_ANSWERS

    def _answer(self, vesc: Vesc) -> VescReading | None:
        try:
            return vesc.read()
        except LinkLost:
            return None

    def act_in_lockstep(self) -> str:
        """Leave one frame for the moment at which the devices' time goes on."""
        if not self.motor.reconnect():
            return self.motor.trouble()
        self.motor.stop()
        return "the next thing that the motor controller hears is a brake"

    def release(self) -> None:
        """Leave the motor at zero current, where there is still a link to say so."""
        try:
            if self._connected:
                self.motor.coast()
            if self._connected and isinstance(self.motor, Pca9685):
                self.motor.release()
        except LinkLost as error:
            self.trouble = str(error)

    def close(self) -> None:
        self.motor.close()
