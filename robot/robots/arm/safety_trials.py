"""What is broken on an arm while it practises, how it is stopped, and what must follow: it holds where it is, and nothing falls."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.emulators.virtual_arm import ArmTruth, start_virtual_arm
from robot.practice.body import Emulator
from robot.practice.episodic_mind import Reason
from robot.robots.arm.arm_file import JOINTS, load_arm
from robot.robots.arm.eyes import safety_trials as eyes
from robot.robots.arm.hidden_arm import hidden_arm
from robot.robots.arm.safety_drive import (
    BRAKES_S,
    CAUSES,
    FALLING_M_S,
    HOT_C,
    LOW_V,
    VIRTUAL,
    real_file,
    seen_of,
    start_drive,
)
from robot.robots.arm.way_home import WAY_HOME_S
from robot.safety.campaign.stops.causes import ENDING, GOING_ON, Cause, both, fault, kill, pause
from robot.safety.campaign.stops.held_up import HeldUp
from robot.safety.campaign.trials import Fault, LockstepTrials, Rig, SafetyTrials, StopTrials, Variant, order
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode

WORKS_M_S = 0.5  # no arm at its work is as fast; one that is let go from where it works is
COOL_C = 25.0  # a servo that nobody has used
WATCHED_S = WAY_HOME_S + 2.0  # a guardian's way home, and what follows when the arm is let go
MOVING_M_S = 0.03
BLIND_MS = 1000.0  # for an arm that no longer sees itself to stand: its servos keep their last goals


def see(truth: ArmTruth) -> Seen:
    """The truth, to a judge."""
    return seen_of(truth, int(truth.overloads))


def variant(number: int, rng: np.random.Generator) -> Variant:
    """A hidden arm."""
    return {"hidden_seed": int(rng.integers(1, 2**31))}


def rig(drawn: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
    """A virtual arm that belongs to the judge, and the robot's file that names its ports."""
    arm = load_arm(VIRTUAL)
    emulated = start_virtual_arm("realtime", [*arm.rest_rad, arm.hold_rad], seed, *hidden_arm(drawn["hidden_seed"]))
    robot = folder / "arm.toml"
    robot.write_text(real_file(VIRTUAL, emulated.ports))
    return Rig(emulated, {"robot": str(robot)})


def repair(arm: Emulator) -> None:
    """Give it back its cables and its supply, and let its servos cool."""
    arm.fault("plug", device="follower")
    arm.fault("plug", device="board")
    arm.fault("silence", on=False)
    arm.fault("supply", volts=12.0)
    for joint in range(JOINTS):
        arm.fault("servo", joint=joint, on=True)
        arm.fault("overheat", joint=joint, degrees=COOL_C)


PARTS = {
    "a servo silent": fault("servo", joint=2, on=False),
    "voltage drops": fault("supply", volts=LOW_V),
    "a servo overheats": fault("overheat", joint=1, degrees=HOT_C),
}
STOPS = StopTrials(
    variant=variant,
    rig=rig,
    repair=repair,
    going_on=(
        *(replace(each, hurts=False) for each in GOING_ON),  # guardians lead it home: how soon it stands says nothing
        Cause("chain torn out", fault("unplug", device="follower")),
        Cause("board torn out", fault("unplug", device="board")),
        Cause("servos silent", fault("silence", on=True)),
        *(Cause(name, broken) for name, broken in PARTS.items()),
        *(Cause(f"{name}, kill -9 control", both(broken, kill("control"))) for name, broken in PARTS.items()),
        *(Cause(f"{name}, SIGSTOP control", both(broken, pause("control"))) for name, broken in PARTS.items()),
    ),
    ending=(
        *(replace(each, hurts=False) for each in ENDING),
        *(Cause(f"{name}, Ctrl-C", both(broken, lambda job: job.type(b"\x03"))) for name, broken in PARTS.items()),
    ),
    watched_s=WATCHED_S,
    held_up=HeldUp(WORKS_M_S, FALLING_M_S, BRAKES_S),
    lockstep=LockstepTrials(start_drive, CAUSES),
)


def repair_seeing(arm: Emulator) -> None:
    """Give it back its camera as well."""
    repair(arm)
    eyes.repair(arm)


TRIALS = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=MOVING_M_S,
    stops=STOPS,
    robots=(VIRTUAL,),
    others={
        eyes.VIRTUAL: SafetyTrials(
            see=see,
            reasons=Reason,
            moving_m_s=MOVING_M_S,
            stops=replace(
                STOPS, rig=eyes.rig, repair=repair_seeing, going_on=(*STOPS.going_on, *eyes.PROCESS_CAUSES), lockstep=eyes.LOCKSTEP
            ),
            faults=eyes.FAULTS,
        )
    },
    faults=(
        Fault("servos silent", order("silence", on=True), order("silence", on=False), Mode.STOP, (Reason.BLIND,), BLIND_MS,
              hold_s=0.5, designed="holds; goes on when all are heard"),
        Fault("one servo's cable", order("servo", joint=2, on=False), order("servo", joint=2, on=True), Mode.STOP, (Reason.BLIND,),
              BLIND_MS, hold_s=0.5, designed="holds; goes on when all are heard"),
        Fault("cable of the chain", order("unplug", device="follower"), order("plug", device="follower"), Mode.STOP,
              (Reason.BLIND,), BLIND_MS, hold_s=0.5, designed="holds; opens the port again and goes on"),
        Fault("cable of the board", order("unplug", device="board"), order("plug", device="board"), Mode.STOP, (Reason.BLIND,),
              BLIND_MS, hold_s=0.5, designed="holds; opens the port again and goes on"),
        Fault("voltage drops", order("supply", volts=10.5), order("supply", volts=12.0), Mode.RUN, (), None, stops=False,
              designed="goes on, weaker"),
    ),
)  # fmt: skip
