"""What is broken on a car with a camera, and how it is stopped: its part in the campaign of faults and stops."""

from pathlib import Path

import numpy as np

from drivers.emulators.virtual_car import VirtualCarConfig, start_virtual_car
from robot.practice.body import Emulator
from robot.robots.car.safety_drive import CAUSES, hidden
from robot.robots.car.shield.supervision import Reason
from robot.safety.campaign.stops.causes import GOING_ON, Cause, fault
from robot.safety.campaign.stops.drive import Drive, DriveCause
from robot.safety.campaign.trials import Fault, LockstepTrials, Rig, Variant, order
from robot.safety.supervisor import Mode

NOTICED_MS = 350.0  # until nothing drives it: the age at which a picture is stale, and the command's way
ROBOT_FILE = """virtual = false
car = "f1tenth"
[devices.motor]
driver = "vesc"
port = "{motor}"
[devices.camera]
driver = "camera"
source = "pipe:{camera}"
late_s = 0.15
"""
BLIND = (Reason.EYES_STALE, Reason.EYES_LOST)


def vice(name: str) -> Fault:
    """The camera does that, and stops doing it."""
    return Fault(f"camera {name}", order("camera", vice=name, on=True), order("camera", vice=name, on=False), Mode.STOP, BLIND,
                 NOTICED_MS, designed="pictures that are none renew no age: brakes; drives when there are new ones")  # fmt: skip


FAULTS = (
    Fault("camera torn out", order("unplug", device="camera"), order("plug", device="camera"), Mode.STOP, BLIND,
          NOTICED_MS, designed="brakes; drives when it is back"),
    *map(vice, ("frozen", "black", "covered")),
    Fault("camera late", order("late_camera", seconds=0.3), order("late_camera", seconds=0.0), Mode.STOP, BLIND,
          NOTICED_MS, designed="brakes; drives when pictures are new"),
)  # fmt: skip


def start_seeing(variant: Variant, seed: int, verified: bool, folder: Path) -> Drive:
    """See `robot.robots.car.eyes.safety_drive`: what it needs to see is loaded for a car that does."""
    from robot.robots.car.eyes import safety_drive

    return safety_drive.start_seeing(variant, seed, verified, folder)


def of_eyes(name: str) -> DriveCause:
    """One of `safety_drive.OF_EYES`."""

    def do(drive: Drive) -> None:
        from robot.robots.car.eyes.safety_drive import OF_EYES

        OF_EYES[name].do(drive)

    return DriveCause(do)


EYES = tuple(f"camera {what}" for what in ("torn out", "frozen", "black", "covered", "late"))
LOCKSTEP = LockstepTrials(
    start_seeing,
    {name: cause for name, cause in CAUSES.items() if not name.startswith("lidar")}
    | {name: of_eyes(name) for name in EYES},
)
PROCESS_CAUSES = (
    Cause("camera torn out", fault("unplug", device="camera")),
    *(Cause(f"camera {name}", fault("camera", vice=name, on=True)) for name in ("frozen", "black", "covered")),
    Cause("camera late", fault("late_camera", seconds=0.3)),
)
GOING_ON_SEEING = (*GOING_ON, *PROCESS_CAUSES)


def repair(car: Emulator) -> None:
    """Give it back its camera."""
    car.fault("plug", device="camera")
    car.fault("late_camera", seconds=0.0)
    for name in ("frozen", "black", "covered"):
        car.fault("camera", vice=name, on=False)


def rig(drawn: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
    """A virtual car with a camera, and the robot's file that names its ports."""
    hidden_seed, track = drawn["hidden_seed"], drawn["track"]
    changed = hidden(hidden_seed, drawn["grip_share"])
    car = start_virtual_car(
        VirtualCarConfig(track=track, clock="realtime", seed=seed, car=changed, camera_seed=hidden_seed)
    )
    robot = folder / "car.toml"
    robot.write_text(ROBOT_FILE.format(**car.ports))
    return Rig(car, {"robot": str(robot), "track": track}, {}, car.scheduling)
