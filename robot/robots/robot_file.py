"""A robot's file and a run's options, checked field by field."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from drivers.declared import settings_of
from drivers.rplidar import RPLidarSettings
from drivers.vesc import VescSettings
from sim.input_files import read_toml

if TYPE_CHECKING:
    from sim.car.model import CarParameters

ConfigT = TypeVar("ConfigT")
ROBOTS = Path(__file__).parent
ACTUATION_MAX_S = 0.25  # a car whose commands act later is not driven by what it sees
STEER_REACH_MIN_RAD = 0.15  # a car that turns less cannot follow a course
CAR_DEVICES: dict[str, type] = {
    "motor": VescSettings,
    "lidar": RPLidarSettings,
}  # part -> settings of the drivers that fit
# Tables of files written before devices had drivers: what they are now
EARLIER_TABLES = {"vesc": ("motor", "vesc"), "lidar": ("lidar", "rplidar")}


@dataclass(frozen=True)
class RobotConfig:
    """One car, as its TOML file in `robot/robots/` describes it: each of its devices by its part, with the driver's settings."""

    virtual: bool
    car: str
    motor: VescSettings
    lidar: RPLidarSettings
    actuation_s: float | None = None  # measured: how late a command acts; otherwise that of `car`
    wiring_seed: int | None = None  # of a virtual car that somebody else has wired (drivers/emulators/hidden_wiring.py)

    def __post_init__(self) -> None:
        if self.actuation_s is not None and not 0.0 <= self.actuation_s <= ACTUATION_MAX_S:
            raise ValueError(f"actuation_s: found {self.actuation_s}, allowed: 0 to {ACTUATION_MAX_S}")
        if self.wiring_seed is not None and (not self.virtual or not 0 <= self.wiring_seed < 2**63):
            raise ValueError(f"wiring_seed: found {self.wiring_seed}, allowed: 0 or more, with virtual = true alone")


class CarFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a car's file, and the tables of its devices."""

    virtual: bool
    car: str
    devices: dict[str, dict[str, Any]]
    actuation_s: float | None = None
    wiring_seed: int | None = None


class MotionCaptureLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a motion capture system's poses come from, `udp` or `file`, and the name of the drone in them."""

    body: str
    udp: str = ""  # HOST:PORT to listen on
    file: str = ""  # that another program writes lines to

    def __post_init__(self) -> None:
        if bool(self.udp) == bool(self.file):
            found = "both udp and file" if self.udp else "neither udp nor file"
            raise ValueError(f"motion_capture: found {found}, allowed: one of them")
        if not self.body:
            raise ValueError("motion_capture.body: found '', allowed: the drone's name in the poses")
        if self.udp:
            self.address()

    def address(self) -> tuple[str, int]:
        """Host and port. Raises ValueError."""
        host, _, port = self.udp.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"motion_capture.udp: found {self.udp!r}, allowed: HOST:PORT, such as 0.0.0.0:5005")
        return host, int(port)


class CrazyflieLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach a Crazyflie, and the box, about the origin of its estimator, that set-points are kept in.

    quadrotor: which one it is, a name in `sim/quadrotor/data` or a path; empty: the one that a policy was trained for.
    positioning: of a virtual one, a system of `drivers.emulators.crazyflie_positioning`; empty: its usual one.
    """

    uri: str
    reach_m: float = 3.0
    height_max_m: float = 2.0
    motion_capture: MotionCaptureLink | None = None  # otherwise the drone knows by itself where it is
    quadrotor: str = ""
    positioning: str = ""


class DroneConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One drone, as its TOML file in `robot/robots/` describes it."""

    virtual: bool
    crazyflie: CrazyflieLink


def robot_names() -> list[str]:
    """The robots that come with the project."""
    return sorted(path.stem for path in ROBOTS.glob("*/*.toml"))


def load_robot(name: str) -> RobotConfig:
    """A car by its name in `robot/robots/`, or by the path of a TOML file.

    Raises:
        ValueError: no such robot, or a field is missing, unknown or of the wrong type; names file and field.
    """
    path = robot_path(name)
    told = read_toml(path)
    for table, (part, driver) in EARLIER_TABLES.items():
        if isinstance(told.get(table), dict):
            told.setdefault("devices", {})[part] = {"driver": driver, **told.pop(table)}
    file = _convert(path, told, CarFile)
    for part in [*file.devices, *CAR_DEVICES]:
        if part not in CAR_DEVICES or part not in file.devices:
            raise ValueError(
                f"{path}: devices: found {', '.join(file.devices) or 'none'}, needed: {', '.join(CAR_DEVICES)}"
            )
    motor, lidar = (device_of(path, part, file.devices[part], fits) for part, fits in CAR_DEVICES.items())
    if motor.steer_reach_rad < STEER_REACH_MIN_RAD:
        raise ValueError(
            f"{path}: devices.motor: servo_gain: found {motor.servo_gain}, allowed: with these servo_min, servo_offset and "
            f"servo_max, what lets the wheels turn by {STEER_REACH_MIN_RAD} rad to either side"
        )
    try:
        return RobotConfig(file.virtual, file.car, motor, lidar, file.actuation_s, file.wiring_seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def device_of(path: Path, part: str, table: dict[str, Any], fits: type) -> Any:
    """The settings in a device's table, of a driver that fits its part. Raises ValueError naming file, device and field."""
    try:
        settings = settings_of(table)
        if not isinstance(settings, fits):
            raise ValueError(f"driver: found {table['driver']!r}, which is no {part}")
    except ValueError as error:
        raise ValueError(f"{path}: devices.{part}: {error}") from error
    return settings


def believed_car(name: str) -> "CarParameters":
    """The car that a robot's file says it is: the parameters of its field `car`, steering no further than its servo can.

    `car` is a name of `sim/car/data`, or the path of a parameter file: from the robot file's folder, or from here.

    Raises:
        ValueError: as `load_robot`, or there is no such car, or something is wrong in its file.
    """
    from sim.car.model import load_parameters  # slow to import, and who only lists robots need not wait

    robot, path = load_robot(name), robot_path(name)
    beside = path.parent / robot.car
    try:
        car = load_parameters(beside if beside.is_file() else robot.car)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    actuation_s = car.actuation_s if robot.actuation_s is None else robot.actuation_s
    return replace(car, steer_max_rad=min(car.steer_max_rad, robot.motor.steer_reach_rad), actuation_s=actuation_s)


def load_drone(name: str) -> DroneConfig:
    """A Crazyflie by its name in `robot/robots/`, or by the path of a TOML file. Raises ValueError like `load_robot`."""
    path = robot_path(name)
    config = _convert(path, read_toml(path), DroneConfig)
    told = config.crazyflie.positioning
    if told and (not config.virtual or config.crazyflie.motion_capture is not None):
        raise ValueError(f"{name}: crazyflie.positioning: found {told!r}, allowed with virtual = true and without "
                         "motion_capture alone")  # fmt: skip
    return config


def robot_path(name: str) -> Path:
    """The file of a robot. Raises ValueError if there is none."""
    path = next(ROBOTS.glob(f"*/{name}.toml"), Path(name)) if name in robot_names() else Path(name)
    if not path.is_file():
        raise ValueError(f"--robot: found '{name}', allowed: {', '.join(robot_names())} or the path of a TOML file")
    return path


def _convert(path: Path, told: dict[str, Any], kind: type[ConfigT]) -> ConfigT:
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
