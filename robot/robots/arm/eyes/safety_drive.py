"""An arm with a camera on its hand at its work in one process, with all that sees for it: what its stops are tried on."""

from pathlib import Path

import numpy as np

from drivers.camera import PIPE, CameraSettings
from drivers.declared import make_driver
from drivers.emulators.virtual_arm import VirtualArm
from policies.actor import Actor, initial_weights
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.own_eyes import OwnEyes, OwnRecord, TornOut, empty_pipe
from robot.perception.perception import Eye, Perception
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.devices import BoardDevice, FollowerDevice
from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY
from robot.robots.arm.eyes.mind import SeeingInsertionMind
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA
from robot.robots.arm.hidden_arm import hidden_arm
from robot.robots.arm.safety_drive import ArmDrive, open_arm, setup_to_stop, started
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.safety.campaign.stops.drive import AdvancingClock, DriveCause
from robot.safety.campaign.trials import Variant

VIRTUAL = "virtual-camera-arm"
LATE_S = 0.3


class SeeingArmDrive(ArmDrive):
    """One arm that inserts by its camera. pipe: the camera's."""

    def __init__(self, model: VirtualArm, loop: ControlLoop, mind: SeeingInsertionMind, follower: FollowerDevice, board: BoardDevice,
                 verified: bool, eyes: OwnEyes, pipe: Path) -> None:  # fmt: skip
        super().__init__(model, loop, mind, follower, board, verified)
        self.eyes, self.pipe = eyes, pipe

    def settle(self) -> None:
        super().settle()
        self.eyes.read()  # so that a fork begins between two pictures

    def flush(self) -> None:
        for name in ("follower", "board"):
            self.model.lines[name].flush()
        empty_pipe(self.pipe)

    def close(self) -> None:
        super().close()
        self.eyes.perception.close()


def start_seeing(variant: Variant, seed: int, verified: bool, folder: Path) -> SeeingArmDrive:
    """Let an arm insert its peg, a hidden one with a look of its own, as a script shows it where pictures say that the hole is."""
    arm, hidden_seed = load_arm(VIRTUAL), variant["hidden_seed"]
    rows, offset_m = hidden_arm(hidden_seed)
    model = VirtualArm(folder, [*arm.rest_rad, arm.hold_rad], seed, rows, offset_m, camera_seed=hidden_seed)
    clock = AdvancingClock(model.advance)
    layers = SeeingInsertionMind.task.layers()
    actor = Actor(layers, initial_weights(layers, np.random.default_rng(seed)))
    mind = SeeingInsertionMind(setup_to_stop(arm, BY_CAMERA, seed), actor)
    follower, board = open_arm(arm, folder, clock)
    pipe, encoder, shown = folder / "camera", Encoder(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE)), OwnRecord()
    assert isinstance(arm.camera, CameraSettings)
    camera = make_driver(CameraSettings(f"{PIPE}{pipe}", late_s=arm.camera.late_s), clock)
    eyes = OwnEyes(Perception(camera, Eye(encoder, None), shown, clock), shown, encoder, clock)
    eyes.open()
    loop = started(clock, {"follower": follower, "board": board, "camera": DriverDevice(eyes)}, mind)
    return SeeingArmDrive(model, loop, mind, follower, board, verified, eyes, pipe)


def _tear_out(drive: SeeingArmDrive) -> None:
    drive.eyes.perception.camera = TornOut()


def camera_has(vice: str) -> DriveCause:
    """One of the camera's vices begins."""
    return DriveCause(lambda drive: drive.model.camera.fault(vice, True), lasts_s=1.0)


OF_EYES: dict[str, DriveCause] = {
    "camera torn out": DriveCause(_tear_out, lasts_s=1.0),
    "camera frozen": camera_has("frozen"),
    "camera black": camera_has("black"),
    "camera covered": camera_has("covered"),
    "camera late": DriveCause(lambda drive: drive.model.camera.be_late(LATE_S), lasts_s=1.0),
}
