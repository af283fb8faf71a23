"""The drone's file with what was found in it: everything else stays as the owner had it."""

from pathlib import Path
from typing import Any

import tomli_w

from policies.array_file import write_bytes_atomically
from robot.commissioning.values import Value
from robot.robots.quadrotor.drone_file import load_drone, name_drivers
from robot.runtime.robot_file import robot_path
from sim.input_files import read_toml


def is_drone_file(name: str) -> bool:
    """Whether a robot's file has a drone's tables. Raises ValueError if there is no such file."""
    told = read_toml(robot_path(name))
    name_drivers(told)
    devices = told.get("devices")
    return isinstance(devices, dict) and "crazyflie" in devices


def write_drone_file(
    path: Path, name: str, found: dict[str, Any], values: list[Value], hidden_seed: int | None
) -> None:
    """found: uri and quadrotor, as they were found. Write the file and read it again. Raises ValueError for what no drone can be."""
    told = read_toml(robot_path(name))
    name_drivers(told)
    tables = told.pop("devices")
    told["quadrotor"] = found["quadrotor"]
    if told.get("virtual"):
        if hidden_seed is not None:
            told["wiring_seed"] = hidden_seed
            told.pop("positioning", None)
    else:
        tables["crazyflie"]["uri"] = found["uri"]
    text = "# Found by robot setup crazyflie; the intervals hold the truth.\n"
    text += "".join(f"# {value.name}: {value.refused or value.text}\n" for value in values) + tomli_w.dumps(told)
    for part, table in tables.items():
        text += f"\n[devices.{part}]\n{tomli_w.dumps(table)}"
    write_bytes_atomically(path, [text.encode()])
    load_drone(str(path))
