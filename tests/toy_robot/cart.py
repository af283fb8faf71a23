"""A cart on a rail, for the tests: the device from both ends, and the driver between them and the robot."""

from dataclasses import dataclass

from drivers.base import NEVER_S, LinkLost

PUSH_MAX_N, MASS_KG, DRAG_S = 1.0, 1.0, 0.5


@dataclass(frozen=True, slots=True)
class CartReading:
    """What the cart tells: where it is on its rail, m, how fast, m/s, and how old that is."""

    place_m: float = 0.0
    speed_m_s: float = 0.0
    age_s: float = NEVER_S


class Rail:
    """The cart itself, beside a clock that the tests turn."""

    def __init__(self, place_m: float) -> None:
        self.time_s, self.place_m, self.speed_m_s, self.push_n = 0.0, place_m, 0.0, 0.0
        self.plugged = True

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        step_s = max(0.0, time_s - self.time_s)
        self.speed_m_s += step_s * (self.push_n - DRAG_S * self.speed_m_s) / MASS_KG
        self.place_m += step_s * self.speed_m_s
        self.time_s = max(self.time_s, time_s)


class Cart:
    """The driver."""

    def __init__(self, rail: Rail) -> None:
        self.rail = rail

    def open(self) -> None:
        if not self.rail.plugged:
            raise LinkLost("cart: no rail")

    def reconnect(self) -> bool:
        return self.rail.plugged

    def read(self) -> CartReading:
        self.open()
        return CartReading(self.rail.place_m, self.rail.speed_m_s, 0.0)

    def push(self, force_n: float) -> None:
        self.open()
        self.rail.push_n = min(PUSH_MAX_N, max(-PUSH_MAX_N, force_n))

    def stop(self) -> None:
        self.rail.push_n = 0.0

    def close(self) -> None:
        """There is nothing to release."""
