"""What a car's file says, and the car that it lets the robot believe in."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from drivers.declared import driver_of
from drivers.emulators.lidar_models import DRIVER_OF, USUAL
from drivers.lidar import LidarSettings
from drivers.pca9685 import Pca9685Settings
from drivers.vesc import VescSettings
from robot.runtime.robot_file import read_robot, robot_path

if TYPE_CHECKING:
    from sim.car.model import CarParameters

ACTUATION_MAX_S = 0.25  # a car whose commands act later is not driven by what it sees
STEER_REACH_MIN_RAD = 0.15  # a car that turns less cannot follow a course


@dataclass(frozen=True)
class CarFile:
    """One car, as its TOML file in `robot/robots/car/` describes it. car: the parameters that are believed of it.

    virtual_lidar: which one a virtual car really has, a name of `drivers/emulators/lidars.py`.
    """

    virtual: bool
    car: str
    motor: VescSettings | Pca9685Settings
    lidar: LidarSettings
    virtual_lidar: str = ""
    actuation_s: float | None = None  # measured: how late a command acts; otherwise that of `car`
    wiring_seed: int | None = None  # of a virtual car that somebody else has wired (drivers/emulators/hidden_wiring.py)

    def __post_init__(self) -> None:
        if self.virtual_lidar and not self.virtual:
            raise ValueError(f"virtual_lidar: found {self.virtual_lidar!r}, allowed with virtual = true alone")
        if self.virtual:
            self._check_lidar()
        if self.actuation_s is not None and not 0.0 <= self.actuation_s <= ACTUATION_MAX_S:
            raise ValueError(f"actuation_s: found {self.actuation_s}, allowed: 0 to {ACTUATION_MAX_S}")
        if self.wiring_seed is not None and (not self.virtual or not 0 <= self.wiring_seed < (1 << 63)):
            raise ValueError(f"wiring_seed: found {self.wiring_seed}, allowed: 0 or more, with virtual = true alone")
        check_steering(self.motor)
        if self.wiring_seed is not None and not self.measures_speed:
            raise ValueError("wiring_seed: found it, allowed with devices.motor: driver = 'vesc' alone")

    @property
    def measures_speed(self) -> bool:
        """Whether its motor controller does."""
        return isinstance(self.motor, VescSettings)

    @property
    def emulated_lidar(self) -> str:
        """The one that a virtual car has."""
        return self.virtual_lidar or USUAL

    def _check_lidar(self) -> None:
        """Raises ValueError for a lidar that nobody emulates, or that the file's driver does not speak with."""
        if self.emulated_lidar not in DRIVER_OF:
            raise ValueError(f"virtual_lidar: found {self.virtual_lidar!r}, allowed: {', '.join(DRIVER_OF)}")
        driver = driver_of(self.lidar).name
        fitting = [name for name, speaks in DRIVER_OF.items() if speaks == driver]
        if self.emulated_lidar not in fitting:
            found = repr(self.virtual_lidar) if self.virtual_lidar else f"nothing, so {USUAL!r}"
            allowed = ", ".join(fitting) or f"none: nobody emulates what the driver {driver!r} speaks with"
            raise ValueError(
                f"virtual_lidar: found {found}, allowed with devices.lidar: driver = {driver!r}: {allowed}"
            )


def check_steering(motor: VescSettings | Pca9685Settings) -> None:
    """Raises ValueError for a servo that turns the wheels too little."""
    if motor.steer_reach_rad < STEER_REACH_MIN_RAD:
        of = "servo_gain" if isinstance(motor, VescSettings) else "servo_us_per_rad"
        raise ValueError(
            f"devices.motor: {of}: found {getattr(motor, of)}, allowed: with these ends and this middle of the servo's "
            f"way, what lets the wheels turn by {STEER_REACH_MIN_RAD} rad to either side"
        )


class BelievedFile(Protocol):
    """What any car's file tells of the car itself."""

    @property
    def car(self) -> str: ...
    @property
    def motor(self) -> VescSettings | Pca9685Settings: ...
    @property
    def actuation_s(self) -> float | None: ...


def name_drivers(told: dict[str, Any]) -> None:
    """Files written before devices had drivers have a table for each device."""
    for table, part, driver in (("vesc", "motor", "vesc"), ("lidar", "lidar", "rplidar")):
        if isinstance(told.get(table), dict):
            told.setdefault("devices", {})[part] = {"driver": driver, **told.pop(table)}


def load_car(name: str) -> CarFile:
    """A car by its name, or by the path of its file. Raises ValueError, as `read_robot`."""
    return read_robot(name, CarFile, name_drivers)


def believed_car(name: str) -> "CarParameters":
    """The car with a lidar, see `as_believed`. Raises ValueError, as `load_car`."""
    return as_believed(name, load_car(name))


def as_believed(name: str, told: "BelievedFile") -> "CarParameters":
    """The car that a robot's file says it is: the parameters of its field `car`, steering no further than its servo can.

    `car` is a name of `sim/car/data`, or the path of a parameter file: from the robot file's folder, or from here.

    Raises:
        ValueError: there is no such car, or something is wrong in its file.
    """
    from sim.car.model import load_parameters  # slow to import, and a guardian needs the devices alone

    path = robot_path(name)
    beside = path.parent / told.car
    try:
        car = load_parameters(beside if beside.is_file() else told.car)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    actuation_s = car.actuation_s if told.actuation_s is None else told.actuation_s
    return replace(car, steer_max_rad=min(car.steer_max_rad, told.motor.steer_reach_rad), actuation_s=actuation_s)
