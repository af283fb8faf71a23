"""Whether an arm has a camera on its hand: known before its file is read as an arm's."""

from pathlib import Path

from robot.runtime.robot_file import robot_names, robot_path
from sim.input_files import read_toml

BY_CAMERA, LIFT_BY_CAMERA = "peg_insert_by_camera", "lift_by_camera"  # tasks
SEEING = {"peg_insert": BY_CAMERA, "lift": LIFT_BY_CAMERA}  # what a task means with a camera on the hand
CAMERA = "camera"


def has_eyes(name: str) -> bool:
    """Whether a robot's file declares a camera; one that is not there, whoever reads it misses. Raises ValueError for what is no TOML."""
    if name not in robot_names() and not Path(name).is_file():
        return False
    devices = read_toml(robot_path(name)).get("devices", {})
    return isinstance(devices, dict) and CAMERA in devices
