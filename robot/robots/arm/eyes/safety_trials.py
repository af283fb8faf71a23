"""What is broken on an arm with a camera on its hand, and how it is stopped: its part in the campaign of faults and stops."""

from pathlib import Path

import numpy as np

from drivers.emulators.virtual_arm import start_virtual_arm
from robot.practice.body import Emulator
from robot.practice.episodic_mind import Reason
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.hidden_arm import hidden_arm
from robot.robots.arm.safety_drive import CAUSES, real_file
from robot.safety.campaign.stops.causes import Cause, both, fault, kill
from robot.safety.campaign.stops.drive import Drive, DriveCause
from robot.safety.campaign.trials import Fault, LockstepTrials, Rig, Variant, order
from robot.safety.supervisor import Mode

VIRTUAL = "virtual-camera-arm"
STANDS_MS = 1000.0  # 0.2 s until a picture is too old, and what moved comes to a stand
LATE_S = 0.3
VICES = ("frozen", "black", "covered")
EYES = tuple(f"camera {what}" for what in ("torn out", *VICES, "late"))


def vice(name: str) -> Fault:
    """The camera does that, and stops doing it."""
    return Fault(f"camera {name}", order("camera", vice=name, on=True), order("camera", vice=name, on=False), Mode.STOP, (Reason.BLIND,),
                 STANDS_MS, hold_s=0.5, designed="pictures that are none renew no age: holds; goes on when there are new ones")  # fmt: skip


FAULTS = (
    Fault("camera torn out", order("unplug", device="camera"), order("plug", device="camera"), Mode.STOP, (Reason.BLIND,),
          STANDS_MS, hold_s=0.5, designed="holds; goes on when it is back"),
    *map(vice, VICES),
    Fault("camera late", order("late_camera", seconds=LATE_S), order("late_camera", seconds=0.0), Mode.STOP, (Reason.BLIND,),
          STANDS_MS, hold_s=0.5, designed="holds; goes on when pictures are new"),
)  # fmt: skip


def start_seeing(variant: Variant, seed: int, verified: bool, folder: Path) -> Drive:
    """See `robot.robots.arm.eyes.safety_drive`: what it needs to see is loaded for an arm that does."""
    from robot.robots.arm.eyes import safety_drive

    return safety_drive.start_seeing(variant, seed, verified, folder)


def of_eyes(name: str) -> DriveCause:
    """One of `safety_drive.OF_EYES`."""

    def do(drive: Drive) -> None:
        from robot.robots.arm.eyes.safety_drive import OF_EYES

        OF_EYES[name].do(drive)

    return DriveCause(do, lasts_s=1.0)


LOCKSTEP = LockstepTrials(start_seeing, CAUSES | {name: of_eyes(name) for name in EYES})
BROKEN = {
    "camera torn out": fault("unplug", device="camera"),
    **{f"camera {name}": fault("camera", vice=name, on=True) for name in VICES},
    "camera late": fault("late_camera", seconds=LATE_S),
}
PROCESS_CAUSES = (
    *(Cause(name, broken) for name, broken in BROKEN.items()),
    *(Cause(f"{name}, kill -9 control", both(broken, kill("control"))) for name, broken in BROKEN.items()),
)


def repair(arm: Emulator) -> None:
    """Give it back its camera."""
    arm.fault("plug", device="camera")
    arm.fault("late_camera", seconds=0.0)
    for name in VICES:
        arm.fault("camera", vice=name, on=False)


def rig(drawn: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
    """A virtual arm with a camera, and the robot's file that names its ports."""
    arm, hidden_seed = load_arm(VIRTUAL), drawn["hidden_seed"]
    emulated = start_virtual_arm(
        "realtime", [*arm.rest_rad, arm.hold_rad], seed, *hidden_arm(hidden_seed), camera_seed=hidden_seed
    )
    robot = folder / "arm.toml"
    robot.write_text(real_file(VIRTUAL, emulated.ports))
    return Rig(emulated, {"robot": str(robot)})
