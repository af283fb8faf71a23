"""A robot's file: which one of its kind it is, and its devices, each with the settings of the driver that it names.

    virtual = false
    arm = "so101"                  # a field of the robot's kind

    [devices.follower]             # a part of the robot
    driver = "feetech"             # a name that drivers/declared.py knows
    port = "/dev/ttyACM0"          # a setting of that driver

What there may be is said by a frozen dataclass of the kind's: a field whose type is the settings of a driver, or of several
that fit, is a device; every other field stands by itself. A field with a default may be left out.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from drivers.declared import settings_of
from sim.input_files import read_toml

FileT = TypeVar("FileT")
ROBOTS = Path(__file__).parents[1] / "robots"
TABLES = dict[str, dict[str, Any]]


def robot_names() -> list[str]:
    """The robots that come with the project."""
    return sorted(path.stem for path in ROBOTS.glob("*/*.toml"))


def robot_path(name: str) -> Path:
    """The file of a robot: one of this project by its name, or any by its path. Raises ValueError if there is none."""
    path = next(ROBOTS.glob(f"*/{name}.toml"), Path(name)) if name in robot_names() else Path(name)
    if not path.is_file():
        raise ValueError(f"--robot: found '{name}', allowed: {', '.join(robot_names())} or the path of a TOML file")
    return path


def read_robot(name: str, kind: type[FileT], renew: Callable[[dict[str, Any]], None] = lambda told: None) -> FileT:
    """The file of a robot of this kind, by `robot_path`. renew: makes of an earlier version's tables what they are now.

    Raises:
        ValueError: no such robot, or a field or a device is missing, unknown or wrong; names file, device and field.
    """
    path = robot_path(name)
    told = read_toml(path)
    renew(told)
    hints = get_type_hints(kind)
    defaults = {f.name: f.default for f in fields(kind) if f.default is not MISSING}  # type: ignore[arg-type]
    fits = {part: found for part, hint in hints.items() if (found := drivers_settings(hint))}
    tables = converted(path, told.pop("devices", {}), TABLES, "devices: ")
    needed, optional = [part for part in fits if part not in defaults], [part for part in fits if part in defaults]
    if not set(needed) <= set(tables) <= set(fits):
        also = f"; allowed: {', '.join(optional)}" if optional else ""
        raise ValueError(f"{path}: devices: found {', '.join(tables) or 'none'}, needed: {', '.join(needed)}{also}")
    devices = {part: device_of(path, part, table, fits[part]) for part, table in tables.items()}
    own = [
        (name, hint, defaults[name]) if name in defaults else (name, hint)
        for name, hint in hints.items()
        if name not in fits
    ]
    plain = converted(path, told, msgspec.defstruct(kind.__name__, own, forbid_unknown_fields=True))
    try:
        return kind(**msgspec.structs.asdict(plain), **devices)
    except ValueError as error:  # of what no such robot can be
        raise ValueError(f"{path}: {error}") from error


def drivers_settings(hint: Any) -> tuple[type, ...]:
    """The classes of settings among what a field may hold; none of a field that is no device."""
    return tuple(each for each in (get_args(hint) or (hint,)) if is_dataclass(each) and isinstance(each, type))


def device_of(path: Path, part: str, table: dict[str, Any], fits: tuple[type, ...]) -> Any:
    """The settings in a device's table, of a driver that fits its part. Raises ValueError naming file, device and field."""
    try:
        settings = settings_of(table)
        if not isinstance(settings, fits):
            raise ValueError(f"driver: found {table['driver']!r}, which is no {part.replace('_', ' ')}")
    except ValueError as error:
        raise ValueError(f"{path}: devices.{part}: {error}") from error
    return settings


def converted(path: Path, told: Any, kind: Any, where: str = "") -> Any:
    """What a file holds, in its types. Raises ValueError."""
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {where}{error}") from error
