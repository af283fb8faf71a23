"""The devices of a car that is set up: whatever happens, it is left with standing wheels."""

import signal

import pytest

from drivers.base import VescReading
from robot.robots.car.setup_car.rig import Rig


class Rolling:
    """A motor and a lidar at once, whose wheels stand after ten ticks of braking; a person presses Ctrl-C in the second."""

    braked = 0
    left = ""

    def brake(self, brake_a: float) -> None:
        self.braked += 1
        if self.braked == 2:
            signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        self.left += "stopped "

    def close(self) -> None:
        self.left += "closed "


def test_ctrl_c_does_not_break_off_the_stop_that_leaves_the_wheels_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Rolling()
    rig = object.__new__(Rig)
    rig.vesc = rig.lidar = device  # type: ignore[assignment]
    rig.clock = type("Clock", (), {"now": lambda self: 0.02 * device.braked})()  # type: ignore[assignment]
    rig.reading = VescReading(values_age_s=0.0, imu_age_s=0.0, erpm_speed_m_s=1.0)

    def wait(self: Rig) -> None:
        if device.braked == 10:
            self.reading = VescReading(values_age_s=0.0, imu_age_s=0.0, erpm_speed_m_s=0.0)

    monkeypatch.setattr(Rig, "_wait", wait)
    with pytest.raises(KeyboardInterrupt):
        rig.__exit__(None, None, None)
    assert device.braked == 10 and device.left == "stopped stopped closed closed "
