"""An arm that inserts its peg by the camera on its hand: it looks for the hole first, and nobody else tells where that is.

The stage moves the board, and tells that it has; where it stands, pictures say.
"""

import numpy as np
from typing_extensions import override

from policies.actor import Actor
from robot.practice.episodic_mind import Phase
from robot.robots.arm.eyes.frame_success import succeeded
from robot.robots.arm.eyes.hole_estimate import HoleEstimate
from robot.robots.arm.eyes.wrist_eyes import WristEyes, seeing_records
from robot.robots.arm.eyes.wrist_view import SIZE, told_of
from robot.robots.arm.insertion import InsertionMind
from robot.robots.arm.setup import ArmSetup
from robot.runtime.episodes import Outcome
from robot.tasks import peg_insert
from robot.tasks.peg_insert_by_camera import SPEC
from sim.arm.kinematics import APPROACH

LOOKS_FROM_M, LOOKS_WITHIN_M = 0.05, 0.012  # over the middle of where boards stand: from there it looks
UPRIGHT, NEAR_M = 0.85, 0.07  # of the hand, from that middle: from elsewhere, pictures mean nothing
KNOWS_M, PICTURES = 0.004, 8  # of the hole, before it begins; and pictures, at least
LOOKS_S = 3.0  # then it begins, however much it knows


class SeeingInsertionMind(InsertionMind):
    """Practises `robot/tasks/peg_insert_by_camera.py`."""

    task, records = SPEC, seeing_records(SPEC)

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        self.hole = HoleEstimate()
        self.eyes = WristEyes(SIZE)
        self.stood_s, self.stood_at = 0.0, 0  # since when the board has stood where it is, and its place's number
        self.looked_s = 0.0  # for how long, in this reset
        self.looked = False
        super().__init__(setup, actor)

    @override
    def see(self, readings: np.ndarray) -> np.ndarray | None:
        now = float(readings["time_s"])
        self.eyes.see(readings["camera"])
        self._look(now)
        seen = super().see(readings)
        self.eyes.remember(now, self.posture.pose if self.posture.known else None)
        if self.board.moves != self.stood_at:
            self.stood_s, self.stood_at = now, self.board.moves
            self.hole.begin()
        return None if self.eyes.blind and self.phase is Phase.PRACTISE else seen

    @override
    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        """By the picture, where a classifier says what a success is; without a new one none is seen."""
        if len(self.success) == 0:
            return super().judge(seen)
        done = not self.eyes.blind and succeeded(self.success, self.eyes.reading.embedding)
        return peg_insert.rewarded(done), Outcome.SUCCESS if done else Outcome.RUNNING

    def _look(self, now: float) -> None:
        """Take a new picture in: by where the hand was when it was taken."""
        pose = self.eyes.taken(now, self.stood_s)
        if (
            pose is not None
            and -pose[APPROACH][2] > UPRIGHT
            and float(np.abs(pose[:3] - self.hole.middle).max()) < NEAR_M
        ):
            self.hole.see(pose, *told_of(self.eyes.reading.embedding))

    @override
    def find_hole(self) -> None:
        self.place[:], self.frame[:] = self.hole.place, self.hole.frame

    @property
    @override
    def knows_hole(self) -> bool:
        return self.hole.pictures >= PICTURES

    @override
    def learn_where_it_was(self) -> None:
        """Nothing: what a camera on a hand is always wrong by turns with the hand."""

    @override
    def anew(self) -> None:
        super().anew()
        self.looked, self.looked_s = False, 0.0

    @override
    def go_back(self, seen: np.ndarray) -> np.ndarray | None:
        """As without a camera; but before the peg is drawn out along the hole's axis, and before an episode begins over the hole, that has to be seen."""
        if not self.raised and self.way_out is None and self.may_be_in:
            # at the start of a life nothing is known of the hole, and a peg that is drawn out askew jams
            if not self.knows_hole and self.looked_s < LOOKS_S:
                self.looked_s += self.tick_s
                return self.nothing
            self.looked_s = 0.0
        if self.raised and not self.leading and not self.looked and self.board.moves >= self.moves:
            over = self.hole.middle + np.array([0.0, 0.0, LOOKS_FROM_M])
            motion = self.posture.kinematics.towards(over, self.upright(over))
            if float(np.abs(motion[:3]).max()) < LOOKS_WITHIN_M:
                self.looked_s += self.tick_s
            knows = self.hole.off_m < KNOWS_M and self.knows_hole
            self.looked = (knows and self.looked_s > 0.0) or self.looked_s > LOOKS_S
            return self._quickly(motion)
        return super().go_back(seen)
