"""An arm that inserts its peg: the script that goes back to where an episode begins, and the one that shows how."""

import math

import numpy as np
from typing_extensions import override

from drivers.base import NEVER_S
from policies.actor import Actor
from robot.robots.arm.camera_belief import CameraBelief
from robot.robots.arm.mind import FAR_RAD, TICK_S, ArmMind
from robot.robots.arm.progress import CAMERA
from robot.robots.arm.records import records_of
from robot.robots.arm.script import STEPS, InsertionScript
from robot.robots.arm.setup import ArmSetup
from robot.robots.arm.success import succeeded
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned, Scripted
from robot.tasks import peg_insert
from robot.tasks.peg_insert import DECISION_S, LONGEST_S, SLOW_SIZE, SPEC
from sim.arm.kinematics import PLACE, attitude, attitude_of

OUT_M, CLEAR_M, RAISED_M = 0.006, 0.015, 0.025  # the peg's end over the board: which may move; far away; where it waits
DEEP_M, BACK_OUT = (
    0.015,
    (0.5, 1.0),
)  # the hole; parts of the way out of it at which joints are led from one point to the next
NEAR_M = 0.05  # from the hole's axis: further away no board is under the peg
BEGINS_ASIDE_M, BEGINS_M, BEGINS_RAD = 0.015, (0.03, 0.05), 0.1  # where an episode begins, from the hole as it is seen
BEGINS_WITHIN_M, BEGINS_WITHIN_RAD, STILL_RAD_S = 0.006, 0.08, 0.5
FAST_M_S, FAST_RAD_S, GAIN_1_S = 0.2, 2.0, 10.0  # of the way back
RESET_LONGEST_S = 15.0
# How far goals may be ahead of the peg's end, which is how far it jumps where what it presses against gives way: a script's, a policy's.
SCRIPT_AHEAD_M, AHEAD_M = 0.009, 0.015

FAST = np.array([FAST_M_S, FAST_M_S, FAST_M_S, FAST_RAD_S, FAST_RAD_S])


class InsertionMind(ArmMind):
    """Practises `robot/tasks/peg_insert.py`."""

    task, records = SPEC, records_of(SPEC.name)

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        self.place, self.frame = np.zeros(3), np.eye(3)  # of the hole, as it is seen and believed
        self.camera = CameraBelief(setup.belief)
        self.slow, self.slow_now = np.zeros(SLOW_SIZE), np.zeros(SLOW_SIZE)
        self.began = True  # nothing was decided in this episode
        self.begins_at: tuple[np.ndarray, np.ndarray] | None = None  # the next episode
        self.way_out: tuple[np.ndarray, np.ndarray] | None = None  # of the hole
        self.raised = self.moved_on = False  # in this reset; the board, since the last episode
        self.success = np.array(setup.success)  # a classifier's weights, where one says what a success is
        super().__init__(setup, actor)
        self.inserting = InsertionScript(self.rng)

    @override
    def skills(self) -> tuple[Scripted | Learned, ...]:
        back = Scripted("raise", self.go_back, RESET_LONGEST_S)
        insert = Learned("insert", self.judge, LONGEST_S)
        if self.setup.resets == "scripted":
            return self.with_leader(back, insert)
        pull = Learned("pull", self.judge_pull, LONGEST_S, way_back=True, otherwise=back)
        return self.with_leader(Scripted("unfold", self.unfold), pull, Scripted("board", self.move_board), insert)

    @override
    def observe(self) -> np.ndarray:
        posture = self.posture
        self.find_hole()
        away = posture.pose[:3] - self.place
        for k in range(3):
            self.aside_m[k] = self.frame[0, k] * away[0] + self.frame[1, k] * away[1] + self.frame[2, k] * away[2]
        seen = np.zeros(SPEC.observation_size, np.float32)
        self.slow_now[:] = self.slow
        action = self.nothing if self.began else self.decisions.executed
        peg_insert.observe(posture.joint_rad, posture.joint_rad_s, posture.load, posture.goal_rad, action, posture.pose, self.place,
                           self.frame, DECISION_S * self.age, self.wanted, self.slow_now, self.began, seen)  # fmt: skip
        return seen

    def find_hole(self) -> None:
        """Where it is believed to be, into `place` and `frame`."""
        self.place[:] = self.board.place_m
        attitude(self.board.quaternion, self.frame)
        self.camera.correct(self.place, self.frame)

    def learn_where_it_was(self) -> None:
        """A peg is in, as whoever judges says; where that cannot be, the camera is believed as before."""
        if not peg_insert.tells_where(self.seen):
            return
        self.camera.learn(self.frame, self.seen)
        self.events.append((CAMERA, {"wrong_by": self.camera.told}))

    @override
    def decided(self) -> None:
        self.slow[:] = self.slow_now
        self.began = False

    @override
    def anew(self) -> None:
        super().anew()
        self.began, self.raised = True, False
        self.way_out = self.begins_at = None
        self.inserting = InsertionScript(self.rng)

    @property
    def wanted(self) -> float:
        """Of the skill in force."""
        return peg_insert.OUT if self.order.skill.name == "pull" else peg_insert.IN

    @override
    def end(self, skill: Learned, now: float, outcome: Outcome) -> None:
        super().end(skill, now, outcome)
        self.moved_on = skill.way_back and self.moved_on
        if outcome is Outcome.SUCCESS and not skill.way_back:
            self.learn_where_it_was()

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        if len(self.success) == 0:
            return peg_insert.reward(seen), Outcome.SUCCESS if peg_insert.inserted(seen) else Outcome.RUNNING
        done = succeeded(self.success, seen)
        return peg_insert.rewarded(done), Outcome.SUCCESS if done else Outcome.RUNNING

    def judge_pull(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return peg_insert.reward(seen), Outcome.SUCCESS if peg_insert.drawn_out(seen) else Outcome.RUNNING

    @override
    def clear(self) -> bool:
        return bool(self.aside_m[2] > CLEAR_M)

    @override
    def error_m(self) -> float:
        return math.sqrt(self.aside_m[0] * self.aside_m[0] + self.aside_m[1] * self.aside_m[1])

    @override
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        if not isinstance(self.order.skill, Learned):
            return action * FAST * TICK_S
        motion = np.asarray(action * STEPS * (TICK_S / DECISION_S), np.float64)
        peg_insert.keep(self.posture.pose, self.place, self.frame, motion)
        return motion

    @property
    @override
    def ahead_m(self) -> float:
        by_policy = isinstance(self.order.skill, Learned) and self.to_show == 0
        return AHEAD_M if by_policy or self.clear() else SCRIPT_AHEAD_M

    def go_back(self, seen: np.ndarray) -> np.ndarray | None:
        """Out of the hole along its axis; then, while the board is moved, over to where it is next."""
        posture, kinematics = self.posture, self.posture.kinematics
        if not self.raised:
            if self.may_be_in:
                if self.way_out is None:
                    self.way_out = posture.pose[:3] + self.frame[:, 2] * (RAISED_M - self.aside_m[2]), self.frame.copy()
                return self._quickly(kinematics.towards(*self.way_out))
            self.raised = True
            self._move_on()
            if not posture.near(self.ready, FAR_RAD):
                self.leading = [*([self.folded] if posture.near(self.rest_at, FAR_RAD) else []), self.ready]
        if self.leading:
            return self.nothing
        if self.board.moves < self.moves:
            return self.nothing if self.way_out is None else self._quickly(kinematics.towards(*self.way_out))
        if self.begins_at is None:
            self.begins_at = self._drawn()
        place, frame = self.begins_at
        motion = kinematics.towards(place, frame)
        there = np.abs(motion[:3]).max() < BEGINS_WITHIN_M and np.abs(motion[3:]).max() < BEGINS_WITHIN_RAD
        if there and np.abs(posture.joint_rad_s).max() < STILL_RAD_S:
            return None
        return self._quickly(motion)

    @override
    def back_out(self) -> list[np.ndarray]:
        """Of the hole along its axis; along the peg's own, where it is not known yet how the hole stands."""
        posture, frame, raise_m = self.posture, self.frame, RAISED_M - self.aside_m[2]
        if self.board.age_s < NEVER_S and float(np.abs(self.aside_m[:2]).max()) > NEAR_M:
            return []
        if not self.knows_hole:
            frame, raise_m = attitude_of(posture.pose), RAISED_M + DEEP_M
        way: list[np.ndarray] = []
        joint_rad = posture.joint_rad[:-1]
        for share in BACK_OUT:
            joint_rad = posture.reach(joint_rad, posture.pose[PLACE] + share * raise_m * frame[:, 2], frame)
            way.insert(0, joint_rad)
        return way

    @property
    def knows_hole(self) -> bool:
        """Whether this life has been told how it stands."""
        return self.board.age_s < NEVER_S

    @property
    def may_be_in(self) -> bool:
        """Whether the peg may be in the hole, as it is seen: what has to be drawn out before anything else."""
        return bool(self.aside_m[2] < OUT_M and float(np.abs(self.aside_m[:2]).max()) < NEAR_M)

    def move_board(self, seen: np.ndarray) -> np.ndarray | None:
        """Wait where the policy has drawn the peg out, until the board is at its next place."""
        self._move_on()
        return None if self.board.moves >= self.moves else self.nothing

    def _move_on(self) -> None:
        self.moves += not self.moved_on
        self.moved_on = True

    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the next episode begins: over the hole as it is seen, and pointing down, about."""
        x, y = self.rng.uniform(-BEGINS_ASIDE_M, BEGINS_ASIDE_M, 2)
        place = self.place + np.array([x, y, self.rng.uniform(*BEGINS_M)])
        tilt, turn = (float(each) for each in self.rng.uniform(-BEGINS_RAD, BEGINS_RAD, 2))
        frame = self.upright(self.posture.pose)
        # small angles: what they miss by is less than what is drawn
        return place, np.stack([frame[:, 0] - tilt * frame[:, 2] + turn * frame[:, 1],
                                frame[:, 1] - turn * frame[:, 0], frame[:, 2] + tilt * frame[:, 0]], 1)  # fmt: skip

    def _quickly(self, motion: np.ndarray) -> np.ndarray:
        return motion * GAIN_1_S / FAST

    @override
    def action_of(self, motion: np.ndarray) -> np.ndarray:
        return motion / STEPS

    @override
    def script(self) -> np.ndarray:
        posture = self.posture
        if self.wanted == peg_insert.OUT:
            return self.inserting.outwards(posture.kinematics, self.place, self.frame)
        ahead_rad = posture.goal_rad[:-1] - posture.joint_rad[:-1]
        return self.inserting.inwards(posture.kinematics, self.place, self.frame, self.aside_m, ahead_rad)
