import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import LIDAR_POINTS_MAX
from drivers.lidar import seen_from_car
from drivers.rplidar import LEGACY_SAMPLE_S, SPIN_UP_S, RPLidarSettings
from drivers.rplidar_nodes import PROOF
from drivers.rplidar_protocol import motor_pwm


def test_the_motor_request_of_the_document():
    assert motor_pwm(660) == bytes.fromhex("a5 f0 02 94 02 c1")
    assert motor_pwm(0) == bytes.fromhex("a5 f0 02 00 00 57")


@given(st.floats(0.12, 16.0), st.floats(-3.1, 3.1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_points_are_moved_to_the_cars_origin(distance, angle, x, y):
    angles, distances = np.array([angle], np.float32), np.array([distance], np.float32)
    seen_from_car(angles, distances, x, y)
    assert distances[0] * np.cos(angles[0]) == pytest.approx(x + distance * np.cos(angle), abs=1e-4)
    assert distances[0] * np.sin(angles[0]) == pytest.approx(y + distance * np.sin(angle), abs=1e-4)


def test_what_the_lidar_sees_of_itself_and_what_it_does_not_see_stay_without_a_place():
    angles, distances = np.array([0.0, 1.0], np.float32), np.array([0.05, 0.0], np.float32)
    seen_from_car(angles, distances, 0.3, 0.0)
    assert np.all(distances == 0.0)


def scan(b, duration_s):
    """Read every tick; returns the readings."""
    readings = []
    for _ in range(round(duration_s / 0.02)):
        b.wait(0.02)
        readings.append(b.lidar.read())
    return readings


def test_about_80_points_a_tick_and_ten_revolutions_a_second(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.0)
    readings = scan(b, 1.0)
    counts = [len(r.angle_rad) for r in readings]
    assert 79 <= min(counts) <= max(counts) <= 81
    assert readings[-1].revolution - readings[0].revolution == pytest.approx(10, abs=1)
    assert b.lidar.model == "RPLidar A3 (model 49), firmware 1.29, hardware 3"
    assert b.lidar.skipped_bytes == 0


def test_points_lie_on_the_walls_that_the_car_sees_while_it_moves(bench):
    """Each point, put on the map from where the car was at the point's own age, is on a wall."""
    from sim.distance_field import distance_at

    b = bench(noise=0.0, car={"steer_trim_rad": 0.0})
    b.vesc.open()
    b.lidar.open()
    b.drive(0.0, 1.0, 0.5)
    scan(b, 0.5)
    poses, errors, still = [], [], []
    for tick in range(80):
        b.wait(0.01)
        b.vesc.write(0.25 * math.sin(tick * 0.1), 2.5)
        poses.append((b.now(), *b.world.moving[:3]))
        reading = b.lidar.read()
        if tick < 10:
            continue
        times, x, y, yaw = np.array(poses).T
        for angle, distance, age in zip(reading.angle_rad, reading.distance_m, reading.age_s, strict=True):
            for when, into in ((b.now() - age, errors), (b.now() + 0.03 - age, still)):
                px, py, pyaw = (np.interp(when, times, column) for column in (x, y, yaw))
                beam = pyaw + angle
                into.append(distance_at(
                    b.world.distance_m, b.world.frame, px + distance * np.cos(beam), py + distance * np.sin(beam)
                ))  # fmt: skip
    assert np.abs(errors).mean() < 0.01
    assert np.abs(errors).mean() < 0.6 * np.abs(still).mean()  # with wrong ages the walls are blurred


def test_a_held_up_reader_gets_points_evenly_from_all_that_it_missed_with_their_ages(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.5)
    b.wait(0.15)
    reading = b.lidar.read()
    assert LIDAR_POINTS_MAX / 2 < len(reading.angle_rad) <= LIDAR_POINTS_MAX
    assert reading.scan_age_s == pytest.approx(PROOF * 250e-6 + 0.0002, abs=0.0003)  # the last samples prove it
    assert reading.age_s[0] == pytest.approx(0.15 + PROOF * 250e-6, abs=0.002)
    assert np.diff(reading.age_s) == pytest.approx(-3 * 250e-6, abs=1e-6)  # of 600, every third
    assert 0.0 <= reading.age_s[-1] - reading.scan_age_s < 3 * 250e-6


def test_points_that_nobody_can_date_are_dropped(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.5)
    for _ in range(200):
        b.wait(0.01)  # more than the kernel keeps
    assert len(b.lidar.read().angle_rad) == 0
    assert len(scan(b, 0.1)[-1].angle_rad) > 0


def test_after_a_pause_more_than_two_samples_must_fit_to_find_the_scan_again(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.5)
    b.emulator.faults["freeze_lidar"](True)
    b.wait(0.3)
    b.lidar.read()  # what arrived meanwhile is dropped
    b.emulator.faults["garbage"]("lidar", (bytes.fromhex("3e 01 05 d007 3e 75 05 d007") + bytes(40)).hex())
    b.wait(0.02)
    assert len(b.lidar.read().angle_rad) == 0


def test_samples_are_dated_by_the_rate_that_the_device_tells(bench, monkeypatch):
    b = bench()
    answer = b.emulator.lidar._answer
    told = {bytes([250, 0, 127, 0]): bytes([125, 0, 125, 0])}
    monkeypatch.setattr(b.emulator.lidar, "_answer", lambda *sent: answer(*sent[:-1], told.get(sent[-1], sent[-1])))
    b.lidar.open()
    age_s = scan(b, 1.5)[-1].age_s
    assert age_s[0] - age_s[-1] == pytest.approx((len(age_s) - 1) * 125e-6, rel=1e-3)


def spread(points) -> set[int]:
    """Which tenths of the circle they lie in."""
    return {int((a + math.pi) / (2 * math.pi) * 10) for a in points.angle_rad}


def test_an_a1_turns_when_dtr_is_cleared_and_stands_when_stopped(bench, modem_lines):
    """An A1's motor hears nothing but DTR, its firmware tells no sample rate, its angles go back."""
    a1 = {"motor_by_dtr": True, "firmware_minor": 14, "sample_s": 476e-6, "triangulating": True, "drop_out": 0.3}
    b = bench(lidar=a1)
    modem_lines(b.emulator.lidar)
    b.lidar.open()
    readings = scan(b, 3.0)
    assert b.lidar.trouble() == ""
    assert b.lidar._sample_s == LEGACY_SAMPLE_S
    assert sum(len(r.angle_rad) for r in readings[-50:]) == pytest.approx(1.0 / 476e-6, rel=0.01)
    assert b.lidar.skipped_bytes == 0
    b.lidar.stop()
    scan(b, 0.5)
    assert b.emulator.lidar._turn_hz == 0.0
    assert b.lidar.reconnect()
    assert len(scan(b, 3.0)[-1].angle_rad) > 0


def test_a_lidar_of_new_firmware_that_keeps_its_sample_rate_to_itself_scans_all_the_same(bench, monkeypatch):
    b = bench()
    answer = b.emulator.lidar._answer
    kept = bytes([250, 0, 127, 0])
    monkeypatch.setattr(b.emulator.lidar, "_answer", lambda *sent: None if sent[-1] == kept else answer(*sent))
    b.lidar.open()
    assert len(scan(b, 3.0)[-1].angle_rad) > 0
    assert b.lidar.trouble() == ""


@pytest.mark.parametrize(
    "mount",
    [
        {"mount_yaw_rad": math.pi},
        {"mount_yaw_rad": -1.2, "mount_x_m": 0.25, "mount_y_m": -0.05},
        {"mount_yaw_rad": 0.4, "mirrored": True, "mount_x_m": 0.1},
    ],
)
def test_however_it_is_mounted_the_points_lie_on_the_walls(bench, mount):
    from drivers.rplidar import RPLidar
    from sim.distance_field import distance_at

    b = bench(noise=0.0, lidar=mount)
    lidar = RPLidar(RPLidarSettings(port=b.lidar.settings.port, scan_mode="standard", **mount), b)
    lidar.open()
    points = []
    for _ in range(75):
        b.wait(0.02)
        points.append(lidar.read())
    lidar.close()
    x, y, yaw = b.world.moving[:3]
    beam = yaw + points[-1].angle_rad.astype(float)
    distance = points[-1].distance_m
    walls = [
        distance_at(b.world.distance_m, b.world.frame, px, py)
        for px, py in zip(x + distance * np.cos(beam), y + distance * np.sin(beam), strict=True)
    ]
    assert len(spread(points[-1])) > 1
    assert np.abs(walls).max() < 0.03


def test_a_scan_that_never_begins_is_asked_for_again(bench):
    b = bench()
    b.lidar.open()
    while not b.emulator.lidar._scanning:
        scan(b, 0.02)
    b.emulator.lidar._scanning = False
    scan(b, SPIN_UP_S - 0.1)
    assert b.lidar.trouble() == ""
    scan(b, 0.2)
    assert "ceased" in b.lidar.trouble()
    assert len(scan(b, 2.0)[-1].angle_rad) > 0


def test_stop_stops_scan_and_motor_until_it_is_reconnected(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.0)
    b.lidar.stop()
    scan(b, 0.1)
    assert all(len(r.angle_rad) == 0 for r in scan(b, 2.0))
    assert b.lidar.reconnect()
    assert len(scan(b, 1.5)[-1].angle_rad) > 0


def test_a_protection_stop_is_reset(bench):
    b = bench()
    b.emulator.faults["lidar_health"](2)
    b.lidar.open()
    scan(b, 0.2)
    assert "protection stop" in b.lidar.trouble()
    assert len(scan(b, 3.0)[-1].angle_rad) > 0
    assert b.lidar.trouble() == ""


def test_a_lidar_that_lost_its_power_is_started_again(bench):
    b = bench()
    b.lidar.open()
    scan(b, 1.0)
    b.emulator.lidar._scanning = False
    scan(b, 1.1)
    assert "ceased" in b.lidar.trouble()
    assert len(scan(b, 1.0)[-1].angle_rad) > 0


def test_no_device_behind_the_port_is_told_with_what_to_look_for(bench):
    b = bench()
    b.emulator.faults["freeze_lidar"](True)
    b.lidar.open()
    scan(b, 1.0)
    assert "is an RPLidar there" in b.lidar.trouble()


@pytest.mark.parametrize(
    ("field", "value"),
    [("motor_duty", 0), ("motor_duty", 2000), ("mount_yaw_rad", math.nan), ("mount_x_m", math.inf)],
)
def test_settings_that_make_no_sense_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        RPLidarSettings("/dev/a", **{field: value})
