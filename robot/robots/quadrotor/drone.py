"""The Crazyflie as a mind has it, in its driver's words: READINGS answer for it, and OUTPUTS tell it what to do."""

import math

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie_reading import CrazyflieCommand, CrazyflieReading, Vector, within_box
from drivers.reading_record import reading_of, text_of
from robot.robots.quadrotor.app_words import FIELDS, LOGGED, PARAMETERS
from robot.robots.quadrotor.records import APP_BYTES, ARM_MOTORS, DISARM_MOTORS, POSITION, RATES, blank


class Drone:
    """One drone, one tick at a time. Whatever is asked of it is done when the tick is over, in the order of `devices.py`."""

    def __init__(self, reach_m: float, height_max_m: float, command: np.ndarray) -> None:
        """reach_m, height_max_m: the box of its set-points. command: the part of OUTPUTS to write to."""
        self.reach_m, self.height_max_m = reach_m, height_max_m
        self.time_s = 0.0
        self.interrupted = False
        self._command, self._blank = command, blank(command)
        self._parameters = dict.fromkeys(PARAMETERS, math.nan)
        self._reading: CrazyflieReading | None = None
        self.app_packets: list[bytes] = []  # that the app on board sent since the last tick
        self._sent = CrazyflieCommand((0.0, 0.0, 0.0), 0.0)
        self._trouble = self._positioning_trouble = self.firmware = ""

    def take(self, readings: np.ndarray) -> None:
        """What a tick has brought. Nothing is asked of the drone yet."""
        told, cameras = readings["crazyflie"], readings["motion_capture"]
        self.time_s, self.interrupted = float(readings["time_s"]), bool(readings["stop_requested"])
        self._command[...] = self._blank
        self._trouble, self.firmware = text_of(told["trouble"]), text_of(told["firmware"])
        self._positioning_trouble = text_of(cameras["trouble"]) if cameras["up"] else "motion capture: it is gone"
        self._parameters = {name: float(told[FIELDS[name]]) for name in PARAMETERS}
        self._reading, self.app_packets = None, []
        if told["up"]:
            self.app_packets = [
                row[1 : 1 + int(row[0])].tobytes() for row in told["app_packets"].reshape(-1, APP_BYTES) if row[0]
            ]
            self._reading = reading_of(told, CrazyflieReading)
            heard = {name: float(told[FIELDS[name]]) for name in LOGGED}
            self._reading.extra.update({name: value for name, value in heard.items() if not math.isnan(value)})

    def read(self) -> CrazyflieReading:
        """The newest values. Raises LinkLost."""
        if self._reading is None:
            raise LinkLost(self._trouble or "the link is gone")
        return self._reading

    def trouble(self) -> str:
        """What its driver says is wrong."""
        return self._trouble

    def positioning_trouble(self) -> str:
        """What is wrong with the motion capture whose poses it is sent."""
        return self._positioning_trouble

    def has_parameter(self, name: str) -> bool:
        return not math.isnan(self._parameters[name])

    def parameter(self, name: str) -> float:
        """The value that the drone reported last. Raises ValueError for a parameter that it does not have."""
        if not self.has_parameter(name):
            raise ValueError(f"the drone's firmware has no parameter {name}")
        return self._parameters[name]

    def set_parameter(self, name: str, value: float) -> None:
        """Ask for a new value: one a tick. Raises ValueError for a parameter that it does not have."""
        self.parameter(name)
        self._command[FIELDS[name]] = value

    def write(self, position_m: Vector, yaw_rad: float) -> CrazyflieCommand:
        """Send a set-point, world, within the box; returns what is sent. What is not finite is refused."""
        if not all(map(math.isfinite, (*position_m, yaw_rad))):
            return CrazyflieCommand(self._sent.position_m, self._sent.yaw_rad, refused=True)
        self._sent = CrazyflieCommand(within_box(position_m, self.reach_m, self.height_max_m), yaw_rad)
        self._command["sends"], self._command["position_m"] = POSITION, self._sent.position_m
        return self._sent

    def write_rates(self, rate_rad_s: Vector, thrust: float) -> None:
        """Send angular rates, body, and the rotors' thrust as a share of its greatest."""
        self._command["sends"], self._command["rate_rad_s"], self._command["thrust"] = RATES, rate_rad_s, thrust

    def arm(self, on: bool) -> None:
        self._command["motors"] = ARM_MOTORS if on else DISARM_MOTORS

    def land(self, ground_m: float) -> None:
        """Tell it to come down where it is, by itself."""
        self._command["land"], self._command["ground_m"] = 1, ground_m

    def cut(self) -> None:
        """Stop the motors."""
        self._command["cut"] = 1
