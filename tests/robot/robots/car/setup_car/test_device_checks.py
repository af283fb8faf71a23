"""Devices that are there, that are not, and that are set wrongly: each is found, with its remedy."""

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

import numpy as np
import pytest

from drivers import tcp_port
from drivers.base import LidarReading
from drivers.emulators.virtual_car import VirtualCar, VirtualCarConfig, start_virtual_car
from drivers.hokuyo import Hokuyo, HokuyoSettings
from drivers.pca9685 import Pca9685Settings
from drivers.serial_port import SerialPort
from drivers.tcp_port import Interface
from robot.robots.car.setup_car import device_checks
from robot.robots.car.setup_car.device_checks import checks, checks_of_chip, checks_of_lidar, kernels
from robot.runtime.clock import RealClock


@contextmanager
def car_with(folder: Path, **config: object) -> Iterator[tuple[str, VirtualCar]]:
    """A robot's file whose ports lead to emulated devices, as real ones would be."""
    with start_virtual_car(VirtualCarConfig(clock="realtime", **config)) as car:  # type: ignore[arg-type]
        path = folder / "mine.toml"
        path.write_text(
            f'virtual = false\ncar = "f1tenth"\n[devices.motor]\ndriver = "vesc"\nport = "{car.vesc_path}"\n'
            f'[devices.lidar]\ndriver = "rplidar"\nport = "{car.lidar_path}"\n'
        )
        yield str(path), car


@pytest.fixture(autouse=True)
def compiled_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have compiled so far."""
    monkeypatch.setattr(device_checks, "is_compiled", lambda kernels: True)


def wrong(name: str) -> dict[str, str]:
    return {check.name: check.remedy for check in checks(name) if not check.ok}


def test_a_car_that_is_ready_and_one_whose_motors_port_is_taken(tmp_path: Path) -> None:
    with car_with(tmp_path) as (name, car):
        assert wrong(name) == {}
        other = SerialPort(car.vesc_path, 115200)
        other.open()
        try:
            assert "in use by another program" in wrong(name)["motor port"]
        finally:
            other.close()


def test_a_car_with_a_camera_that_shows_pictures_and_one_with_nobody_at_its_pipe(tmp_path: Path) -> None:
    assert wrong("virtual-camera-car") == {}
    with start_virtual_car(VirtualCarConfig(clock="realtime")) as car:
        path = tmp_path / "mine.toml"
        path.write_text(
            f'virtual = false\ncar = "f1tenth"\n[devices.motor]\ndriver = "vesc"\nport = "{car.vesc_path}"\n'
            f'[devices.camera]\ndriver = "camera"\nsource = "pipe:{tmp_path / "none"}"\n'
        )
        assert str(tmp_path / "none") in wrong(str(path))["camera"]


def test_a_servo_output_that_is_off_and_a_lidar_without_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_checks, "SPIN_UP_S", 3.0)
    with car_with(tmp_path, vesc={"servo_output": False}) as (name, car):
        car.fault("freeze_lidar", on=True)
        found = wrong(name)
        assert found.keys() == {"servo output", "lidar answers"}
        assert "Enable Servo Output" in found["servo output"]
        assert "powered" in found["lidar answers"]


def test_firmware_that_is_too_old(tmp_path: Path) -> None:
    with car_with(tmp_path, vesc={"firmware_major": 2, "firmware_minor": 18}) as (name, _):
        assert "Update it with VESC Tool" in wrong(name)["motor firmware"]


def test_ports_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'virtual = false\ncar = "f1tenth"\n[devices.motor]\ndriver = "vesc"\nport = "/dev/a"\n'
        '[devices.lidar]\ndriver = "rplidar"\nport = "/dev/b"\n'
    )
    found = wrong(str(path))
    assert found.keys() >= {"motor port", "lidar port"}
    assert "/dev/a: no such port" in found["motor port"]


def test_a_lidar_on_another_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """192.0.2.10 is nobody's (RFC 5737): it answers as little as a lidar that this machine's network does not lead to."""
    wired = Interface("eth0", IPv4Interface("10.1.2.3/24"))
    monkeypatch.setattr(tcp_port, "interfaces", lambda: [wired])
    check = checks_of_lidar(Hokuyo(HokuyoSettings(port="192.0.2.10:10940"), RealClock()))[0]
    assert (check.name, check.ok) == ("lidar port", False)
    assert "no address in its network (found eth0 10.1.2.3/24)" in check.remedy
    assert "sudo ip addr add 192.0.2.15/24 dev eth0" in check.remedy
    monkeypatch.setattr(tcp_port, "interfaces", lambda: [wired, Interface("eth1", IPv4Interface("192.0.2.15/24"))])
    check = checks_of_lidar(Hokuyo(HokuyoSettings(port="192.0.2.10:10940"), RealClock()))[0]
    assert "ip addr add" not in check.remedy and "check its power" in check.remedy


def test_something_else_at_the_lidars_address() -> None:
    """A gateway that answers for everybody, say."""
    assert "is it the device that is meant" in what_is_said_of_another_server()


def test_something_else_at_the_address_of_a_lidar_on_another_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_port, "another_network", lambda host: "no address in its network")
    said = what_is_said_of_another_server()
    assert "no address in its network; what answers at that address is something else" in said


def test_a_router_that_refuses_in_the_place_of_a_lidar_on_another_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    wired = Interface("eth0", IPv4Interface("10.1.2.3/24"))
    monkeypatch.setattr(tcp_port, "interfaces", lambda: [wired])
    assert "sudo ip addr add 192.0.2.15/24 dev eth0" in tcp_port.why_not("192.0.2.10", 10940, errno.ECONNREFUSED)


def what_is_said_of_another_server() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        check = checks_of_lidar(Hokuyo(HokuyoSettings(port=f"127.0.0.1:{server.getsockname()[1]}"), RealClock()))[0]
    assert (check.name, check.ok) == ("lidar port", False)
    return check.remedy


@pytest.mark.parametrize("compiled", [True, False])
def test_kernels_are_compiled_or_are_not(compiled: bool) -> None:
    check = kernels(compiled)
    assert check.ok is compiled
    assert compiled or "robot practice --clock lockstep" in check.remedy


def test_a_look_at_a_lidar_that_has_to_compile_its_kernels_first_is_not_its_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_checks, "SPIN_UP_S", 0.1)
    revolutions, none = iter((0, 1)), np.empty(0, np.float32)

    class Compiling(Hokuyo):
        open = stop = close = lambda self: None

        def read(self) -> LidarReading:
            time.sleep(0.2)
            return LidarReading(none, none, none, 0.0, next(revolutions))

    assert all(check.ok for check in checks_of_lidar(Compiling(HokuyoSettings(), RealClock())))


def test_a_donkeycar_whose_chip_answers_and_one_whose_bus_is_not_there(tmp_path: Path) -> None:
    with start_virtual_car(VirtualCarConfig(clock="realtime", motor_model="pca9685")) as car:
        settings = Pca9685Settings(port=car.vesc_path)
        assert [check.name for check in checks_of_chip(settings) if not check.ok] == []
        car.fault("silence_vesc", on=True)
        assert "the bus is stuck" in checks_of_chip(settings)[-1].remedy
        car.fault("silence_vesc", on=False)
        elsewhere = checks_of_chip(Pca9685Settings(port=car.vesc_path, address=0x41))[-1]
        assert (elsewhere.name, elsewhere.ok) == ("motor answers", False)
        assert "nothing answers at address 0x41" in elsewhere.remedy
    nowhere = checks_of_chip(Pca9685Settings(port=str(tmp_path / "i2c-9")))
    assert [check.name for check in nowhere] == ["motor port"]
    assert "no such bus" in nowhere[0].remedy
