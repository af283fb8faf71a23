"""The robot's file with what was measured, read by the house itself."""

from pathlib import Path

import pytest

from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.setup_car.file import file_of, is_car_file, write_car_file
from robot.robots.car.setup_car.values import Value, measured, yes_or_no

VALUES = [
    measured("servo_gain", 1.1, 0.001, 0.01),
    measured("erpm_per_m_s", -3000.0, 1.0, 20.0),
    measured("actuation_s", 0.09, 0.001, 0.008),
    measured("mount_yaw_rad", -2.0, 0.001, 0.006),
    yes_or_no("mirrored", True),
    yes_or_no("imu_upside_down", True),
    Value("mount_y_m", 5.0, 4.9, 5.1, "not plausible: 5, cars have -0.2 to 0.2"),
]


def test_all_that_was_measured_is_read_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    write_car_file(path, file_of("f1tenth"), VALUES, None)
    robot, before = load_car(str(path)), load_car("f1tenth")
    assert (robot.motor.servo_gain, robot.motor.erpm_per_m_s, robot.motor.imu_upside_down) == (1.1, -3000.0, True)
    assert (robot.lidar.mount_yaw_rad, robot.lidar.mirrored) == (-2.0, True)
    assert believed_car(str(path)).actuation_s == 0.09
    assert robot.motor.port == before.motor.port
    assert robot.lidar.baud == before.lidar.baud


def test_what_is_refused_stays_as_it_was_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    write_car_file(path, file_of("f1tenth"), VALUES, None)
    assert load_car(str(path)).lidar.mount_y_m == load_car("f1tenth").lidar.mount_y_m
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("mount_y_m")]
    assert "not believed, not plausible" in line


def test_a_virtual_car_stays_the_one_that_was_measured(tmp_path: Path) -> None:
    write_car_file(tmp_path / "car.toml", file_of("virtual-car"), [], 7)
    assert load_car(str(tmp_path / "car.toml")).wiring_seed == 7


def test_a_file_that_would_be_refused_is_said_so(tmp_path: Path) -> None:
    narrow = [measured("servo_min", 0.5, 0.0, 0.001), measured("servo_max", 0.56, 0.0, 0.001)]
    with pytest.raises(ValueError, match=r"0\.15 rad"):
        write_car_file(tmp_path / "car.toml", file_of("f1tenth"), narrow, None)


def test_a_file_of_before_keeps_its_own_parameter_file(tmp_path: Path) -> None:
    (tmp_path / "mine-car.toml").write_text((Path("sim/car/data/f1tenth.toml")).read_text())
    old = tmp_path / "old.toml"
    old.write_text('virtual = false\ncar = "mine-car.toml"\n[vesc]\nport = "/dev/a"\n[lidar]\nport = "/dev/b"\n')
    assert is_car_file(str(old)) and not is_car_file("virtual-crazyflie")
    write_car_file(tmp_path / "sub.toml", file_of(str(old)), VALUES, None)
    assert believed_car(str(tmp_path / "sub.toml")).mass_kg == 3.74
