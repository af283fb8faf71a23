from dataclasses import replace

import pytest

from drivers.base import LidarReading, LinkLost, VescReading
from drivers.conformance import Rig, ages, check_driver
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings


def vesc_rig(bench) -> Rig:
    def act(driver, command):
        sent = driver.write(*command)
        return (sent.steer_rad, sent.speed_m_s), sent.refused

    faults = bench.emulator.faults
    return Rig(
        make=lambda port: Vesc(VescSettings(port, servo_min=0.0, servo_max=1.0), bench),
        port=str(bench.emulator.vesc_pty.link),
        wait=bench.wait,
        silence=lambda on: faults["silence_vesc"](on),
        garbage=lambda data: faults["garbage"]("vesc", data.hex()),
        unplug=lambda: faults["unplug"]("vesc"),
        plug=lambda: faults["plug"]("vesc"),
        start_s=0.2,
        fresh_s=0.04,
        act=act,
        commands=((0.1, 1.0), (-0.4, -0.5), (0.0, 0.0), (9.0, 90.0), (-9.0, -90.0)),
    )


def lidar_rig(bench) -> Rig:
    faults = bench.emulator.faults
    return Rig(
        make=lambda port: RPLidar(RPLidarSettings(port=port, baud=256_000, scan_mode="standard"), bench),
        port=str(bench.emulator.lidar_pty.link),
        wait=bench.wait,
        silence=lambda on: faults["freeze_lidar"](on),
        garbage=lambda data: faults["garbage"]("lidar", data.hex()),
        unplug=lambda: faults["unplug"]("lidar"),
        plug=lambda: faults["plug"]("lidar"),
        start_s=2.0,
        fresh_s=0.002,
    )


def crazyflie_rig(bench) -> Rig:
    def act(driver, command):
        sent = driver.write(command[:3], command[3])
        return (*sent.position_m, sent.yaw_rad), sent.refused

    return Rig(
        make=bench.make,
        port=bench.wire.uri,
        wait=bench.wait,
        silence=lambda on: setattr(bench.wire, "silent", on),
        garbage=bench.wire.say,
        unplug=bench.wire.unplug,
        plug=bench.wire.plug,
        start_s=0.3,
        fresh_s=0.12,  # its health comes every 100 ms
        act=act,
        commands=((0.1, 0.2, 0.0, 0.5), (-1.0, 0.0, 0.1, 0.0), (50.0, -50.0, 50.0, 0.0), (0.0, 0.0, -1.0, 0.0)),
    )


def test_the_vesc_keeps_every_promise_of_a_driver(bench):
    check_driver(vesc_rig(bench()))


def test_the_rplidar_keeps_every_promise_of_a_driver(bench):
    check_driver(lidar_rig(bench()))


def test_the_crazyflie_keeps_every_promise_of_a_driver(drone_bench):
    check_driver(crazyflie_rig(drone_bench()))


class StalledAges(Vesc):
    def read(self):
        return replace(super().read(), values_age_s=0.01, imu_age_s=0.01)


class Hopeful(Vesc):
    def write(self, steer_rad, speed_m_s):
        return replace(super().write(steer_rad, speed_m_s), refused=False)


class Boastful(Vesc):
    def write(self, steer_rad, speed_m_s):
        return replace(super().write(steer_rad, speed_m_s), speed_m_s=2.0 * speed_m_s)


class Fragile(Vesc):
    def stop(self):
        self.brake(1.0)


class Mute(Vesc):
    def trouble(self):
        return ""


@pytest.mark.parametrize("broken", [StalledAges, Hopeful, Boastful, Fragile, Mute])
def test_a_driver_that_breaks_one_promise_is_found(bench, broken):
    b = bench()
    rig = replace(vesc_rig(b), make=lambda port: broken(VescSettings(port, servo_min=0.0, servo_max=1.0), b))
    with pytest.raises((AssertionError, LinkLost)):
        check_driver(rig)


def test_ages_are_found_by_their_names_and_arrays_are_left_out():
    import numpy as np

    none = np.empty(0, np.float32)
    assert ages(VescReading(values_age_s=1.0, imu_age_s=2.0)) == {"values_age_s": 1.0, "imu_age_s": 2.0}
    assert ages(LidarReading(none, none, none, 3.0, 0)) == {"scan_age_s": 3.0}
