"""Drivers by the names that robots' files call them: what each is told, what it makes of it, what it delivers.

[devices.lidar]
driver = "rplidar"          # a name of DRIVERS, or of an entry point of the group `robot_practice.drivers`
port = "/dev/ttyUSB0"       # and whatever else its settings have
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import msgspec

ENTRY_POINTS = "robot_practice.drivers"
DRIVERS = {
    name: f"drivers.{name}"
    for name in (
        "vesc",
        "pca9685",
        "rplidar",
        "hokuyo",
        "ld19",
        "crazyflie",
        "motion_capture",
        "gamepad",
        "feetech",
        "dynamixel",
        "board_stage",
        "camera",
        "realsense",
    )
}  # name -> module with a DRIVER


@dataclass(frozen=True)
class Declared:
    """A driver. settings: a frozen dataclass, all of which a robot's file may tell; make: the driver, of settings and clock;
    reading: what one read gives; text: what it is, for people. It stands as DRIVER in the module of its settings.
    """

    name: str
    text: str
    settings: Any
    make: Callable[..., Any]
    reading: type


@cache
def find_driver(name: str) -> Declared:
    """The driver of a name. Raises ValueError if there is none."""
    if name in DRIVERS:
        own: Declared = import_module(DRIVERS[name]).DRIVER
        return own
    joined = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in joined:
        raise ValueError(f"driver: found {name!r}, allowed: {', '.join([*DRIVERS, *joined])}")
    found: Declared = joined[name].load()
    return found


def settings_of(table: dict[str, Any]) -> Any:
    """The settings of the driver that a device's table names, of the class that this driver declares.

    Raises ValueError for an unknown driver or field, one that is missing or of the wrong type, or a value that cannot be.
    """
    if not isinstance(table.get("driver"), str):
        raise ValueError(f"driver: found {table.get('driver')!r}, allowed: {', '.join(DRIVERS)}")
    kind = find_driver(table["driver"]).settings
    told = {name: value for name, value in table.items() if name != "driver"}
    known = {field.name: field.default is not MISSING for field in fields(kind)}
    for name in told:
        if name not in known:
            raise ValueError(f"found field {name}, allowed: {', '.join(known)}")
    for name, optional in known.items():
        if not optional and name not in told:
            raise ValueError(f"field {name} is missing")
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def driver_of(settings: Any) -> Declared:
    """The driver that these settings are of."""
    own: Declared = import_module(type(settings).__module__).DRIVER
    return own


def make_driver(settings: Any, clock: Any) -> Any:
    """The driver that these settings are of, made."""
    return driver_of(settings).make(settings, clock)
