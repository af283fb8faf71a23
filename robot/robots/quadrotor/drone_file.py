"""What a drone's file says."""

from dataclasses import dataclass
from typing import Any

from drivers.crazyflie import CrazyflieSettings
from drivers.motion_capture import MotionCaptureSettings
from robot.runtime.robot_file import read_robot


@dataclass(frozen=True)
class DroneFile:
    """One drone, as its TOML file in `robot/robots/quadrotor/` describes it.

    motion_capture: what it is sent its place by; otherwise it knows by itself where it is. quadrotor: which one it is, a name
    in `sim/quadrotor/data` or a path; empty: the one that a policy was trained for. positioning: of a virtual one, a system
    of `drivers.emulators.crazyflie_positioning`; empty: its usual one. wiring_seed: of a virtual one that somebody
    else has built (setup_drone/hidden_drone.py).
    """

    virtual: bool
    crazyflie: CrazyflieSettings
    motion_capture: MotionCaptureSettings | None = None
    quadrotor: str = ""
    positioning: str = ""
    wiring_seed: int | None = None

    def __post_init__(self) -> None:
        if self.wiring_seed is not None and (
            not self.virtual or not 0 <= self.wiring_seed < (1 << 63) or self.positioning
        ):
            raise ValueError(
                f"wiring_seed: found {self.wiring_seed}, allowed: 0 or more, with virtual = true, without positioning"
            )
        if self.positioning and (not self.virtual or self.motion_capture is not None):
            raise ValueError(f"positioning: found {self.positioning!r}, allowed with virtual = true and without "
                             "devices.motion_capture alone")  # fmt: skip


def name_drivers(told: dict[str, Any]) -> None:
    """Files written before devices had drivers have all in one table."""
    table = told.get("crazyflie")
    if not isinstance(table, dict):
        return
    del told["crazyflie"]
    devices = told.setdefault("devices", {})
    for name in ("quadrotor", "positioning"):
        if name in table:
            told[name] = table.pop(name)
    cameras = table.pop("motion_capture", None)
    if isinstance(cameras, dict):
        devices["motion_capture"] = {"driver": "motion_capture", **cameras}
    devices["crazyflie"] = {"driver": "crazyflie", **table}


def load_drone(name: str) -> DroneFile:
    """A drone by its name, or by the path of its file. Raises ValueError, as `read_robot`."""
    return read_robot(name, DroneFile, name_drivers)
