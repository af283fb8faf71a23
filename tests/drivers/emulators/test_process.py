import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig, load_config, start_virtual_car
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings


class Clock:
    time_s = 0.0

    def now(self) -> float:
        return self.time_s


def drive(config: VirtualCarConfig, ticks: int):
    """A short drive in lockstep, slaloming; everything the drivers read, and the truth at the end."""
    clock, seen = Clock(), []
    with start_virtual_car(config) as car:
        vesc = Vesc(VescSettings(port=car.vesc_path), clock)
        lidar = RPLidar(RPLidarSettings(port=car.lidar_path), clock)
        vesc.open()
        lidar.open()
        for tick in range(ticks):
            clock.time_s = car.advance(0.02 * (tick + 1))
            values, scan = vesc.read(), lidar.read()
            seen.append((values, scan.angle_rad.tobytes(), scan.distance_m.tobytes(), scan.age_s.tobytes()))
            vesc.write(0.2 if tick % 50 < 25 else -0.2, 1.5)
        truth = car.truth()
        vesc.close()
        lidar.close()
    return seen, repr(truth), truth


def test_in_lockstep_the_same_seed_gives_the_same_bytes():
    config = VirtualCarConfig(hidden_seed=3, seed=5)
    first, second = drive(config, 150), drive(config, 150)
    assert first[:2] == second[:2]
    assert first[2].time_s == pytest.approx(3.0)
    assert first[2].odometer_m > 2.0


def test_another_seed_gives_other_noise_to_the_same_car(bench):
    one, other, again = bench(hidden_seed=3, seed=5), bench(hidden_seed=3, seed=6), bench(hidden_seed=3, seed=5)
    readings = []
    for b in (one, other, again):
        b.vesc.open()
        b.drive(0.1, 1.0, 0.5)
        readings.append(b.vesc.read())
    assert one.world.car == other.world.car
    assert readings[0] == readings[2] != readings[1]


@pytest.fixture(scope="module")
def car():
    with start_virtual_car(VirtualCarConfig(clock="realtime")) as car:
        yield car


def test_an_independent_lidar_client_gets_info_health_and_scans(car):
    rplidar = pytest.importorskip("rplidar")
    client = rplidar.RPLidar(car.lidar_path, baudrate=256_000, timeout=3)
    client._serial.setDTR = lambda on: None  # of an A1's motor; a pseudo-terminal has no such line
    try:
        client.stop()
        client.clean_input()
        info = client.get_info()
        assert (info["model"], info["firmware"], info["hardware"]) == (0x31, (1, 29), 3)
        assert client.get_health() == ("Good", 0)
        scans = []
        for scan in client.iter_scans(max_buf_meas=False):
            scans.append(scan)
            if len(scans) == 4:
                break
        assert 380 <= len(scans[-1]) <= 400  # one in a hundred beams returns nothing
        angles = [angle for _, angle, _ in scans[-1]]
        assert angles == sorted(angles)
        assert all(50 < distance < 16_400 for _, _, distance in scans[-1])
        client.stop()
        client.stop_motor()
    finally:
        client.disconnect()


def test_in_real_time_the_drivers_get_fresh_values(car):
    vesc = Vesc(VescSettings(port=car.vesc_path), Monotonic())
    lidar = RPLidar(RPLidarSettings(port=car.lidar_path), Monotonic())
    vesc.open()
    lidar.open()
    points = 0
    for _ in range(100):
        time.sleep(0.02)
        values, scan = vesc.read(), lidar.read()
        vesc.write(0.1, 0.5)
        points += len(scan.angle_rad)
    assert values.erpm_speed_m_s > 0.3
    assert values.values_age_s < 0.5
    assert scan.scan_age_s < 0.5
    assert points > 1000
    assert car.truth().v_x > 0.3
    vesc.stop()
    vesc.close()
    lidar.close()


class Monotonic:
    def now(self) -> float:
        return time.monotonic()


def test_faults_are_done_or_refused_with_words(car):
    car.fault("put_on_course", s=7.0)
    assert car.truth().s == pytest.approx(7.0, abs=0.1)
    with pytest.raises(ValueError, match=r"found 'explode', allowed: freeze_lidar"):
        car.fault("explode")
    with pytest.raises(ValueError, match="inside a wall"):
        car.fault("put", x=100.0, y=0.0, yaw=0.0)
    with pytest.raises(ValueError, match="missing 1 required"):
        car.fault("wall")


def test_nobody_moves_real_time_on(car):
    with pytest.raises(ValueError, match="real time"):
        car.advance(1.0)


def test_the_car_survives_a_client_that_is_killed_in_the_middle_of_a_request(car):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(car.directory / "control"))
        client.sendall(b'{"do": "wall", "s"')
    for _ in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(car.directory / "control"))
            client.sendall(b'{"do": "remove_walls"}\n')
    car.fault("remove_walls")


def test_a_wrong_configuration_ends_the_start_with_its_reason():
    with pytest.raises(ValueError, match="nowhere"):
        start_virtual_car(VirtualCarConfig(track="nowhere"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"vesc": {"servo_sign": -1.0}}, "vesc: found servo_sign, allowed: baud, "),
        ({"vesc": {"erpm_per_m_s": 0.0}}, "vesc.erpm_per_m_s: found 0.0"),
        ({"vesc": {"servo_per_rad": 0.0}}, "vesc.servo_per_rad: found 0"),
        ({"lidar": {"mirrored": 1.5}}, "lidar.mirrored: found 1.5"),
        ({"lidar": {"mount_yaw_rad": float("nan")}}, "lidar.mount_yaw_rad: found nan"),
    ],
)
def test_what_the_devices_cannot_be_is_refused_by_name(tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        Emulator(VirtualCarConfig(**wrong), tmp_path)


def test_configuration_files_are_json_or_toml_and_unknown_fields_are_refused(tmp_path):
    toml, wrong = tmp_path / "car.toml", tmp_path / "car.json"
    toml.write_text('track = "ell"\nseed = 4\n[car]\ngrip = 0.9\n')
    assert load_config(toml) == VirtualCarConfig(track="ell", seed=4, car={"grip": 0.9})
    wrong.write_text('{"trakc": "ell"}')
    with pytest.raises(ValueError, match=r"car.json: .*trakc"):
        load_config(wrong)


def test_the_process_dies_with_its_parent(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"directory": str(tmp_path)}))
    program = f"""
import subprocess, sys
command = [sys.executable, "-m", "drivers.emulators.process", "--config", {str(config)!r}]
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(200):
        try:
            state = Path(f"/proc/{child}/stat").read_text().split()[2]
        except FileNotFoundError:
            return
        if state == "Z":  # ended, but nobody has asked how
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the emulator outlived the program that started it")
