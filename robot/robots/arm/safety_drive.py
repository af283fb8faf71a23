"""An arm at its work in one process, with all that drives it, on lockstep time: what stops are tried on by the hundred.

Nothing may fall: after it was stopped, the end of what it holds is nowhere faster than FALLING_M_S, by the simulator's truth, and
no servo is at its limit for longer than OVERLOADED_S.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.board_stage import BoardStage
from drivers.declared import make_driver
from drivers.emulators.virtual_arm import OVERLOADED_S, TRUTH, ArmTruth, VirtualArm
from policies.actor import Actor, initial_weights
from robot.practice.episodic_mind import Phase
from robot.robots.arm.arm_file import ArmFile, load_arm
from robot.robots.arm.devices import BoardDevice, FollowerDevice
from robot.robots.arm.hand_told import hand_told
from robot.robots.arm.hidden_arm import hidden_arm
from robot.robots.arm.mind import TICK_S, ArmMind
from robot.robots.arm.rest import ArmRest
from robot.robots.arm.robot import MINDS
from robot.robots.arm.setup import ArmSetup, told_by
from robot.robots.arm.way_home import WAY_HOME_S
from robot.runtime.clock import Clock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.robot import Device
from robot.runtime.robot_file import robot_path
from robot.safety.campaign.stops.drive import AdvancingClock, Drive, DriveCause, ask, die
from robot.safety.campaign.trials import Variant
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode

VIRTUAL, TASK = "virtual-arm", "peg_insert"
FALLING_M_S, MOVES_M_S = 0.15, 0.02
BRAKES_S = 0.3  # since it no longer works: what moved at its pace when it was stopped has come to a stand by then, or is led home
SHOWN = 1000  # demonstrations: it is stopped while a script works, in the hole and out of it
LOW_V, HOT_C = 9.9, 66.0  # of the supply; of a servo, which lets go by itself at 70


def seen_of(truth: ArmTruth, touches: int) -> Seen:
    """An arm, to a judge. Driven: it moves."""
    return Seen(truth.tip_m_s, truth.tip_m_s > MOVES_M_S, touches, 0.0)


class Plan:
    """What control has left for guardians."""

    def __init__(self, mind: ArmMind) -> None:
        self._mind = mind

    def read(self) -> tuple[int, np.ndarray] | None:
        plan = self._mind.stop_plan
        return (0, plan.copy()) if plan.ndim == 2 and plan[0, 0] else None


class ArmDrive(Drive):
    """One arm at its work. Where control has died, a guardian brings it home.

    verified: False, whoever stops lets the servos go, as drivers without a guardian do.
    """

    def __init__(self, model: VirtualArm, loop: ControlLoop, mind: ArmMind, follower: FollowerDevice, board: BoardDevice,
                 verified: bool) -> None:  # fmt: skip
        super().__init__(loop)
        self.model, self.mind, self.follower, self.board, self.verified = model, mind, follower, board, verified
        self.guardian: ArmRest | None = None
        self.stopped = False
        self.resting_s: float | None = None  # since when, stopped, it no longer works
        self.worst_m_s, self.falls, self.overloads = 0.0, 0, 0

    def tick(self) -> None:
        super().tick()
        if self.stopped and self.resting_s is None and not self.works:
            self.resting_s = self.time_s
        if self.resting_s is None or self.time_s < self.resting_s + BRAKES_S:
            return
        truth = self.truth
        self.falls += truth.tip_m_s > FALLING_M_S
        self.overloads += truth.overloaded_s > OVERLOADED_S
        self.worst_m_s = max(self.worst_m_s, truth.tip_m_s)

    @property
    def works(self) -> bool:
        """Whether control lives, and neither stands nor leads it home."""
        return self.dead_ticks < 0 and self.mind.outputs["mode"] == Mode.RUN and not self.mind.going_home

    def without_control(self) -> None:
        if self.dead_ticks <= self.noticed_ticks:
            return
        bus = self.follower.bus
        if not self.verified:
            bus.let_go()
            return
        if self.guardian is None:
            self.guardian = ArmRest(bus, Plan(self.mind))
        self.guardian.act()
        if self.guardian.at_rest:
            self.guardian.release()

    @property
    def truth(self) -> ArmTruth:
        return ArmTruth._make(TRUTH.unpack(self.model.state()))

    @property
    def practises(self) -> bool:
        return self.mind.phase is Phase.PRACTISE and self.mind.posture.known

    def seen(self) -> Seen:
        return seen_of(self.truth, self.falls + self.overloads)

    def forget_touches(self) -> None:
        self.stopped, self.resting_s, self.worst_m_s, self.falls, self.overloads = True, None, 0.0, 0, 0
        self.model.overloaded_s = 0.0

    @property
    def worst_touch_m_s(self) -> float:
        return self.worst_m_s

    def settle(self) -> None:
        self.model.advance(self.time_s)

    def flush(self) -> None:
        for line in self.model.lines.values():
            line.flush()


def start_drive(variant: Variant, seed: int, verified: bool, folder: Path) -> ArmDrive:
    """Let an arm insert its peg, a hidden one, as a script shows it."""
    arm = load_arm(VIRTUAL)
    rows, offset_m = hidden_arm(variant["hidden_seed"])
    model = VirtualArm(folder, [*arm.rest_rad, arm.hold_rad], seed, rows, offset_m)
    clock = AdvancingClock(model.advance)
    layers = MINDS[TASK].task.layers()
    actor = Actor(layers, initial_weights(layers, np.random.default_rng(seed)))
    mind = MINDS[TASK](setup_to_stop(arm, TASK, seed), actor)
    follower, board = open_arm(arm, folder, clock)
    return ArmDrive(
        model, started(clock, {"follower": follower, "board": board}, mind), mind, follower, board, verified
    )


def setup_to_stop(arm: ArmFile, task: str, seed: int) -> ArmSetup:
    """What the mind of an arm starts from that a script shows its task for as long as it takes."""
    return ArmSetup(
        seed=[seed, 1], explore=False, practice_s=3600.0, episodes=0, practice_done_s=0.0, step=0, episode=0, task=task,
        demonstrations=SHOWN, **told_by(arm), **hand_told(task),
    )  # fmt: skip


def open_arm(arm: ArmFile, folder: Path, clock: Clock) -> tuple[FollowerDevice, BoardDevice]:
    """Its servos and its stage, emulated in this process with their ports in a folder."""
    follower = FollowerDevice(make_driver(replace(arm.follower, port=str(folder / "follower")), clock))
    board = BoardDevice(BoardStage(replace(arm.board, port=str(folder / "board")), clock))
    for device in (follower, board):
        device.open()
    return follower, board


def started(clock: Clock, devices: Mapping[str, Device], mind: ArmMind) -> ControlLoop:
    """The loop around a mind and open devices."""
    loop = ControlLoop(clock, dict(devices), mind, np.zeros((), mind.records.readings), 1, TICK_S)
    loop.start()
    return loop


def real_file(name: str, ports: Mapping[str, str]) -> str:
    """The file of a virtual arm as that of a real one at these ports; its devices are in the file's order follower, board, camera."""
    told = robot_path(name).read_text().replace("virtual = true", "virtual = false")
    for device in ("follower", "board"):
        told = told.replace('port = "virtual"', f'port = "{ports[device]}"', 1)
    return told.replace("pipe:virtual", f"pipe:{ports.get('camera', '')}")


def _do(act: Callable[[ArmDrive], Any], lasts_s: float = 1.0) -> DriveCause:
    """Something that its devices do."""
    return DriveCause(act, lasts_s=lasts_s)


def _tear_out(drive: ArmDrive) -> None:
    drive.follower.bus.close()
    drive.model.chain.silent = True


def _silent_servo(drive: ArmDrive) -> None:
    drive.model.chain.servos[2].present = False


def _overheat(drive: ArmDrive) -> None:
    drive.model.chain.servos[1].temperature_c = HOT_C


CAUSES: dict[str, DriveCause] = {
    "Ctrl-C": replace(ask(1), lasts_s=WAY_HOME_S),
    "emergency stop": replace(ask(2), lasts_s=WAY_HOME_S),
    "control killed": replace(die(1), lasts_s=WAY_HOME_S),
    "control hangs": replace(die(4), lasts_s=WAY_HOME_S),
    "chain torn out": _do(_tear_out),
    "servos silent": _do(lambda drive: setattr(drive.model.chain, "silent", True)),
    "a servo silent": _do(_silent_servo),
    "board silent": _do(lambda drive: setattr(drive.model.stage.uart, "drop_rate", 1.0)),
    "voltage drops": _do(lambda drive: drive.model.shafts.set_supply(LOW_V), WAY_HOME_S),
    "a servo overheats": _do(_overheat, WAY_HOME_S),
}
