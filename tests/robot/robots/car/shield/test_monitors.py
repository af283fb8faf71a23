"""The monitors: each thing that goes wrong raises its own flag, in time, and a healthy drive raises none."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from drivers.base import LidarReading, VescReading
from robot.robots.car.shield.monitors import Flag, Monitors, TickInputs, all_finite
from robot.tasks.race_track.task import TICK_S

HEALTHY = VescReading(input_voltage_v=12.0, accel_z_m_s2=9.81, values_age_s=0.02, imu_age_s=0.02)
POINTS = 80


class Drive:
    """A healthy car that drives straight at a speed, tick by tick, and what its monitors say."""

    def __init__(self, speed_m_s: float = 2.0, seed: int = 0) -> None:
        self.monitors = Monitors()
        self.rng = np.random.default_rng(seed)
        self.speed = speed_m_s
        self.tick = 0
        self.x = 0.0

    def lidar(self) -> LidarReading:
        angle = (2 * math.pi * (self.tick * POINTS + np.arange(POINTS)) / 400) % (2 * math.pi) - math.pi
        distance = 2.0 + 0.01 * self.rng.standard_normal(POINTS)
        return LidarReading(
            angle.astype(np.float32), distance.astype(np.float32), np.zeros(POINTS, np.float32), 0.01, 0
        )

    def step(self, vesc: dict[str, Any] | None = None, **changes: Any) -> Flag:
        self.tick += 1
        self.x += self.speed * TICK_S
        reading = replace(
            HEALTHY,
            erpm_speed_m_s=self.speed + 0.01 * self.rng.standard_normal(),
            accel_x_m_s2=0.2 * self.rng.standard_normal(),
            tachometer_m=self.x,
        )
        inputs = TickInputs(
            now_s=self.tick * TICK_S, vesc=replace(reading, **(vesc or {})), lidar=self.lidar(), vesc_up=True,
            lidar_up=True, late_s=0.0, missed_ticks=0, sent_speed_m_s=self.speed, x=self.x, y=0.0, pose_lost=False,
        )  # fmt: skip
        return self.monitors.check(replace(inputs, **changes))

    def run(self, ticks: int, vesc: dict[str, Any] | None = None, **changes: Any) -> Flag:
        flags = Flag.NONE
        for _ in range(ticks):
            flags = self.step(vesc, **changes)
        return flags


@pytest.mark.parametrize("speed", [0.0, 0.5, 3.0, 6.0, -0.8])
def test_a_healthy_drive_raises_nothing(speed):
    drive = Drive(speed)
    for _ in range(200):
        assert drive.step() == Flag.NONE


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"emergency": True}, Flag.EMERGENCY),
        ({"held": True}, Flag.HELD),
        ({"vesc_up": False}, Flag.VESC_LOST),
        ({"lidar_up": False}, Flag.LIDAR_LOST),
        ({"pose_lost": True}, Flag.POSE_LOST),
        ({"room_m": -0.1}, Flag.OFF_COURSE),
        ({"backwards": True}, Flag.OFF_COURSE),
        ({"cornered": True}, Flag.CORNERED),
        ({"numbers": (0.0, math.nan)}, Flag.NOT_FINITE),
        ({"x": math.inf}, Flag.NOT_FINITE),
        ({"learner_age_s": 20.0}, Flag.LEARNER_SILENT),
        ({"vesc": {"values_age_s": 0.21}}, Flag.VALUES_STALE),
        ({"vesc": {"values_age_s": math.nan}}, Flag.VALUES_STALE),
        ({"vesc": {"imu_age_s": 0.21}}, Flag.IMU_STALE),
        ({"vesc": {"fault_code": 3}}, Flag.VESC_FAULT),
        ({"vesc": {"yaw_rate_rad_s": math.nan}}, Flag.NOT_FINITE),
        ({"vesc": {"accel_x_m_s2": -60.0}}, Flag.COLLISION),
    ],
)  # fmt: skip
def test_what_is_wrong_at_once_is_flagged_at_once(changes, flag):
    drive = Drive()
    drive.run(50)
    assert drive.step(**changes) == flag


def test_an_old_scan_is_stale():
    drive = Drive()
    old = LidarReading(*(np.zeros(0, np.float32),) * 3, scan_age_s=0.31, revolution=4)
    assert drive.step(lidar=old) == Flag.LIDAR_STALE


def test_nothing_was_ever_received_is_stale_too():
    drive = Drive(0.0)
    never = {"values_age_s": math.inf, "imu_age_s": math.inf, "input_voltage_v": 0.0}
    silent = LidarReading(*(np.zeros(0, np.float32),) * 3, scan_age_s=math.inf, revolution=0)
    assert drive.step(never, lidar=silent) == Flag.VALUES_STALE | Flag.IMU_STALE | Flag.LIDAR_STALE


def test_values_that_never_change_while_driving_are_frozen():
    drive = Drive()
    drive.run(50)
    same = {"erpm_speed_m_s": 2.0, "motor_current_a": 1.0, "accel_x_m_s2": 0.1}
    assert drive.run(10, same) == Flag.NONE
    assert drive.run(10, same) == Flag.VALUES_FROZEN
    assert drive.step() == Flag.NONE


def test_old_values_are_stale_and_not_frozen_too():
    drive = Drive()
    drive.run(50)
    same = {"erpm_speed_m_s": 2.0, "motor_current_a": 1.0, "accel_x_m_s2": 0.1, "values_age_s": 0.3}
    assert drive.run(30, same) == Flag.VALUES_STALE


def test_values_that_never_change_at_rest_are_fine():
    drive = Drive(0.0)
    assert drive.run(100, {"erpm_speed_m_s": 0.0, "accel_x_m_s2": 0.0}) == Flag.NONE


def test_a_scan_that_repeats_itself_while_the_car_moves_is_frozen_and_clears_when_it_lives():
    drive = Drive()
    drive.run(20)
    revolution = [drive.lidar() for drive.tick in range(5)]
    for k in range(25):
        flags = drive.step(lidar=revolution[k % 5])
    assert flags == Flag.LIDAR_FROZEN
    drive.run(10)
    assert drive.step() == Flag.NONE


def test_a_frozen_lidar_that_is_unplugged_is_lost_and_no_longer_frozen():
    drive = Drive()
    drive.run(20)
    revolution = [drive.lidar() for drive.tick in range(5)]
    for k in range(25):
        flags = drive.step(lidar=revolution[k % 5])
    assert flags == Flag.LIDAR_FROZEN
    nothing = LidarReading(*(np.zeros(0, np.float32),) * 3, scan_age_s=0.02, revolution=4)
    assert drive.step(lidar=nothing) == Flag.LIDAR_FROZEN
    assert drive.step(lidar=nothing, lidar_up=False) == Flag.LIDAR_LOST


def test_a_still_scene_at_rest_is_no_frozen_lidar():
    drive = Drive(0.0)
    revolution = [drive.lidar() for drive.tick in range(5)]
    for k in range(50):
        assert drive.step(lidar=revolution[k % 5]) == Flag.NONE


def test_wheels_that_stop_faster_than_brakes_can_are_a_collision_and_braking_is_none():
    drive = Drive(3.0)
    drive.run(20)
    drive.speed = 0.0
    assert drive.step() == Flag.COLLISION
    braking = Drive(3.0)
    braking.run(20)
    while braking.speed > 0.0:
        braking.speed = max(0.0, braking.speed - 9.5 * TICK_S)
        assert Flag.COLLISION not in braking.step({"accel_x_m_s2": -9.5})


@pytest.mark.parametrize("grip", [1.05, 2.0])
def test_a_corner_is_no_collision_however_hard_and_a_blow_from_the_side_is_one(grip):
    drive = Drive(4.5)
    drive.run(20, grip=grip)
    corner = {"accel_y_m_s2": 18.5, "yaw_rate_rad_s": 18.5 / 4.5}
    assert drive.run(20, corner, grip=grip) == Flag.NONE
    assert (
        drive.step({"accel_y_m_s2": 18.5 + 1.8 * 9.81 * grip, "yaw_rate_rad_s": 18.5 / 4.5}, grip=grip)
        == Flag.COLLISION
    )


@pytest.mark.parametrize("sideways_m_s2", [-9.0, 0.0, 9.0])
def test_a_spin_is_no_collision_and_a_blow_in_it_is_one(sideways_m_s2):
    drive = Drive(4.0)
    drive.run(20)
    spin = {"accel_x_m_s2": -4.0, "accel_y_m_s2": sideways_m_s2, "yaw_rate_rad_s": 9.0}
    assert drive.run(20, spin) == Flag.NONE
    assert drive.step(spin | {"accel_y_m_s2": -30.0}) == Flag.COLLISION


def test_what_counts_as_an_impact_follows_from_the_grip_of_the_car():
    for grip, flag in ((1.05, Flag.COLLISION), (2.0, Flag.NONE)):
        drive = Drive(4.5)
        drive.run(20, grip=grip)
        assert drive.step({"accel_x_m_s2": -20.0}, grip=grip) == flag


def test_a_rebound_that_turns_the_wheels_within_a_sample_is_a_collision_and_reversing_is_none():
    drive = Drive(2.0)
    drive.run(20)
    drive.speed = -0.7
    assert drive.step() == Flag.COLLISION
    reversing = Drive(1.0)
    reversing.run(20)
    while reversing.speed > -1.0:
        reversing.speed -= 9.5 * TICK_S
        assert reversing.step() == Flag.NONE


def test_an_impact_is_not_felt_again_in_old_imu_data():
    drive = Drive()
    drive.run(50)
    assert drive.step({"accel_x_m_s2": -60.0, "imu_age_s": 0.21}) == Flag.IMU_STALE


def test_told_to_drive_and_not_moving_is_stuck_after_a_second():
    drive = Drive(0.0)
    drive.run(20)
    assert drive.run(45, sent_speed_m_s=1.0) == Flag.NONE
    assert drive.run(10, sent_speed_m_s=1.0) == Flag.STUCK


def test_who_was_told_to_stand_in_between_is_not_stuck_yet():
    drive = Drive(0.0)
    drive.run(20)
    assert drive.run(45, sent_speed_m_s=1.0) == Flag.NONE
    drive.run(10)
    assert drive.run(45, sent_speed_m_s=1.0) == Flag.NONE


def test_spinning_wheels_do_not_hide_that_the_car_stands():
    drive = Drive(1.0)
    assert drive.run(60, x=0.0) == Flag.STUCK


def test_a_lost_pose_that_does_not_move_does_not_say_that_the_car_stands():
    drive = Drive(1.0)
    assert drive.run(60, x=0.0, pose_lost=True) == Flag.POSE_LOST


def test_a_few_late_ticks_are_forgiven_many_are_not():
    drive = Drive()
    assert drive.run(9, late_s=0.015) == Flag.NONE
    assert drive.step(late_s=0.015) == Flag.DEADLINE
    assert Drive().step(missed_ticks=12) == Flag.DEADLINE


def test_ticks_that_were_missed_once_count_once():
    assert Drive().run(60, missed_ticks=4) == Flag.NONE


def test_a_sagging_battery_warns_only_when_it_stays_low():
    drive = Drive()
    drive.run(50)
    assert drive.run(10, {"input_voltage_v": 9.0}) == Flag.NONE
    assert drive.run(600, {"input_voltage_v": 9.9}) == Flag.BATTERY_LOW
    assert drive.run(1000, {"input_voltage_v": 9.2}) == Flag.BATTERY_EMPTY


def test_the_same_inputs_give_the_same_flags():
    def flags() -> list[Flag]:
        drive = Drive(seed=3)
        return [drive.step({"accel_x_m_s2": 30.0 * (k == 40)}, late_s=0.02 * (k % 7 == 0)) for k in range(120)]

    assert flags() == flags()


def test_all_finite():
    assert all_finite((0.0, -1e300))
    assert not all_finite((0.0, math.nan))
    assert not all_finite((-math.inf,))
