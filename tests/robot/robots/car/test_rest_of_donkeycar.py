"""A PCA9685 whose program has died pulses on: who takes over brakes the car, and leaves no pulse behind."""

import time
from typing import cast

from drivers.emulators.virtual_car import VirtualCarConfig, start_virtual_car
from drivers.pca9685 import ARMING_S, Pca9685, Pca9685Settings
from robot.robots.car.rest import BLIND_S, CarRest
from robot.robots.car.shield.stop_plan import StopPlan
from robot.runtime.clock import RealClock
from robot.tasks.race_track.task import SPEED_MAX_M_S
from sim.car.model import GRAVITY_M_S2, load_parameters

RELEASED, BRAKE, THROTTLE = 0, 3, 5


class NoPlan:
    """Control has left none."""

    def read(self) -> None:
        return None


def test_nobody_sees_it_stand_so_the_brake_is_held_for_longer_than_a_stop_takes() -> None:
    on_ice_m_s2 = 0.4 * load_parameters().grip * GRAVITY_M_S2  # as little grip as is allowed for
    assert SPEED_MAX_M_S / on_ice_m_s2 < BLIND_S


def test_it_is_braked_then_released() -> None:
    with start_virtual_car(VirtualCarConfig(clock="realtime", motor_model="pca9685")) as car:
        settings = Pca9685Settings(port=car.vesc_path)
        driver = Pca9685(settings, RealClock())
        driver.open()
        time.sleep(ARMING_S + 0.1)
        for _ in range(20):
            driver.read()
            driver.write(0.0, 1.0)
            time.sleep(0.02)
        driver.close()
        time.sleep(0.2)
        assert car.truth().motor_mode == THROTTLE  # nobody has told it to stop
        rest, begin_s = CarRest(settings, cast(StopPlan, NoPlan())), time.monotonic()
        assert rest.act() > 0.0
        time.sleep(0.2)
        assert car.truth().motor_mode == BRAKE
        while not rest.at_rest:
            assert rest.act() > 0.0
            time.sleep(0.02)
        assert time.monotonic() - begin_s > BLIND_S
        assert abs(car.truth().v_x) < 0.02
        rest.release()
        time.sleep(0.6)
        assert car.truth().motor_mode == RELEASED
        rest.close()
