"""A virtual arm, its devices and its mind in one process, in lockstep."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.board_stage import BoardStage
from drivers.emulators.virtual_arm import TRUTH, ArmTruth, VirtualArm
from drivers.feetech import feetech
from policies.actor import Actor, initial_weights
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.devices import BoardDevice, FollowerDevice, LeaderDevice
from robot.robots.arm.hand_told import WORKS_ON, hand_told
from robot.robots.arm.mind import TICK_S, ArmMind
from robot.robots.arm.robot import MINDS
from robot.robots.arm.setup import ArmSetup, told_by
from robot.runtime.control_loop import ControlLoop
from sim.arm.kinematics import PLACE, Kinematics

ARM = load_arm("virtual-arm")
IN_M = 0.002  # beside a hole's axis: what is lower than its board there is in it


def setup(task: str = "peg_insert", **changes: Any) -> ArmSetup:
    """Of a life that practises without end."""
    told = ArmSetup(
        seed=[0, 1], explore=True, practice_s=1e9, episodes=0, practice_done_s=0.0, step=0, episode=0, task=task,
        **told_by(ARM), **hand_told(task),
    )  # fmt: skip
    return replace(told, **changes)


def mind_of(told: ArmSetup) -> ArmMind:
    """With a policy that has learned nothing."""
    kind = MINDS[told.task]
    layers = kind.task.layers()
    return kind(told, Actor(layers, initial_weights(layers, np.random.default_rng(0))))


class ArmBench:
    """A clock that only `ticks` moves on."""

    def __init__(self, folder: Path, told: ArmSetup, seed: int = 0) -> None:
        leads = bool(told.leader_low_rad)
        self.model = VirtualArm(
            folder, [*ARM.rest_rad, ARM.hold_rad], seed, {}, [0.0, 0.0, 0.0], WORKS_ON[told.task], leader=leads
        )
        self.time_s, self.life = 0.0, 0
        self.follower = FollowerDevice(feetech(replace(ARM.follower, port=str(folder / "follower")), self))
        self.board = BoardDevice(BoardStage(replace(ARM.board, port=str(folder / "board")), self))
        devices: dict[str, Any] = {"follower": self.follower, "board": self.board}
        if leads:
            devices["leader"] = LeaderDevice(feetech(replace(ARM.follower, port=str(folder / "leader")), self))
        self.devices = devices
        for device in devices.values():
            device.open()
        self.live(told)
        self.events: list[tuple[str, dict[str, Any]]] = []

    def live(self, told: ArmSetup) -> None:
        """Another life of control, which knows nothing of those before."""
        self.life, self.mind = self.life + 1, mind_of(told)
        readings = np.zeros((), self.mind.records.readings)
        self.loop = ControlLoop(self, self.devices, self.mind, readings, self.life, TICK_S)
        self.loop.start()

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.time_s:
            self.model.advance(time_s)
            self.time_s = time_s

    def ticks(self, seconds: float, order: int = 0) -> Iterator[ArmMind]:
        """The mind after each tick, until the time is over or it has finished."""
        for _ in range(round(seconds / TICK_S)):
            self.loop.wait()
            self.loop.run_tick(order, True, 0, 0.0, self.mind.nothing)
            self.events += self.mind.events
            yield self.mind
            if self.mind.outputs["finished"]:
                return

    def run(self, seconds: float, order: int = 0) -> None:
        """So long."""
        for _ in self.ticks(seconds, order):
            pass

    def inserts(self, deep_m: float, seconds: float = 30.0) -> Iterator[ArmMind]:
        """The mind after each tick, until its peg is so deep in the hole."""
        for mind in self.ticks(seconds):
            yield mind
            x, y, z = self.truth[1:4]
            if z < -deep_m and x * x + y * y < IN_M * IN_M:
                return
        raise AssertionError("it does not insert")

    @property
    def goal_m(self) -> np.ndarray:
        """Where the peg's end would be by the goals that the servos follow, (3,), in the hole's true frame."""
        hole, kinematics = self.model.world.goal, Kinematics(self.model.kinematics.hand)
        pose = kinematics.look(self.model.shafts.batch.first("goal_rad"))
        along: np.ndarray = hole.frame.T @ (pose[PLACE] - hole.place_m)
        return along

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Events of a kind so far."""
        return [fields for name, fields in self.events if name == kind]

    @property
    def truth(self) -> ArmTruth:
        return ArmTruth._make(TRUTH.unpack(self.model.state()))


@contextmanager
def bench(folder: Path, told: ArmSetup | None = None, seed: int = 0) -> Iterator[ArmBench]:
    """One, whose ports are closed at the end."""
    made = ArmBench(folder, told or setup(), seed)
    try:
        yield made
    finally:
        for device in made.devices.values():
            device.close()
        for line in made.model.lines.values():
            line.unplug()
