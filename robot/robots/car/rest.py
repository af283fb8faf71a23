"""How a guardian brings a car to rest: by the stop that control has planned, over the motor controller's own port.

A VESC that hears nothing keeps its last command for 1000 ms and then coasts. The planned stop is carried out, steering and
braking, held to it by wheels and gyro, until the wheels stand; then the motor is left at zero current.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from drivers.base import LinkLost, VescReading
from drivers.serial_port import SerialPort
from drivers.vesc import Vesc, VescSettings
from robot.robots.car.car_file import load_car
from robot.robots.car.shield.stop_follower import StopFollower
from robot.robots.car.shield.stop_plan import NOTICED_TICKS, TICK_NS, StopPlan
from robot.runtime.clock import RealClock
from robot.runtime.session_file import SessionFile

FRAME_EVERY_S = 0.02
STANDING_M_S = 0.04
STANDING_ANSWERS = 3  # in a row


def prepare(session: SessionFile) -> Callable[[], "CarRest"]:
    """Read all that a stop needs, now; what is returned begins one. Raises ValueError for a wrong robot's file."""
    settings = replace(load_car(session.robot).motor, port=session.ports["motor"])
    plan = StopPlan.attach(session.names["plan"])
    return lambda: CarRest(settings, plan)


class CarRest:
    """One stop. trouble: why nothing can be said to the car; empty while it can."""

    def __init__(self, settings: VescSettings, plan: StopPlan) -> None:
        port = SerialPort(settings.port, settings.baud, shared=True)
        self.vesc = Vesc(settings, RealClock(), port=port, checked=True)
        self.trouble = ""
        self._plan = plan
        self._connected = False
        self._following: StopFollower | None = None
        self._written_ns = 0  # when the plan that it follows was written
        self._reading: VescReading | None = None
        self._standing = 0  # answers in a row

    def act(self) -> float:
        """Say what is due now. Returns after how many seconds to act again; negative if nothing was said."""
        try:
            self._connected = self._connected or self.vesc.reconnect()
            self.trouble = "" if self._connected else self.vesc.trouble()
            early_s = self.early_s()
            if not self._connected or early_s > 0.0:
                return -min(early_s or FRAME_EVERY_S, FRAME_EVERY_S)
            servo_rad, brake_a = self.planned() or (None, self.vesc.limits.brake_current_a)
            self.vesc.brake(brake_a, servo_rad)
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
        self._reading = self._answer() if self._connected else None
        r = self._reading
        stands = r is not None and r.values_age_s < 2 * FRAME_EVERY_S and abs(r.erpm_speed_m_s) < STANDING_M_S
        self._standing = self._standing + 1 if stands else 0
        return self._standing >= STANDING_ANSWERS

    def _answer(self) -> VescReading | None:
        try:
            return self.vesc.read()
        except LinkLost:
            return None

    def act_in_lockstep(self) -> str:
        """Leave one frame for the moment at which the devices' time goes on."""
        if not self.vesc.reconnect():
            return self.vesc.trouble()
        self.vesc.stop()
        return "the next thing that the motor controller hears is a brake"

    def release(self) -> None:
        """Leave the motor at zero current, where there is still a link to say so."""
        try:
            if self._connected:
                self.vesc.coast()
        except LinkLost as error:
            self.trouble = str(error)

    def close(self) -> None:
        self.vesc.close()
