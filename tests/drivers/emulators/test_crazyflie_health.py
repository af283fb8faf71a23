"""The virtual Crazyflie's tests of itself."""

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_health import EACH_MS, LOADED_MS, VARIANCE_MAX, Health
from sim.quadrotor.model import load_parameters


def health(*unbalance: float) -> Health:
    body = Body(load_parameters("crazyflie_2_1"), np.random.default_rng(0), noise=0.0)
    return Health(body, unbalance, np.random.default_rng(1))


def ask(one: Health, name: str, ms: int, flies: bool = False) -> None:
    parameter = next(each for each in one.parameters() if each.name == name)
    assert parameter.write is not None
    parameter.write(1)
    for now_ms in range(ms):
        one.update(now_ms, flies)


def test_a_bent_propeller_shakes_and_does_not_pass() -> None:
    one = health(1.0, 1.1, 3.0, 0.9)
    ask(one, "health.startPropTest", 4 * EACH_MS + 2)
    assert one.motor_pass == 0b1011
    assert one.motor_variance[0, 2] > VARIANCE_MAX > one.motor_variance[:, [0, 1, 3]].max()
    assert one.tests == 1


def test_nothing_is_tested_in_flight() -> None:
    one = health(1.0, 1.0, 1.0, 1.0)
    ask(one, "health.startPropTest", 5000, flies=True)
    assert one.tests == 0
    for now_ms in range(5000, 7000):
        one.update(now_ms, False)
    assert one.tests == 1


def test_the_batterys_voltage_falls_as_its_data_file_says() -> None:
    one = health(1.0, 1.0, 1.0, 1.0)
    ask(one, "health.startBatTest", LOADED_MS + 2)
    drone = load_parameters("crazyflie_2_1")
    most_n = 4.0 * (drone.thrust_0_n + drone.thrust_1_n + drone.thrust_2_n)
    assert one.sag_v == pytest.approx(1.16 * most_n)
    assert one.battery_pass == 1
