"""The robot's file with what was measured in it: everything else stays as the owner had it."""

from pathlib import Path
from typing import Any

import tomli_w

from policies.array_file import write_bytes_atomically
from robot.robots.car.car_file import load_car, name_drivers
from robot.robots.car.setup_car.values import FIELDS_OF_LIDAR, Value
from robot.runtime.robot_file import robot_path
from sim.input_files import read_toml

OF_BODY = ("actuation_s",)


def is_car_file(name: str) -> bool:
    """Whether a robot's file has a car's tables. Raises ValueError if there is no such file."""
    told = read_toml(robot_path(name))
    name_drivers(told)
    devices = told.get("devices")
    return isinstance(devices, dict) and "motor" in devices


def file_of(name: str) -> dict[str, Any]:
    """A car's file as it is, its devices in tables of the present form, what it believes in by a path that holds anywhere."""
    path = robot_path(name)
    told = read_toml(path)
    name_drivers(told)
    beside = path.parent / str(told["car"])
    if beside.is_file():
        told["car"] = str(beside.resolve())
    return told


def write_car_file(path: Path, told: dict[str, Any], values: list[Value], wiring_seed: int | None) -> None:
    """Write the file and read it again. Raises ValueError for what no car can be."""
    devices = told["devices"]
    for value in values:
        table = (
            devices["lidar"] if value.name in FIELDS_OF_LIDAR else told if value.name in OF_BODY else devices["motor"]
        )
        if not value.refused:
            table[value.name] = value.value if isinstance(value.value, bool) else round(value.value, 5)
    if wiring_seed is not None:
        told["wiring_seed"] = wiring_seed
    tables = {part: told["devices"].pop(part) for part in list(told["devices"])}
    del told["devices"]
    text = "# Measured by robot setup car; the intervals hold the truth.\n" + tomli_w.dumps(told)
    for part, table in tables.items():
        text += f"\n[devices.{part}]\n{tomli_w.dumps(table)}"
    remarks = {value.name: f"not believed, {value.refused}" if value.refused else value.text for value in values}
    lines = []
    for line in text.splitlines():
        name = line.split(" = ")[0]
        lines.append(f"{line}  # {remarks[name]}" if name in remarks else line)
    write_bytes_atomically(path, ["\n".join([*lines, ""]).encode()])
    load_car(str(path))
