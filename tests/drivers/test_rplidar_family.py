"""Every RPLidar that is built: found at its baud rate, named, turning, and scanning in its own way."""

import numpy as np
import pytest

from drivers.base import LIDAR_POINTS_MAX
from drivers.conformance import Rig, check_driver
from drivers.emulators.rplidar import HEALTH_ERROR
from drivers.rplidar import RPLidar, RPLidarSettings
from sim.distance_field import distance_at
from tests.drivers.beam_ends import beam_ends

TICK_S = 0.02
FAMILY = {  # name, baud rate, typical mode, answers of that type, turns a second
    "a1": ("A1", 115_200, "Sensitivity", 0x84, 5.5), "a2m8": ("A2M8", 115_200, "Sensitivity", 0x84, 10.0),
    "a2m12": ("A2M12", 256_000, "Sensitivity", 0x84, 10.0), "a3": ("A3", 256_000, "Sensitivity", 0x84, 10.0),
    "s1": ("S1", 256_000, "DenseBoost", 0x85, 10.0), "s2": ("S2", 1_000_000, "DenseBoost", 0x85, 10.0),
    "s3": ("S3", 1_000_000, "DenseBoost", 0x86, 10.0), "c1": ("C1", 460_800, "DenseBoost", 0x85, 10.0),
}  # fmt: skip


@pytest.fixture
def lidar_of(bench):
    """(bench, driver) of a model: `lidar_of("a1")`."""

    def make(name, lidar=None, noise=1.0, **settings):
        b = bench(lidar_model=f"rplidar-{name}", noise=noise, lidar=lidar or {})
        b.lidar = RPLidar(RPLidarSettings(port=b.emulator.lidar_pty.name, **settings), b)
        return b

    return make


def scan(b, duration_s):
    readings = []
    for _ in range(round(duration_s / TICK_S)):
        b.wait(TICK_S)
        readings.append(b.lidar.read())
    return readings


@pytest.mark.parametrize("name", FAMILY)
def test_each_is_found_named_and_scans_in_its_typical_mode(lidar_of, name):
    model, baud, mode, kind, turn_hz = FAMILY[name]
    b = lidar_of(name, noise=0.0)
    b.lidar.open()
    scan(b, 2.5)
    readings = scan(b, 1.0)
    assert b.lidar.model.startswith(f"RPLidar {model} ")
    assert (b.lidar._port.baud, b.lidar.mode, b.lidar._kind) == (baud, mode, kind)
    assert b.lidar.trouble() == ""
    assert readings[-1].revolution - readings[0].revolution == pytest.approx(turn_hz, abs=1.0)
    assert all(len(reading.angle_rad) <= LIDAR_POINTS_MAX for reading in readings)
    x, y, yaw = b.world.moving[:3]
    angles, distances = (np.concatenate([getattr(r, part) for r in readings]) for part in ("angle_rad", "distance_m"))
    off = [
        distance_at(b.world.distance_m, b.world.frame, x + d * np.cos(yaw + a), y + d * np.sin(yaw + a))
        for a, d in zip(angles[::7], distances[::7], strict=True)
        if d > 0.0
    ]
    assert np.abs(off).mean() < 0.006
    assert np.abs(off).max() < 0.06
    assert len(set(np.floor(np.degrees(angles) % 360.0))) == 360  # all around


@pytest.mark.parametrize("name", ["a1", "a3", "s2", "s3"])
def test_ages_are_those_of_the_beams(lidar_of, name):
    b = lidar_of(name, noise=0.0)
    b.lidar.open()
    scan(b, 2.5)
    b.world.moving[3] = 2.0  # rolling at 2 m/s
    error_m, late_m = beam_ends(b, b.lidar, 40)
    assert error_m < 0.012 and error_m < 0.6 * late_m


@pytest.mark.parametrize("name", ["a1", "s3"])
def test_those_in_capsules_keep_every_promise_of_a_driver(lidar_of, name):
    b = lidar_of(name)
    faults = b.emulator.faults
    check_driver(Rig(
        make=lambda port: RPLidar(RPLidarSettings(port=port), b), port=b.emulator.lidar_pty.name, wait=b.wait,
        silence=faults["freeze_lidar"], garbage=lambda data: faults["garbage"]("lidar", data.hex()),
        unplug=lambda: faults["unplug"]("lidar"), plug=lambda: faults["plug"]("lidar"), start_s=3.0, fresh_s=0.04,
    ))  # fmt: skip


def test_at_a_wrong_baud_rate_it_says_what_was_tried(lidar_of):
    b = lidar_of("s2", baud=115_200)
    b.lidar.open()
    scan(b, 2.0)
    assert "nobody answers at 115200 baud" in b.lidar.trouble()
    assert "leave baud out" in b.lidar.trouble()


def test_a_named_mode_is_looked_for_and_one_that_is_none_is_named_with_those_there_are(lidar_of):
    b = lidar_of("a3", scan_mode="express")
    b.lidar.open()
    scan(b, 2.0)
    assert (b.lidar.mode, b.lidar._kind) == ("Express", 0x82)
    assert scan(b, 0.2)[-1].scan_age_s < 0.05
    b = lidar_of("a3", scan_mode="Turbo")
    b.lidar.open()
    scan(b, 2.0)
    assert "scan_mode: found 'Turbo', allowed: typical, standard, Standard, Express" in b.lidar.trouble()


def test_old_firmware_passes_over_what_it_does_not_know_and_is_scanned_node_by_node(lidar_of):
    b = lidar_of("a1", lidar={"firmware_minor": 20})
    b.lidar.open()
    scan(b, 2.0)
    assert (b.lidar.mode, b.lidar._kind) == ("standard", 0x81)
    assert scan(b, 0.2)[-1].scan_age_s < 0.01


def test_a_standard_scan_where_there_is_none_is_named(lidar_of):
    b = lidar_of("s3", scan_mode="standard")
    b.lidar.open()
    scan(b, 3.0)
    assert "no answer to the request for a scan; RPLidar S3" in b.lidar.trouble()


def test_the_motor_of_an_s_series_is_told_a_speed(lidar_of):
    b = lidar_of("s1", motor_rpm=900)
    b.lidar.open()
    scan(b, 2.0)
    assert b.emulator.lidar._turn_hz == pytest.approx(15.0, rel=0.03)
    b.lidar.stop()
    b.wait(0.1)
    assert b.emulator.lidar._turn_hz == 0.0


def test_an_a1_turns_when_its_port_is_opened_and_stands_when_it_is_stopped(lidar_of, modem_lines):
    b = lidar_of("a1", lidar={"motor_turns": False})
    modem_lines(b.emulator.lidar)
    b.lidar.open()
    scan(b, 2.0)
    assert b.lidar.trouble() == ""
    assert scan(b, 0.2)[-1].scan_age_s < 0.05
    b.lidar.stop()
    b.wait(0.1)
    assert b.emulator.lidar._turn_hz == 0.0


@pytest.mark.parametrize("name", ["a2m8", "s3"])
def test_a_power_cycle_is_come_back_from(lidar_of, name):
    b = lidar_of(name)
    b.lidar.open()
    scan(b, 2.5)
    b.emulator.faults["power_cycle_lidar"]()
    scan(b, 4.0)
    assert b.lidar.trouble() == ""
    assert scan(b, 0.1)[-1].scan_age_s < 0.05


def test_a_protection_stop_is_reset_and_a_warning_is_no_trouble(lidar_of):
    b = lidar_of("s2")
    b.emulator.faults["lidar_health"](1)
    b.lidar.open()
    scan(b, 2.5)
    assert b.lidar.trouble() == ""
    b = lidar_of("s2")
    b.emulator.lidar.health = HEALTH_ERROR
    b.lidar.open()
    scan(b, 1.5)
    assert "protection stop, error code 32769" in b.lidar.trouble()
    scan(b, 3.0)
    assert b.lidar.trouble() == ""


def test_an_answer_that_no_lidar_can_give_is_named_and_asked_for_again(lidar_of, monkeypatch):
    b = lidar_of("s2")
    answer = b.emulator.lidar._answer
    typical = (0x7C).to_bytes(4, "little")

    def garbled(at_s, head, data):
        answer(at_s, head, typical + b"\x01\x10" if data.startswith(typical) else data)

    monkeypatch.setattr(b.emulator.lidar, "_answer", garbled)
    b.lidar.open()
    scan(b, 4.0)
    assert "scan mode 4097" in b.lidar.trouble()
    monkeypatch.setattr(b.emulator.lidar, "_answer", answer)
    scan(b, 4.0)
    assert b.lidar.trouble() == ""


def test_an_independent_client_reads_modes_and_capsules(tmp_path):
    """pyrplidar, written by others: a virtual A3 in a process of its own."""
    pyrplidar = pytest.importorskip("pyrplidar")
    from drivers.emulators.virtual_car import VirtualCarConfig, start_virtual_car

    with start_virtual_car(VirtualCarConfig(clock="realtime", lidar_model="rplidar-a3", noise=0.0)) as car:
        client = pyrplidar.PyRPlidar()
        client.connect(port=car.lidar_path, baudrate=256_000, timeout=3)
        client.lidar_serial.set_dtr = lambda on: None  # a pseudo-terminal has no such line
        try:
            assert client.get_info().model == 0x31
            names = [mode.name for mode in client.get_scan_modes()]
            typical = client.get_scan_mode_typical()
            assert names[typical] == "Sensitivity"
            client.set_motor_pwm(660)
            measured = client.start_scan_express(typical)()
            points = [next(measured) for _ in range(4000)]
            client.stop()
            client.set_motor_pwm(0)
        finally:
            client.disconnect()
    seen = [point for point in points if point.distance > 0]
    assert len(seen) > 0.9 * len(points)
    assert sum(point.start_flag for point in points) in (2, 3)
    assert all(50 < point.distance < 26_000 for point in seen)
