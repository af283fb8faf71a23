"""Many arms that insert their pegs at once, at the rate of decisions: what a trainer and a judge step.

Lanes of `sim/arm/batch.py` with the task's own observation (`robot/tasks/peg_insert.py`) and the hand's kinematics, as the mind
has them: five ticks a decision, in each of which the arm knows what its servos told a tick ago. An episode that ends begins
anew by itself, over another hole. Where arms undo what they did, the peg is to be drawn out first, and where that has
succeeded every second arm goes on from there.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import njit

from robot.robots.arm.arm_file import ArmFile, load_arm
from robot.robots.arm.insertion import AHEAD_M, BEGINS_ASIDE_M, BEGINS_M, BEGINS_RAD, STEPS
from robot.robots.arm.mind import TICK_S
from robot.robots.arm.posture import CHANGE_MAX_RAD
from robot.robots.arm.shield import Strain
from robot.tasks.peg_insert import (
    DECISION_S,
    IN,
    LONGEST_S,
    OUT,
    SIZE,
    SLOW_SIZE,
    WANTED,
    drawn_out,
    inserted,
    keep,
    observe,
)
from sim.arm.batch import STEP_S, ArmBatch
from sim.arm.hand import hand_of
from sim.arm.insertion import Hole, Spread, draw, frame_of
from sim.arm.kinematics import Kinematics, change, follow, forward, inside, shorten
from sim.arm.parameters import so101
from sim.arm.peg import PegScene

TICKS = round(DECISION_S / TICK_S)
SUBSTEPS = round(TICK_S / STEP_S)
RUNNING, WON, TIMED_OUT = 0, 1, 2
VIRTUAL_ARM = "virtual-arm"


@njit(cache=True)
def next_goals(axes, origins, offsets, tool, low, high, box_low, box_high, place, frame, joint_rad, action, steps, gap,
               ahead_m, goal_rad):  # fmt: skip
    """One tick of all lanes: joint_rad, goal_rad (count, 6), action, gap (count, 5), action in [-1, 1], steps (5,) a tick."""
    pose, jacobian, motion, changes = np.zeros(9), np.zeros((6, 5)), np.zeros(5), np.zeros(5)
    for lane in range(joint_rad.shape[0]):
        forward(axes, origins, offsets, tool, joint_rad[lane], pose, jacobian)
        for k in range(5):
            motion[k] = steps[k] * min(1.0, max(-1.0, action[lane, k]))
        keep(pose, place[lane], frame[lane], motion)
        inside(pose, motion, box_low, box_high)
        change(pose, jacobian, motion, joint_rad[lane, :5], low, high, CHANGE_MAX_RAD, changes)
        follow(joint_rad[lane], changes, gap[lane], low, high, goal_rad[lane])
        shorten(jacobian, joint_rad[lane], ahead_m, goal_rad[lane])


@njit(cache=True)
def look(axes, origins, offsets, tool, joint_rad, joint_rad_s, load, goal_rad, action, place, frame, elapsed_s, wanted, slow,
         slow_now, began, out):  # fmt: skip
    """What all lanes see: as `observe`, each with a first axis of (count,)."""
    pose, jacobian = np.zeros(9), np.zeros((6, 5))
    for lane in range(joint_rad.shape[0]):
        forward(axes, origins, offsets, tool, joint_rad[lane], pose, jacobian)
        for k in range(SLOW_SIZE):
            slow_now[lane, k] = slow[lane, k]
        observe(joint_rad[lane], joint_rad_s[lane], load[lane], goal_rad[lane], action[lane], pose, place[lane], frame[lane],
                elapsed_s[lane], wanted[lane], slow_now[lane], began[lane], out[lane])  # fmt: skip


class Insertions:
    """`count` arms. seen (count, SIZE) float32: what each sees now. hole, camera: where each lane's hole is, and is seen.

    rows: of the simulator, that differ from the arm's file, (count,) or a number each. offset_m (count, 3): what cameras are
    always wrong by. undo: whether arms draw out what they have inserted. wanted (count,): IN or OUT.
    """

    def __init__(self, count: int, seed: int, rows: Mapping[str, Any] | None = None, offset_m: np.ndarray | None = None,
                 arm: ArmFile | None = None, undo: bool = False) -> None:  # fmt: skip
        self.undo, self.wanted = undo, np.full(count, IN)
        self.before_going_on: Callable[[], object] = lambda: (
            None
        )  # called when episodes have ended, and none has begun anew
        self.count, self.rng = count, np.random.default_rng([seed, 0x1A5])
        self.arm = load_arm(VIRTUAL_ARM) if arm is None else arm
        self.scene = PegScene()
        self.batch = ArmBatch(so101(), self.scene, count)
        for name, value in (rows or {}).items():
            self.batch.put(name, np.broadcast_to(np.asarray(value, float).reshape(-1, 1), (count, 1)))
        self.batch.put("latency_substeps", 0.0)  # of the bus alone, which takes no time here
        self.offset_m = np.zeros((count, 3)) if offset_m is None else offset_m
        hand = hand_of(so101(), self.scene.beyond)
        self.hand = (hand.axes, hand.origins, hand.offsets, hand.tool)
        self.low, self.high = np.array(self.arm.follower.low_rad), np.array(self.arm.follower.high_rad)
        self.box = np.array(self.arm.box_low_m), np.array(self.arm.box_high_m)
        self.kinematics = Kinematics(hand)
        self.holes: list[Hole] = [Hole(np.zeros(3), np.eye(3))] * count
        self.place, self.frame = np.zeros((count, 3)), np.zeros((count, 3, 3))  # of the hole, as it is seen
        self.goal_rad, self.told_rad, self.told_rad_s, self.told_load = (np.zeros((count, 6)) for _ in range(4))
        self.action = np.zeros((count, 5))
        self.strain = Strain((count, 6))
        self.age = np.zeros(count, int)
        self.slow, self.slow_now = np.zeros((count, SLOW_SIZE)), np.zeros((count, SLOW_SIZE))
        self.seen = np.zeros((count, SIZE), np.float32)
        self.begin(np.arange(count))
        self._look()

    def begin(self, lanes: np.ndarray) -> None:
        """New episodes of these lanes, from over the hole."""
        self.move_board(lanes)
        q = self.batch.get("joint_rad").astype(float)
        for lane in lanes:
            x, y = self.rng.uniform(-BEGINS_ASIDE_M, BEGINS_ASIDE_M, 2)
            start = self.place[lane] + np.array([x, y, self.rng.uniform(*BEGINS_M)])
            bearing = float(np.arctan2(start[1], start[0] - 0.0388353))
            frame = frame_of(bearing, *self.rng.uniform(-BEGINS_RAD, BEGINS_RAD, 2))
            q[lane, :5] = self.kinematics.reach(np.array(self.arm.ready_rad), start, frame)
            q[lane, 5] = self.arm.hold_rad
        speeds, reference = self.batch.get("joint_rad_s"), self.batch.get("reference_rad")
        speeds[lanes], reference[lanes], self.goal_rad[lanes] = 0.0, q[lanes], q[lanes]
        for name, value in (("joint_rad", q), ("joint_rad_s", speeds), ("reference_rad", reference)):
            self.batch.put(name, value)
        self.told_rad[lanes], self.told_rad_s[lanes], self.told_load[lanes] = q[lanes], 0.0, 0.0

    def move_board(self, lanes: np.ndarray) -> None:
        """New episodes of these lanes, from where they are."""
        place, frames = self.batch.get("hole_m"), self.batch.get("hole_frame")
        for lane in lanes:
            hole, seen = draw(Spread(), self.rng, self.offset_m[lane])
            self.holes[lane], self.place[lane], self.frame[lane] = hole, seen.place_m, seen.frame
            place[lane], frames[lane] = hole.place_m, hole.frame.ravel()
        self.batch.put("hole_m", place)
        self.batch.put("hole_frame", frames)
        self._want(lanes, IN)

    def _want(self, lanes: np.ndarray, what: float) -> None:
        self.wanted[lanes], self.age[lanes], self.action[lanes] = what, 0, 0.0

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One decision of all. Returns how each episode stands (RUNNING, WON, TIMED_OUT), and what was seen at its end.

        `seen` is then of the next episode where one has ended.
        """
        self.action = np.array(actions, np.float64)
        self.slow[:] = self.slow_now
        steps = STEPS / TICKS
        for _ in range(TICKS):
            told = self.batch.measured_rad(), self.batch.get("joint_rad_s"), self.batch.get("duty")
            next_goals(
                *self.hand,
                self.low[:5],
                self.high[:5],
                *self.box,
                self.place,
                self.frame,
                self.told_rad,
                self.action,
                steps,
                self.strain.gap_rad((self.goal_rad - self.told_rad)[:, :5]),
                AHEAD_M,
                self.goal_rad,
            )
            self.batch.send(self.goal_rad)
            self.batch.advance(SUBSTEPS, SUBSTEPS)
            self.told_rad[:], self.told_rad_s[:], self.told_load[:] = told
            self.strain.see(self.told_load, TICK_S)
        self.age += 1
        self._look()
        last = self.seen.copy()
        ended = np.where(self.age * DECISION_S >= LONGEST_S, TIMED_OUT, RUNNING)
        ended[[inserted(each) if each[WANTED] > 0.0 else drawn_out(each) for each in last]] = WON
        self.before_going_on()
        self._go_on(ended)
        return ended, last

    def _go_on(self, ended: np.ndarray) -> None:
        """New episodes where some have ended."""
        won, out = ended == WON, self.wanted == OUT
        undoes = self.undo & (ended != RUNNING) & ~out
        stays = won & out & (self.rng.random(self.count) < 0.5)
        again = (ended != RUNNING) & ~undoes & ~stays
        for lanes, go_on in (
            (again, self.begin),
            (stays, self.move_board),
            (undoes, lambda lanes: self._want(lanes, OUT)),
        ):
            if lanes.any():
                go_on(np.flatnonzero(lanes))
        if ended.any():
            self._look()

    def _look(self) -> None:
        look(*self.hand, self.told_rad, self.told_rad_s, self.told_load, self.goal_rad, self.action, self.place, self.frame,
             DECISION_S * self.age, self.wanted, self.slow, self.slow_now, self.age == 0, self.seen)  # fmt: skip

    def peg_m(self) -> np.ndarray:
        """Where the pegs' ends truly are in their holes' frames, (count, 3), m."""
        q = self.batch.get("joint_rad").astype(float)
        found = np.zeros((self.count, 3))
        for lane, hole in enumerate(self.holes):
            found[lane] = (hole.frame * (self.kinematics.look(q[lane])[:3] - hole.place_m)[:, None]).sum(0)
        return found
