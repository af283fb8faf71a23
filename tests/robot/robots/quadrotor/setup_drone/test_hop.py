"""The hop of a drone that is set up: whoever interrupts it, and wherever, it is brought down and its motors are cut."""

import signal
from typing import Any

import pytest

from drivers.crazyflie_reading import IS_ARMED, IS_FLYING, CrazyflieReading
from robot.robots.quadrotor.setup_drone.hop import TICK_S, Hop

DOWN_AFTER_S = 1.0


class Hovering:
    """A drone that hovers where it is told to, and a clock. A person presses Ctrl-C at each of the given times."""

    def __init__(self, *pressed_s: float) -> None:
        self.now_s, self.pressed_s = 0.0, list(pressed_s)
        self.landing_s: float | None = None
        self.told: list[str] = []
        self.place = (0.0, 0.0, 0.0)

    def now(self) -> float:
        return self.now_s

    def sleep_until(self, time_s: float) -> None:
        self.now_s = time_s
        if self.pressed_s and time_s >= self.pressed_s[0]:
            self.pressed_s.pop(0)
            signal.raise_signal(signal.SIGINT)

    def write(self, position_m: tuple[float, float, float], yaw_rad: float) -> None:
        self.place = position_m

    def read(self) -> CrazyflieReading:
        flies = self.landing_s is None or self.now_s < self.landing_s + DOWN_AFTER_S
        return CrazyflieReading(position_m=self.place, battery_v=3.9, supervisor=IS_ARMED | (IS_FLYING if flies else 0),
                                position_age_s=0.0, attitude_age_s=0.0, rate_age_s=0.0, health_age_s=0.0,
                                jolt_age_s=0.0)  # fmt: skip

    def land(self, height_m: float) -> None:
        self.landing_s = self.now_s
        self.told.append(f"land at {height_m}")

    def cut(self) -> None:
        assert self.landing_s is not None and self.now_s >= self.landing_s + DOWN_AFTER_S
        self.told.append("cut")

    def arm(self, armed: bool) -> None:
        self.told.append(f"arm {armed}")

    def trouble(self) -> str:
        return ""


def hop_of(drone: Any) -> Hop:
    return Hop(drone, drone, lambda share, what: None)


@pytest.mark.parametrize("pressed_s", [
    (7.0,),  # while it lands, which begins after 6.5 s
    (1.0,),  # while it climbs
    (1.0, 1.5),  # ... and once more, while it lands
])  # fmt: skip
def test_ctrl_c_does_not_break_off_the_landing(pressed_s: tuple[float, ...]) -> None:
    drone = Hovering(*pressed_s)
    with pytest.raises(KeyboardInterrupt):
        hop_of(drone)._hover()
    assert drone.told == ["land at 0.0", "cut", "arm False"]
    assert not drone.pressed_s


def test_what_ends_the_process_waits_for_the_landing_too() -> None:
    drone, ended = Hovering(), []
    earlier = signal.signal(signal.SIGTERM, lambda number, frame: ended.append(list(drone.told)))
    sleep_until = drone.sleep_until

    def told_to_end(time_s: float) -> None:
        sleep_until(time_s)
        if drone.landing_s is not None and drone.now_s < drone.landing_s + 2 * TICK_S:
            signal.raise_signal(signal.SIGTERM)

    drone.sleep_until = told_to_end  # type: ignore[method-assign]
    try:
        hop_of(drone)._land(suppressed=False)
    finally:
        signal.signal(signal.SIGTERM, earlier)
    assert ended == [["land at 0.0", "cut", "arm False"]]
