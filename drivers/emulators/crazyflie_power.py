"""The virtual Crazyflie's power management: what it makes of the battery's voltage (pm_stm32f4.c, platform_defaults_*.h)."""

from enum import IntEnum

from drivers.emulators.crazyflie_body import Body

UPDATE_MS = 100
LOW_FOR_MS = 5000  # below the limit, before the firmware calls the battery low
LOW_V, BRUSHLESS_LOW_V = 3.2, 3.35
BRUSHLESS_N = 0.15  # stronger rotors than this are those of a brushless one, whatever it carries


class PowerState(IntEnum):
    """pm.state"""

    BATTERY = 0
    CHARGING = 1
    CHARGED = 2
    LOW = 3


class Battery:
    """One cell. Its open-circuit voltage is the drone's unless it is told another, and falls as it is told to."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._low_v = BRUSHLESS_LOW_V if body.thrust_max_n > BRUSHLESS_N else LOW_V
        self._open_v = body.quadrotor.battery_v
        self._fall_v_s = 0.0
        self._fine_ms = 0
        self._plugged = False
        self.state = PowerState.BATTERY

    @property
    def is_low(self) -> bool:
        """pmIsBatteryLow"""
        return self.state == PowerState.LOW

    def tell(self, volts: float, fall_v_s: float = 0.0, plugged: bool = False) -> None:
        """Another open-circuit voltage from now on, which falls; and whether it hangs on a charger."""
        self._open_v, self._fall_v_s, self._plugged = volts, fall_v_s, plugged
        self._body.set_battery(volts)

    def update(self, now_ms: int) -> None:
        """One millisecond."""
        if now_ms % UPDATE_MS:
            return
        if self._fall_v_s:
            self._open_v -= 1e-3 * UPDATE_MS * self._fall_v_s
            self._body.set_battery(self._open_v)
        if self._body.battery_v > self._low_v:
            self._fine_ms = now_ms
        if self._plugged:
            self.state = PowerState.CHARGING
        else:
            self.state = PowerState.LOW if now_ms - self._fine_ms > LOW_FOR_MS else PowerState.BATTERY
