"""A virtual arm with a camera on its hand, who looks through it, and its mind: in one process, in lockstep."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.base import Driver
from drivers.board_stage import BoardStage
from drivers.camera import CameraSettings
from drivers.declared import make_driver
from drivers.emulators.virtual_arm import TRUTH, ArmTruth, VirtualArm
from drivers.feetech import feetech
from policies.actor import Actor, initial_weights
from policies.policy_file import load_policy
from robot.perception.encoder import Encoder
from robot.perception.frames import FrameWriter
from robot.perception.own_eyes import OwnEyes, OwnRecord
from robot.perception.perception import Eye, Perception
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.devices import BoardDevice, FollowerDevice
from robot.robots.arm.eyes.encoder_file import FORMS
from robot.robots.arm.hand_told import WORKS_ON
from robot.robots.arm.mind import TICK_S
from robot.robots.arm.practice import SHIPPED
from robot.robots.arm.robot import MINDS
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from tests.robot.robots.arm.arm_bench import setup

LATE_S = 0.15  # of a picture: from then on its camera is in trouble
ROBOT, TASK = "virtual-camera-arm", "peg_insert_by_camera"


class SeeingArmBench:
    """A clock that only `run` moves on. ticks: (READINGS, OUTPUTS) of all so far. keep: where pictures are kept. demonstrations: that a script
    shows first; a task without a policy that ships has one that has learned nothing."""

    def __init__(
        self, folder: Path, seed: int = 0, keep: Path | None = None, task: str = TASK, demonstrations: int = 0
    ) -> None:
        self.arm, self.time_s = load_arm(ROBOT), 0.0
        self.model = VirtualArm(
            folder, [*self.arm.rest_rad, self.arm.hold_rad], seed, {}, [0.0] * 3, WORKS_ON[task], camera_seed=seed
        )
        path, self.kind = SHIPPED / task / "policy.npz", MINDS[task]
        layers, rng = self.kind.task.layers(), np.random.default_rng(0)
        data, weights = (
            FORMS[task].beside(path),
            load_policy(path).weights if path.is_file() else initial_weights(layers, rng),
        )
        encoder, shown = Encoder(path, data), OwnRecord()
        camera = self.make_camera(folder)
        self.frames = None if keep is None else FrameWriter(keep, "lossless", data, encoder.size, None)
        self.perception = Perception(camera, Eye(encoder, None), shown, self, self.frames)
        self.told = setup(task, explore=False, hold_rad=self.arm.hold_rad, demonstrations=demonstrations)
        self.actor = Actor(layers, weights)
        follower = FollowerDevice(feetech(replace(self.arm.follower, port=str(folder / "follower")), self))
        board = BoardDevice(BoardStage(replace(self.arm.board, port=str(folder / "board")), self))
        eyes = DriverDevice(OwnEyes(self.perception, shown, encoder, self))
        self.devices = {"follower": follower, "board": board, "camera": eyes}
        for device in self.devices.values():
            device.open()
        self.life = 0
        self.live()
        self.ticks: list[tuple[np.ndarray, np.ndarray]] = []
        self.outcomes: list[str] = []

    def make_camera(self, folder: Path) -> Driver[Any]:
        """What looks from its hand."""
        return make_driver(CameraSettings(f"pipe:{folder / 'camera'}", late_s=LATE_S), self)

    def live(self) -> None:
        """Another life of control, which knows nothing of those before."""
        self.life, self.mind = self.life + 1, self.kind(self.told, self.actor)
        readings = np.zeros((), self.mind.records.readings)
        self.loop = ControlLoop(self, self.devices, self.mind, readings, self.life, TICK_S)
        self.loop.start()

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.time_s:
            self.model.advance(time_s)
            self.time_s = time_s

    @property
    def truth(self) -> ArmTruth:
        return ArmTruth._make(TRUTH.unpack(self.model.state()))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.loop.wait()
            self.loop.run_tick(0, True, 0, 0.0, self.mind.nothing)
            self.ticks.append((self.loop.readings.copy(), self.loop.outputs.copy()))
            self.outcomes += [told["outcome"] for kind, told in self.mind.events if kind == "episode"]

    def close(self) -> None:
        for device in self.devices.values():
            device.close()
        self.perception.close()
