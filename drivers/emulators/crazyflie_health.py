"""The virtual Crazyflie's tests of itself: propellers and battery, as health.c of the firmware carries them out on the ground.

health.startPropTest turns the motors one after the other for a moment; what the accelerometer feels of each, across the
rotor's axis and less what it feels at rest, is its variance: health.motorVarXM1 to YM4. Those that stay below the platform's
limit have their bit in health.motorPass. health.startBatTest loads the battery with all motors; how far its voltage falls is
health.batterySag. A test that is asked for in flight waits. Both requests clear themselves.
"""

from typing import TYPE_CHECKING

import numpy as np

from drivers.emulators.crazyflie_toc import LogVariable, Number, Parameter

if TYPE_CHECKING:
    from drivers.emulators.crazyflie_body import Body

MOTORS = 4
EACH_MS = 400  # a motor's turn, with the pause behind it
VARIANCE_MAX = 2.5  # PROPELLER_BALANCE_TEST_THRESHOLD, platform_defaults_cf2.h
SAG_MAX_V = 0.95  # BAT_LOADING_SAG_THRESHOLD
AS_NEW = 0.6  # variance of a propeller without a fault
LOADED_MS = 500


class Health:
    """The tests of one drone. unbalance (4): of each propeller, as a multiple of what a new one has."""

    def __init__(self, body: "Body", unbalance: tuple[float, ...], rng: np.random.Generator) -> None:
        self.motor_variance = np.zeros((2, MOTORS))  # x, y
        self.motor_pass = self.tests = 0
        self.sag_v, self.battery_pass = 0.0, 0
        self._body, self._rng = body, rng
        self._unbalance = np.array(unbalance)
        self._asked = {"startPropTest": False, "startBatTest": False}
        self._since_ms: dict[str, int] = {}

    def update(self, now_ms: int, flies: bool) -> None:
        """One millisecond."""
        for name in self._asked:
            if self._asked[name] and not flies and name not in self._since_ms:
                self._asked[name] = False
                self._since_ms[name] = now_ms
        if now_ms - self._since_ms.get("startPropTest", now_ms) >= MOTORS * EACH_MS:
            del self._since_ms["startPropTest"]
            self._judge_propellers()
        if now_ms - self._since_ms.get("startBatTest", now_ms) >= LOADED_MS:
            del self._since_ms["startBatTest"]
            self.sag_v = self._body.sag_v(1.0)
            self.battery_pass = int(self.sag_v < SAG_MAX_V)

    def _judge_propellers(self) -> None:
        spread = 1.0 + 0.1 * self._rng.standard_normal((2, MOTORS))
        self.motor_variance[:] = AS_NEW * self._unbalance**2 * np.abs(spread)
        passed = (self.motor_variance < VARIANCE_MAX).all(axis=0)
        self.motor_pass = sum(bool(each) << k for k, each in enumerate(passed))
        self.tests += 1

    def log_variables(self) -> list[LogVariable]:
        def variance(axis: int, motor: int) -> LogVariable:
            name = f"health.motorVar{'XY'[axis]}M{motor + 1}"
            return LogVariable(name, "float", lambda: float(self.motor_variance[axis, motor]))

        return [
            *(variance(axis, motor) for motor in range(MOTORS) for axis in range(2)),
            LogVariable("health.motorPass", "uint8_t", lambda: self.motor_pass),
            LogVariable("health.batterySag", "float", lambda: self.sag_v),
            LogVariable("health.batteryPass", "uint8_t", lambda: self.battery_pass),
            LogVariable("health.motorTestCount", "uint16_t", lambda: self.tests),
        ]

    def parameters(self) -> list[Parameter]:
        def request(name: str) -> Parameter:
            def ask(value: Number) -> None:
                self._asked[name] = bool(value)

            return Parameter(f"health.{name}", "uint8_t", lambda: int(self._asked[name]), ask)

        return [request("startPropTest"), request("startBatTest")]
