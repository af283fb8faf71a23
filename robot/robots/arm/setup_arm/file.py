"""The robot's file with what was found in it: everything else stays as the owner had it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from policies.array_file import write_bytes_atomically
from robot.commissioning.values import Value
from robot.robots.arm.arm_file import ArmFile, load_arm
from robot.robots.arm.setup_arm.values import OF_CAMERA, OF_MOTORS
from robot.runtime.robot_file import robot_path
from sim.input_files import read_toml

POSTURES = ("rest_rad", "folded_rad", "ready_rad")
INWARDS_RAD = 0.12  # by which a posture may have to give way to an arm's own range


def is_arm_file(name: str) -> bool:
    """Whether a robot's file has an arm's tables. Raises ValueError if there is no such file."""
    devices = read_toml(robot_path(name)).get("devices")
    return isinstance(devices, dict) and "follower" in devices


def within_range(arm: ArmFile, low_rad: list[float], high_rad: list[float]) -> dict[str, list[float]]:
    """Postures that this arm reaches, as near to those of its file as they are. Raises ValueError where they are far."""
    told = {}
    for name in POSTURES:
        wanted = getattr(arm, name)
        told[name] = [
            round(min(max(angle, low), high), 4)
            for angle, low, high in zip(wanted, low_rad[:-1], high_rad[:-1], strict=True)
        ]
        for joint, (angle, reached) in enumerate(zip(wanted, told[name], strict=True)):
            if abs(angle - reached) > INWARDS_RAD:
                raise ValueError(
                    f"{name}: found {angle} for joint {joint}, allowed: what it reaches, {low_rad[joint]:.2f} to {high_rad[joint]:.2f}"
                )
    return told


def text_of(name: str, changes: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], values: list[Value]) -> str:
    """An arm's file with changes in it, at its top and in its devices' tables."""
    told = read_toml(robot_path(name))
    devices = told.pop("devices")
    told |= changes
    if told.get("lens"):  # is told from the folder of the file that names it
        told["lens"] = str((robot_path(name).parent / told["lens"]).resolve())
    for device, table in tables.items():
        devices[device] |= table
    text = "# Found by robot setup arm; the intervals hold the truth.\n"
    text += "".join(f"# {value.name}: {value.refused or value.text}\n" for value in values) + tomli_w.dumps(told)
    for part, table in devices.items():
        text += f"\n[devices.{part}]\n{tomli_w.dumps(table)}"
    return text


def write_arm_file(path: Path, text: str) -> ArmFile:
    """Write the file and read it again. Raises ValueError for what no arm can be."""
    write_bytes_atomically(path, [text.encode()])
    return load_arm(str(path))


def of_motors(values: list[Value]) -> dict[str, float]:
    """What is believed of its servos."""
    return {
        value.name: round(float(value.value), 5) for value in values if value.name in OF_MOTORS and not value.refused
    }


def of_camera(values: list[Value]) -> list[float]:
    """What the camera is wrong by; nothing where that is not known."""
    found = {value.name: float(value.value) for value in values if not value.refused}
    return [round(found.get(name, 0.0), 5) for name in OF_CAMERA]
