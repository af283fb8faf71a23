"""What an arm's file says."""

import math
from dataclasses import dataclass
from pathlib import Path

from drivers.board_stage import BoardStageSettings
from drivers.camera import CameraSettings
from drivers.dynamixel import DynamixelSettings
from drivers.feetech import FeetechSettings
from drivers.realsense import RealSenseSettings
from robot.runtime.robot_file import read_robot
from robot.tasks.peg_insert import CAMERA_OFFSET_M
from sim.arm.insertion import Spread

JOINTS = 6
CAMERA_M = Spread().seen_aside_m
OF_CAMERA = (
    ("camera_m", CAMERA_M, 0.02),
    ("camera_offset_m", CAMERA_OFFSET_M, 0.02),
    ("camera_turn_rad", 0.0, 0.2),
)  # usual; most
Three = tuple[float, float, float]
Five = tuple[float, float, float, float, float]
BELIEVED = ("stall_n_m", "friction_n_m", "gain_n_m_rad", "backlash_rad")  # of its servos: rows of the simulator


@dataclass(frozen=True)
class ArmFile:
    """One SO-101, as its TOML file in `robot/robots/arm/` describes it.

    leader: an arm that a person's hand moves, by which this one is shown how, and taken over.

    camera: on its hand, where it looks for the hole itself. lens: the path of that camera's lens file (`robot setup camera`), from the robot
    file's folder; empty: pictures are taken for what the encoder was trained on.

    rest_rad: joint angles at which the arm lies on itself, and may be let go. folded_rad: on the way there. ready_rad: from which it
    begins, clear of everything, and from which it can fold. box_low_m, box_high_m: where the end of what it holds may be, in the base's
    frame. hold_rad: the jaw's angle that holds it. low_v: with less, servos are short of power, and the arm lies down. table_m: how high the table is, or
    what stands lowest around the arm; no link before the hand comes near it. camera_m: of a virtual arm alone: what its camera
    is wrong by along the board, one standard deviation. camera_offset_m, camera_turn_rad: of a hidden one besides: what its camera is always
    wrong by at most, to either side, and turned by.

    stall_n_m, friction_n_m, gain_n_m_rad, backlash_rad: of its servos, measured: what its simulator believes, where practice begins.
    wiring_seed, wiring: of a virtual arm that somebody else has built (setup_arm/hidden_wiring.py), and the file of what its servos keep.
    """

    virtual: bool
    follower: FeetechSettings | DynamixelSettings
    board: BoardStageSettings
    leader: FeetechSettings | DynamixelSettings | None = None
    camera: CameraSettings | RealSenseSettings | None = None
    lens: str = ""
    rest_rad: Five = (0.0, -1.68, 1.63, 1.5, 0.0)
    folded_rad: Five = (0.0, -1.68, 1.63, 0.6, 0.0)
    ready_rad: Five = (0.0, 0.195, 0.163, 1.213, 0.047)
    box_low_m: Three = (0.12, -0.14, -0.08)
    box_high_m: Three = (0.36, 0.14, 0.08)
    hold_rad: float = 0.0
    low_v: float = 10.2
    table_m: float = -0.08
    camera_m: float = CAMERA_M
    camera_offset_m: float = CAMERA_OFFSET_M
    camera_turn_rad: float = 0.0
    stall_n_m: float | None = None
    friction_n_m: float | None = None
    gain_n_m_rad: float | None = None
    backlash_rad: float | None = None
    wiring_seed: int | None = None
    wiring: str = ""

    def __post_init__(self) -> None:
        for name, bus in (("follower", self.follower), ("leader", self.leader)):
            if bus is not None and len(bus.ids) != JOINTS:
                raise ValueError(f"devices.{name}: ids: found {len(bus.ids)}, allowed: {JOINTS}, from the base on")
        if self.leader is not None and not self.virtual and self.leader.port == self.follower.port:
            raise ValueError(
                f"devices.leader: port: found '{self.leader.port}', the follower's, allowed: that of an adapter of its own"
            )
        wired = isinstance(self.leader, FeetechSettings) and tuple(self.leader.ids) == tuple(range(1, JOINTS + 1))
        if self.leader is not None and self.virtual and not wired:
            raise ValueError(
                f"devices.leader: found {type(self.leader).__name__} with ids {list(self.leader.ids)}, allowed of a virtual arm: the driver "
                f"feetech with ids 1 to {JOINTS}, from the base on: no other leader is emulated"
            )
        if self.virtual and isinstance(self.camera, RealSenseSettings):
            raise ValueError(
                "devices.camera: driver: found 'realsense', allowed of a virtual arm: camera, which is emulated"
            )
        if self.lens and self.camera is None:
            raise ValueError(f"lens: found '{self.lens}', allowed: with [devices.camera]")
        for name in ("rest_rad", "folded_rad", "ready_rad"):
            for joint, angle in enumerate(getattr(self, name)):
                low, high = self.follower.low_rad[joint], self.follower.high_rad[joint]
                if not low <= angle <= high:
                    raise ValueError(f"{name}: found {angle} for joint {joint}, allowed: {low} to {high}, its range")
        low, high = self.follower.low_rad[-1], self.follower.high_rad[-1]
        if not low <= self.hold_rad <= high:
            raise ValueError(f"hold_rad: found {self.hold_rad}, allowed: {low} to {high}, the jaw's range")
        if not 0.0 <= self.low_v < math.inf:
            raise ValueError(f"low_v: found {self.low_v}, allowed: 0 or more")
        if not math.isfinite(self.table_m):
            raise ValueError(f"table_m: found {self.table_m}, allowed: a finite number")
        for name, usual, most in OF_CAMERA:
            value = getattr(self, name)
            if not 0.0 <= value <= most:
                raise ValueError(f"{name}: found {value}, allowed: 0 to {most}")
            if not self.virtual and value != usual:
                raise ValueError(f"{name}: found {value}, allowed: with a virtual arm; of a real one nobody sets it")
            if self.camera is not None and value != usual:
                raise ValueError(
                    f"{name}: found {value}, allowed: without [devices.camera]: it is of the camera beside the board"
                )
        for name in BELIEVED:
            value = getattr(self, name)
            least_is_zero = name in ("friction_n_m", "backlash_rad")
            if value is not None and not (math.isfinite(value) and (value > 0.0 or (least_is_zero and value == 0.0))):
                raise ValueError(f"{name}: found {value}, allowed: {'0 or more' if least_is_zero else 'above 0'}")
        if (self.wiring_seed is not None or self.wiring) and not self.virtual:
            raise ValueError("wiring_seed, wiring: found them, allowed with virtual = true alone")
        if self.wiring and not Path(self.wiring).is_file():
            raise ValueError(
                f"wiring: found '{self.wiring}', allowed: the file of what a virtual arm's servos keep, of its set-up"
            )
        if self.wiring_seed is not None and not 0 <= self.wiring_seed < 1 << 63:
            raise ValueError(f"wiring_seed: found {self.wiring_seed}, allowed: 0 or more")
        for axis, (low, high) in enumerate(zip(self.box_low_m, self.box_high_m, strict=True)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(
                    f"box_low_m, box_high_m: found {low}, {high} for axis {axis}, allowed: the lower one first"
                )

    @property
    def virtual_wiring(self) -> str:
        """What a virtual arm is started with. Raises ValueError for one on a bus of which only a set-up knows how it is wired."""
        if self.virtual and not self.wiring and not isinstance(self.follower, FeetechSettings):
            raise ValueError(
                "wiring: found nothing, allowed, of a virtual arm on this bus: the file that robot setup arm writes"
            )
        return self.wiring

    @property
    def believed(self) -> dict[str, float]:
        """Rows of the simulator that were measured of this arm."""
        return {name: value for name in BELIEVED if (value := getattr(self, name)) is not None}


def load_arm(name: str) -> ArmFile:
    """An arm by its name, or by the path of its file. Raises ValueError, as `read_robot`."""
    return read_robot(name, ArmFile)
