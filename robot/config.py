"""A robot's file and a run's options, checked field by field."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

ConfigT = TypeVar("ConfigT")
ROBOTS = Path(__file__).parent / "robots"


class SerialVesc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The motor controller: its port, and the gains between SI units and its own (F1TENTH's `vesc.yaml`)."""

    port: str
    baud: int = 115200
    erpm_per_m_s: float = 4614.0
    servo_gain: float = -1.2135
    servo_offset: float = 0.5304


class SerialLidar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lidar's port."""

    port: str
    baud: int = 256000


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

    quadrotor: which one it is, a name in `sim/data` or a path; empty: the one that a policy was trained for.
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
    return sorted(path.stem for path in ROBOTS.glob("*.toml"))


def load_robot(name: str) -> RobotConfig:
    """A car by its name in `robot/robots/`, or by the path of a TOML file.

    Raises:
        ValueError: no such robot, or a field is missing, unknown or of the wrong type; names file and field.
    """
    return _load(name, RobotConfig)


def load_drone(name: str) -> DroneConfig:
    """A Crazyflie by its name in `robot/robots/`, or by the path of a TOML file. Raises ValueError like `load_robot`."""
    config = _load(name, DroneConfig)
    told = config.crazyflie.positioning
    if told and (not config.virtual or config.crazyflie.motion_capture is not None):
        raise ValueError(f"{name}: crazyflie.positioning: found {told!r}, allowed with virtual = true and without "
                         "motion_capture alone")  # fmt: skip
    return config


def _load(name: str, kind: type[ConfigT]) -> ConfigT:
    path = ROBOTS / f"{name}.toml"
    if not path.exists():
        path = Path(name)
    if not path.is_file():
        raise ValueError(f"--robot: found '{name}', allowed: {', '.join(robot_names())} or the path of a TOML file")
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error
