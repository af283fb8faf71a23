"""What a drone is told of itself before it flies."""

import pytest

from robot.robots.quadrotor.devices import tell_drag
from sim.quadrotor.model import load_parameters


class Told:
    """A driver that knows some parameters."""

    def __init__(self, *names: str) -> None:
        self.names, self.values = names, dict[str, float]()

    def has_parameter(self, name: str) -> bool:
        return name in self.names

    def set_parameter(self, name: str, value: float) -> None:
        self.values[name] = value


def test_the_estimator_is_told_how_the_air_slows_it_across_the_rotors_axis_where_it_can_be() -> None:
    quadrotor, known = load_parameters("crazyflie_2_1"), [f"kalman.dragB_{axis}" for axis in "xyz"]
    new, old = Told(*known), Told("kalman.resetEstimation")
    for driver in (new, old):
        tell_drag(driver, quadrotor)  # type: ignore[arg-type]
    assert new.values == dict.fromkeys(known[:2], pytest.approx(0.01471782 / 0.0322))
    assert not old.values
