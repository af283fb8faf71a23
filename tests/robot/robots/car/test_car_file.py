"""Cars' files: what is read, what is believed, and what is said about a wrong field."""

from pathlib import Path

import pytest

from drivers.emulators.lidar_models import DRIVER_OF
from drivers.emulators.lidars import LIDARS
from drivers.rplidar import RPLidarSettings
from drivers.vesc import VescSettings
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.eyes.seeing_car import motor_of
from robot.runtime.robot_file import ROBOTS
from sim.car.model import DATA
from sim.quadrotor.model import DATA as QUADROTORS


@pytest.mark.parametrize("name", [path.stem for path in (ROBOTS / "car").glob("*.toml")])
def test_every_car_that_comes_with_the_project_can_be_read(name: str) -> None:
    assert motor_of(name).port


def test_a_drone_is_no_car() -> None:
    with pytest.raises(ValueError, match=r"crazyflie\.toml: devices: found crazyflie, needed: motor, lidar$"):
        load_car("crazyflie")


def test_a_wrong_field_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('virtual = false\ncar = "f1tenth"\n[devices.motor]\ndriver = "vesc"\nport = 3\n[devices.lidar]\n')
    with pytest.raises(ValueError, match=r"mine\.toml: devices\.motor: .*\$\.port"):
        load_car(str(path))


def car_file(folder: Path, vesc: str = "", lidar: str = "", car: str = "f1tenth") -> str:
    """A robot's file with these lines in its tables; returns its path."""
    path = folder / "mine.toml"
    path.write_text(
        f'virtual = false\ncar = "{car}"\n[devices.motor]\ndriver = "vesc"\nport = "/dev/a"\n{vesc}\n'
        f'[devices.lidar]\ndriver = "rplidar"\nport = "/dev/b"\n{lidar}\n'
    )
    return str(path)


@pytest.mark.parametrize(
    ("vesc", "lidar", "words"),
    [
        ("erpm_per_m_s = 0.0", "", r"devices\.motor: erpm_per_m_s: found 0.0, allowed: any number but 0"),
        ("imu_yaw_rad = 90.0", "", "imu_yaw_rad: found 90.0, allowed: -6.28 to 6.28"),
        ("erpm_per_m_s = nan", "", "erpm_per_m_s: found nan"),
        ("servo_gain = 0.0", "", "servo_gain: found 0.0"),
        ("servo_gain = nan", "", "servo_gain: found nan"),
        ("servo_gain = 25.0", "", "servo_gain: found 25.0, allowed: .* 0.15 rad"),
        ("servo_offset = nan", "", "servo_offset: found nan"),
        ("servo_offset = 25.0", "", "servo_offset: found 25.0, allowed: between servo_min, 0.15, and servo_max, 0.85"),
        ("servo_min = 0.9", "", "servo_min, servo_max: found 0.9, 0.85"),
        ("servo_max = 1.5", "", "servo_min, servo_max: found 0.15, 1.5"),
        ("baud = 0", "", r"baud: found 0, allowed: above 0"),
        ("", "baud = -1", r"devices\.lidar: baud: found -1, allowed: above 0"),
        ("", "mount_yaw_rad = 180.0", "mount_yaw_rad: found 180.0, allowed: -6.28 to 6.28"),
        ("", "mount_x_m = 100.0", "mount_x_m: found 100.0"),
        ("", 'mirrored = "yes"', "mirrored"),
        ("", "motor_duty = 5000", "motor_duty: found 5000"),
        ("steer_max_rad = 1.0", "", "devices.motor: found field steer_max_rad, allowed: port, baud"),
    ],
)
def test_what_no_car_can_be_is_refused_by_field(tmp_path: Path, vesc: str, lidar: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: .*" + words):
        load_car(car_file(tmp_path, vesc, lidar))


def test_every_field_of_a_cars_file_reaches_the_drivers(tmp_path: Path) -> None:
    robot = load_car(
        car_file(
            tmp_path,
            "baud = 230400\nerpm_per_m_s = 3000.0\nservo_gain = 0.9\nservo_offset = 0.45\nservo_min = 0.1\n"
            "servo_max = 0.9\nimu_upside_down = true\nimu_yaw_rad = 1.5",
            "baud = 115200\nmount_yaw_rad = 3.1416\nmirrored = true\nmount_x_m = 0.2\nmount_y_m = -0.03",
        )
    )
    assert robot.motor == VescSettings("/dev/a", 230400, 3000.0, 0.9, 0.45, 0.1, 0.9, True, 1.5)
    assert robot.lidar == RPLidarSettings(
        "/dev/b", 115200, mount_yaw_rad=3.1416, mirrored=True, mount_x_m=0.2, mount_y_m=-0.03
    )


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ('[devices.motor]\ndriver = "vesc"\nport = "/dev/a"\n', "devices: found motor, needed: motor, lidar"),
        ('[devices.motor]\ndriver = "steam"\nport = "/dev/a"\n[devices.lidar]\n',
         "devices.motor: driver: found 'steam', allowed: vesc, pca9685, rplidar"),
        ('[devices.motor]\ndriver = "rplidar"\nport = "/dev/a"\n[devices.lidar]\n',
         "devices.motor: driver: found 'rplidar', which is no motor"),
        ('[devices.motor]\nport = "/dev/a"\n[devices.lidar]\n', "devices.motor: driver: found None"),
        ('[devices.motor]\ndriver = "vesc"\n[devices.lidar]\n', "devices.motor: field port is missing"),
    ],
)  # fmt: skip
def test_a_device_is_named_where_it_or_its_driver_does_not_fit(tmp_path: Path, devices: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'virtual = false\ncar = "f1tenth"\n{devices}')
    with pytest.raises(ValueError, match=r"mine\.toml: " + words):
        load_car(str(path))


def test_files_from_before_devices_had_drivers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'virtual = false\ncar = "f1tenth"\n[vesc]\nport = "/dev/a"\n[lidar]\nport = "/dev/b"\nbaud = 115200\n'
    )
    robot = load_car(str(path))
    assert (robot.motor, robot.lidar) == (VescSettings("/dev/a"), RPLidarSettings("/dev/b", 115200))
    path.write_text('virtual = false\ncar = "f1tenth"\n[vesc]\nport = "/dev/a"\nservo = 1\n[lidar]\nport = "/dev/b"\n')
    with pytest.raises(ValueError, match=r"mine\.toml: devices\.motor: found field servo"):
        load_car(str(path))


def test_the_car_of_a_robots_file_is_believed_by_name_or_by_path_beside_it(tmp_path: Path) -> None:
    assert believed_car(car_file(tmp_path)).mass_kg == 3.74
    own = (DATA / "f1tenth.toml").read_text().replace("mass_kg = 3.74", "mass_kg = 2.5")
    (tmp_path / "short.toml").write_text(own.replace("empty_v = 9.6", "empty_v = 6.4"))
    car = believed_car(car_file(tmp_path, car="short.toml"))
    assert (car.mass_kg, car.empty_v) == (2.5, 6.4)


def test_a_car_steers_no_further_than_its_servo_goes(tmp_path: Path) -> None:
    narrow = car_file(tmp_path, "servo_min = 0.3\nservo_max = 0.75")
    assert believed_car(narrow).steer_max_rad == pytest.approx((0.75 - 0.5304) / 1.2135)
    assert believed_car(car_file(tmp_path, "servo_gain = -0.5")).steer_max_rad == 0.4189


def test_a_car_that_does_not_exist_is_refused_with_the_ones_that_do(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"mine\.toml: car: found 'short-wheelbase-on-2s', allowed: f1tenth, or the path"
    ):
        believed_car(car_file(tmp_path, car="short-wheelbase-on-2s"))
    with pytest.raises(ValueError, match=r"crazyflie_2_1.toml: found field"):
        believed_car(car_file(tmp_path, car=str(QUADROTORS / "crazyflie_2_1.toml")))


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ("mass_kg = 3.74", "mass_kg = -1.0", "mass_kg: found -1.0, allowed: above 0"),
        ("mass_kg = 3.74", "mass_kg = nan", "mass_kg: found nan"),
        ("mass_kg = 3.74", 'mass_kg = "heavy"', "mass_kg: found 'heavy', allowed: a number"),
        ("mass_kg = 3.74", "", "field mass_kg is missing"),
        ("mass_kg = 3.74", "mass_kg = 3.74\nmas_kg = 1.0", "found field mas_kg"),
        ("empty_v = 9.6", "empty_v = 13.0", "empty_v: found 13.0, allowed: less than full_v"),
        ("[body]", "[body", "mine-car.toml"),
    ],
)
def test_a_wrong_line_of_a_cars_parameters_is_named(tmp_path: Path, line: str, instead: str, words: str) -> None:
    (tmp_path / "mine-car.toml").write_text((DATA / "f1tenth.toml").read_text().replace(line, instead, 1))
    with pytest.raises(ValueError, match=r"mine-car\.toml: .*" + words if "toml" not in words else words):
        believed_car(car_file(tmp_path, car="mine-car.toml"))


def on_top(path: str, line: str) -> str:
    """The same file with a line before its tables."""
    Path(path).write_text(f"{line}\n{Path(path).read_text()}")
    return path


def test_a_measured_delay_is_believed_before_the_data_sheets(tmp_path: Path) -> None:
    assert believed_car(on_top(car_file(tmp_path), "actuation_s = 0.11")).actuation_s == 0.11


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("actuation_s = 0.4", r"actuation_s: found 0.4, allowed: 0 to 0.25"),
        ("actuation_s = nan", r"actuation_s: found nan"),
        ("wiring_seed = 3", "wiring_seed: found 3, allowed: 0 or more, with virtual = true alone"),
    ],
)
def test_what_no_measurement_can_be_is_refused_by_field(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: .*" + words):
        load_car(on_top(car_file(tmp_path), line))


def virtual_car(folder: Path, driver: str, virtual_lidar: str) -> str:
    path = folder / "mine.toml"
    path.write_text(
        f'virtual = true\ncar = "f1tenth"\n{virtual_lidar}\n[devices.motor]\ndriver = "vesc"\nport = "virtual"\n'
        f'[devices.lidar]\ndriver = "{driver}"\n' + ("" if driver == "hokuyo" else 'port = "virtual"\n')
    )
    return str(path)


@pytest.mark.parametrize(
    ("driver", "virtual_lidar", "words"),
    [
        ("rplidar", 'virtual_lidar = "ld19"', "virtual_lidar: found 'ld19', allowed with .*driver = 'rplidar': rplidar,"),
        ("hokuyo", 'virtual_lidar = "rplidar-a1"', "found 'rplidar-a1', allowed .*'hokuyo': hokuyo-ust-10lx, hokuyo-ust-20lx$"),
        ("ld19", "", "virtual_lidar: found nothing, so 'rplidar', allowed with .*'ld19': ld06, ld19$"),
        ("rplidar", 'virtual_lidar = "sick"', "virtual_lidar: found 'sick', allowed: rplidar, rplidar-a1"),
    ],
)  # fmt: skip
def test_an_emulated_lidar_that_its_driver_does_not_speak_with_is_refused(
    tmp_path: Path, driver: str, virtual_lidar: str, words: str
) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: .*" + words):
        load_car(virtual_car(tmp_path, driver, virtual_lidar))


def test_every_emulated_lidar_fits_the_driver_that_it_is_said_to_speak_with(tmp_path: Path) -> None:
    assert DRIVER_OF.keys() == LIDARS.keys()
    for name, driver in DRIVER_OF.items():
        assert load_car(virtual_car(tmp_path, driver, f'virtual_lidar = "{name}"')).emulated_lidar == name
