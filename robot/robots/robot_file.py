"""A robot's file and a run's options, checked field by field."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sim.input_files import read_toml

if TYPE_CHECKING:
    from sim.car.model import CarParameters

ConfigT = TypeVar("ConfigT")
ROBOTS = Path(__file__).parent
STEER_REACH_MIN_RAD = 0.15  # a car that turns less cannot follow a course
MOUNT_MAX_M = 1.0


class SerialVesc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The motor controller: its port, and the gains and limits between SI units and its own (F1TENTH's `vesc.yaml`)."""

    port: str
    baud: int = 115200
    erpm_per_m_s: float = 4614.0
    servo_gain: float = -1.2135
    servo_offset: float = 0.5304
    servo_min: float = 0.15
    servo_max: float = 0.85

    def __post_init__(self) -> None:
        _positive("baud", self.baud)
        _positive("erpm_per_m_s", self.erpm_per_m_s)
        if not math.isfinite(self.servo_gain) or self.servo_gain == 0.0:
            raise ValueError(f"servo_gain: found {self.servo_gain}, allowed: any number but 0")
        if not 0.0 <= self.servo_min < self.servo_max <= 1.0:
            raise ValueError(
                f"servo_min, servo_max: found {self.servo_min}, {self.servo_max}, allowed: 0 to 1, the first one less"
            )
        if not self.servo_min < self.servo_offset < self.servo_max:
            raise ValueError(
                f"servo_offset: found {self.servo_offset}, allowed: between servo_min, {self.servo_min}, and servo_max, "
                f"{self.servo_max}"
            )
        if self.steer_reach_rad < STEER_REACH_MIN_RAD:
            raise ValueError(
                f"servo_gain: found {self.servo_gain}, allowed: with these servo_min, servo_offset and servo_max, what "
                f"lets the wheels turn by {STEER_REACH_MIN_RAD} rad to either side"
            )

    @property
    def steer_reach_rad(self) -> float:
        """How far the wheels can be turned to both sides within the servo's end stops."""
        return min(self.servo_max - self.servo_offset, self.servo_offset - self.servo_min) / abs(self.servo_gain)


class SerialLidar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lidar: its port, and how it is mounted on the car."""

    port: str
    baud: int = 256000
    mount_yaw_rad: float = 0.0  # direction of its own zero in the car's frame, counter-clockwise positive
    mirrored: bool = False  # upside down
    mount_x_m: float = 0.0  # of its axis, ahead of the car's centre of gravity
    mount_y_m: float = 0.0  # and to the left of it

    def __post_init__(self) -> None:
        _positive("baud", self.baud)
        _within("mount_yaw_rad", self.mount_yaw_rad, 2.0 * math.pi)
        _within("mount_x_m", self.mount_x_m, MOUNT_MAX_M)
        _within("mount_y_m", self.mount_y_m, MOUNT_MAX_M)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: found {value}, allowed: above 0")


def _within(name: str, value: float, most: float) -> None:
    if not abs(value) <= most:
        raise ValueError(f"{name}: found {value}, allowed: {-most:.3g} to {most:.3g}")


class RobotConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One car, as its TOML file in `robot/robots/` describes it."""

    virtual: bool
    car: str
    vesc: SerialVesc
    lidar: SerialLidar


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
    return _load(name, RobotConfig)


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
    return replace(car, steer_max_rad=min(car.steer_max_rad, robot.vesc.steer_reach_rad))


def load_drone(name: str) -> DroneConfig:
    """A Crazyflie by its name in `robot/robots/`, or by the path of a TOML file. Raises ValueError like `load_robot`."""
    config = _load(name, DroneConfig)
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


def _load(name: str, kind: type[ConfigT]) -> ConfigT:
    path = robot_path(name)
    try:
        return msgspec.convert(read_toml(path), kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
