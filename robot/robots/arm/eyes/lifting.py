"""An arm that lifts a block by the camera on its hand: it looks for the block first, and nobody else tells where that is.

The stage brings the block, and tells that it has, and the middle of where it brings blocks to; where it is, pictures say.
"""

import math

import numpy as np
from typing_extensions import override

from drivers.base import NEVER_S
from policies.actor import Actor
from robot.practice.episodic_mind import Phase
from robot.robots.arm.eyes.block_estimate import BlockEstimate
from robot.robots.arm.eyes.block_view import BLOCK
from robot.robots.arm.eyes.wrist_eyes import WristEyes, seeing_records
from robot.robots.arm.lifting import CLOSING_RAD, GRIPS, OPEN, LiftMind
from robot.robots.arm.setup import ArmSetup
from robot.tasks.lift import HELD_M
from robot.tasks.lift_by_camera import SPEC
from sim.arm.around_block import peg_end
from sim.arm.kinematics import ACROSS, APPROACH

LOOKS_FROM_M = 0.08  # over the middle of where blocks are brought to: from there it looks
UPRIGHT, NEAR_M = 0.85, 0.2  # of the hand, from that middle: from elsewhere, pictures mean nothing
KNOWS_M, PICTURES = 0.006, 8  # of the block, before it begins; and pictures, at least
LOOKS_S = 3.0  # then the stage is asked to bring it
AROUND_RAD = 0.03  # angle of the jaw above which something is between its fingers


class SeeingLiftMind(LiftMind):
    """Practises `robot/tasks/lift_by_camera.py`."""

    task, records = SPEC, seeing_records(SPEC)

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        self.block, self.eyes = BlockEstimate(), WristEyes(BLOCK.size)
        self.brought_s, self.brought = (
            0.0,
            -1,
        )  # since when it has been where the stage brought it, and how often that has brought it
        self.looked_s = 0.0  # for how long, since then
        self.hand_was: np.ndarray | None = None  # a tick before
        super().__init__(setup, actor)

    @override
    def see(self, readings: np.ndarray) -> np.ndarray | None:
        now, posture = float(readings["time_s"]), self.posture
        self.eyes.see(readings["camera"])
        self._look(now)
        seen = super().see(readings)
        self.eyes.remember(now, peg_end(posture.pose) if posture.known else None)
        if posture.known:
            self._grip()
        if self.board.moves != self.brought and self.board.age_s < NEVER_S:
            self.brought_s, self.brought, self.looked_s = now, self.board.moves, 0.0
            self.block.begin(np.array(self.board.place_m))
            self.find_block()
        self.blind = seen is None or self.eyes.blind
        return None if self.eyes.blind and self.phase is Phase.PRACTISE else seen

    def _look(self, now: float) -> None:
        """Take a new picture in: by where the hand was when it was taken."""
        pose = self.eyes.taken(now, self.brought_s)
        if pose is None or not -pose[APPROACH][2] > UPRIGHT:
            return
        if float(np.abs(pose[:3] - self.block.middle).max()) < NEAR_M:
            self.block.see(pose, *BLOCK.of(self.eyes.reading.embedding))

    def _grip(self) -> None:
        """What the hand grips moves with it."""
        posture, block = self.posture, self.block
        away = posture.pose[:3] - block.place
        jaw_rad, load = float(posture.joint_rad[-1]), abs(float(posture.load[-1]))
        grips = AROUND_RAD < jaw_rad < CLOSING_RAD and load > GRIPS
        block.gripped = grips and float((away * away).sum()) < HELD_M * HELD_M
        if block.gripped and self.hand_was is not None:
            was, now = self.hand_was[ACROSS], posture.pose[ACROSS]
            turn_rad = math.atan2(float(was[0] * now[1] - was[1] * now[0]), float(was[0] * now[0] + was[1] * now[1]))
            block.carry(posture.pose[:3] - self.hand_was[:3], turn_rad)
        self.hand_was = posture.pose.copy()

    @override
    def find_block(self) -> None:
        self.block_m[:], self.block_frame[:] = self.block.place, self.block.frame

    @property
    def knows_block(self) -> bool:
        return self.block.off_m < KNOWS_M and self.block.pictures >= PICTURES

    @override
    def put_down(self, seen: np.ndarray) -> np.ndarray | None:
        """As without a camera; but before the hand goes to where an episode begins, the block has to be seen: from over where blocks are brought to."""
        brought = self.board.moves >= self.moves
        if self.left and not self.leading and brought and self.begins_at is None and not self.knows_block:
            over = self.block.middle + np.array([0.0, 0.0, LOOKS_FROM_M])
            there, action = self._towards(over, self.upright(over), OPEN)
            self.looked_s += self.tick_s if there else 0.0
            if self.looked_s > LOOKS_S:
                self.moves, self.looked_s = self.moves + 1, 0.0
            return action
        self.looked_s = 0.0
        return super().put_down(seen)
