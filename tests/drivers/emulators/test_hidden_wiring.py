from dataclasses import replace

import numpy as np
import pytest

from drivers.emulators.hidden_wiring import hidden_wiring
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import ACCEL_X, STEER, V_X, YAW_RATE
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings
from sim.car.lidar import cast_beams

TICK_S = 0.02


@pytest.mark.parametrize("seed", range(4))
def test_drivers_that_are_told_what_is_right_see_and_do_what_is_true(tmp_path, seed):
    hidden = hidden_wiring(seed)
    emulator = Emulator(hidden.config(noise=0.0), tmp_path)

    class Clock:
        def now(self) -> float:
            return emulator.time_s

    right = hidden.right
    motor = {name: right[name] for name in vars(VescSettings("")).keys() & right.keys()}
    mount = {name: right[name] for name in vars(RPLidarSettings("")).keys() & right.keys()}
    vesc = Vesc(VescSettings(str(tmp_path / "vesc"), **motor), Clock())
    lidar = RPLidar(RPLidarSettings(str(tmp_path / "lidar"), **mount), Clock())
    vesc.open()
    lidar.open()
    seen = np.empty((0, 2))
    try:
        for k in range(68):
            emulator.advance(emulator.time_s + TICK_S)
            reading, points = vesc.read(), lidar.read()
            if k == 49:
                standing = np.stack([points.angle_rad, points.distance_m], axis=1)
                seen = standing[standing[:, 1] > 0.0]
            if k > 50:
                vesc.write(0.15, 0.8)
    finally:
        vesc.close()
        lidar.close()
    moving = emulator.world.moving
    assert moving[STEER] == pytest.approx(0.15, abs=0.002)
    assert 0.2 < moving[V_X] == pytest.approx(reading.erpm_speed_m_s, abs=0.25)
    assert moving[YAW_RATE] == pytest.approx(reading.yaw_rate_rad_s, abs=0.05)
    assert reading.accel_z_m_s2 == pytest.approx(9.80665)
    assert reading.accel_x_m_s2 == pytest.approx(moving[ACCEL_X], abs=0.3) and reading.accel_x_m_s2 > 0.5
    assert reading.motor_current_a > 0.0
    start = np.array(emulator.world.course.packed()[0][:2].tolist() + [float(emulator.world.course.heading[0])])
    expected = np.empty(len(seen), np.float32)
    cast_beams(
        emulator.world.distance_m, emulator.world.frame, start, start, seen[:, 0].astype(np.float32), 16.0, expected
    )
    assert len(seen) > 50
    assert np.median(np.abs(expected - seen[:, 1])) < 0.03


def test_a_seed_is_a_car_and_together_they_have_every_fault_that_owners_make():
    cars = [hidden_wiring(seed).right for seed in range(40)]
    assert cars[3] == hidden_wiring(3).right != cars[4]
    for name in ("mirrored", "imu_upside_down"):
        assert {car[name] for car in cars} == {True, False}
    for name in ("erpm_per_m_s", "servo_gain"):
        signs = {np.sign(car[name]) for car in cars}
        assert signs == {-1.0, 1.0}
    trims = [(car["servo_offset"] - 0.5304) / car["servo_gain"] for car in cars]
    assert 0.08 < max(map(abs, trims)) <= 0.1
    wheels = [abs(car["erpm_per_m_s"]) / 4614.0 for car in cars]
    assert 0.6 <= min(wheels) < 0.7 and 1.3 < max(wheels) <= 1.4
    assert 0.1 < max(car["actuation_s"] for car in cars) <= 0.12
    assert np.ptp([car["mount_yaw_rad"] for car in cars]) > 5.0
    for car in cars:
        replace(VescSettings(""), **{name: car[name] for name in vars(VescSettings("")).keys() & car.keys()})


def test_nothing_else_of_the_virtual_car_changes():
    assert hidden_wiring(1).config(track="ell", seed=5) == VirtualCarConfig(
        track="ell", seed=5, vesc=hidden_wiring(1).vesc, lidar=hidden_wiring(1).lidar, car=hidden_wiring(1).car
    )
