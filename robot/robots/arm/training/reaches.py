"""Many arms that reach for places at once: what a trainer descends through, and a judge steps.

Lanes of `sim/arm/batch.py` with the task's own observation (`robot/tasks/reach.py`) and the hand's kinematics, as the mind has
them: five ticks a decision, in each of which the arm knows what its servos told a tick ago.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.mind import TICK_S
from robot.robots.arm.posture import CHANGE_MAX_RAD
from robot.robots.arm.reaching import HIGH_M, LOW_M, STEPS
from robot.robots.arm.shield import Strain
from robot.tasks.reach import AWAY, DECISION_S, OFFSETS, SCALES, SHOWN_NEAR_M, SPEC, SPEEDS, STILL_RAD_S, WITHIN_M
from sim.arm.batch import STEP_S, ArmBatch
from sim.arm.hand import hand_of
from sim.arm.kinematics import change, follow, forward, inside
from sim.arm.parameters import so101
from sim.arm.peg import PegScene
from sim.arm.substep import FreeScene

TICKS, SUBSTEPS = round(DECISION_S / TICK_S), round(TICK_S / STEP_S)
ASIDE_RAD = 0.25  # from `ready`, to either side: where arms begin
SIZE, ACTIONS = SPEC.observation_size, SPEC.action_size


@njit(cache=True)
def next_goals(axes, origins, offsets, tool, low, high, box_low, box_high, joint_rad, action, steps, gap, pose, jacobian, moves,
               changes, goal_rad):  # fmt: skip
    """One tick of all lanes: joint_rad, goal_rad (count, 6), action, gap (count, 5), action in [-1, 1], steps (5,) a tick.

    Into pose (count, 9), jacobian (count, 6, 5); moves (count, 5): 1 where the box lets the hand move as it is told; changes (count, 5).
    """
    motion = np.zeros(5)
    for lane in range(joint_rad.shape[0]):
        forward(axes, origins, offsets, tool, joint_rad[lane], pose[lane], jacobian[lane])
        for k in range(5):
            motion[k] = steps[k] * min(1.0, max(-1.0, action[lane, k]))
            moves[lane, k] = motion[k]
        inside(pose[lane], motion, box_low, box_high)
        for k in range(5):
            moves[lane, k] = 1.0 if moves[lane, k] == motion[k] else 0.0
        change(pose[lane], jacobian[lane], motion, joint_rad[lane, :5], low, high, CHANGE_MAX_RAD, changes[lane])
        follow(joint_rad[lane], changes[lane], gap[lane], low, high, goal_rad[lane])


@njit(cache=True)
def places_of(axes, origins, offsets, tool, joint_rad, pose, jacobian):
    """`sim.arm.kinematics.forward` of all lanes."""
    for lane in range(joint_rad.shape[0]):
        forward(axes, origins, offsets, tool, joint_rad[lane], pose[lane], jacobian[lane])


class Reaches:
    """`count` arms, each with a place to reach for. rows: of the simulator, that differ from the arm's file, (count,) or a number each."""

    def __init__(self, count: int, seed: int, rows: Mapping[str, Any] | None = None) -> None:
        self.count, self.rng = count, np.random.default_rng([seed, 0x2EA])
        arm = load_arm("virtual-arm")
        self.batch = ArmBatch(so101(), FreeScene(), count)
        for name, value in (rows or {}).items():
            self.batch.put(name, np.broadcast_to(np.asarray(value, float).reshape(-1, 1), (count, 1)))
        self.batch.put("latency_substeps", 0.0)  # of the bus alone, which takes no time here
        hand = hand_of(so101(), PegScene().beyond)
        self.hand = (hand.axes, hand.origins, hand.offsets, hand.tool)
        self.low, self.high = np.array(arm.follower.low_rad), np.array(arm.follower.high_rad)
        self.box = np.array(arm.box_low_m), np.array(arm.box_high_m)
        self.ready_rad = np.array([*arm.ready_rad, arm.hold_rad])
        self.goal_rad, self.told_rad, self.told_rad_s = (np.zeros((count, 6)) for _ in range(3))
        self.place, self.action = np.zeros((count, 3)), np.zeros((count, 5))
        self.pose, self.jacobian = np.zeros((count, 9)), np.zeros((count, 6, 5))
        self.strain = Strain((count, 6))
        self.elapsed_s = np.zeros(count)
        self.begin(np.arange(count))
        self.aim(np.arange(count))

    def begin(self, lanes: np.ndarray) -> None:
        """Put these lanes' arms at rest about where arms begin."""
        q = self.batch.get("joint_rad").astype(float)
        q[lanes] = self.ready_rad
        q[lanes, :5] += self.rng.uniform(-ASIDE_RAD, ASIDE_RAD, (len(lanes), 5))
        speeds, reference = self.batch.get("joint_rad_s"), self.batch.get("reference_rad")
        speeds[lanes], reference[lanes], self.goal_rad[lanes] = 0.0, q[lanes], q[lanes]
        for name, value in (("joint_rad", q), ("joint_rad_s", speeds), ("reference_rad", reference)):
            self.batch.put(name, value)
        self.told_rad[lanes], self.told_rad_s[lanes] = q[lanes], 0.0

    def aim(self, lanes: np.ndarray) -> None:
        """Other places for these lanes, from where their arms are."""
        self.place[lanes] = self.rng.uniform(LOW_M, HIGH_M, (len(lanes), 3))
        self.elapsed_s[lanes], self.action[lanes] = 0.0, 0.0

    def observe(self) -> np.ndarray:
        """What all see, (count, SIZE), float32: as the task's `observe`. `pose` and `jacobian` are of it."""
        places_of(*self.hand, self.told_rad, self.pose, self.jacobian)
        away = self.place - self.pose[:, :3]
        raw = np.concatenate([
            self.told_rad[:, :5], self.told_rad_s[:, :5], self.action, away, np.clip(away, -SHOWN_NEAR_M, SHOWN_NEAR_M),
            (self.goal_rad - self.told_rad)[:, :5], self.elapsed_s[:, None],
        ], 1)  # fmt: skip
        seen: np.ndarray = ((raw - OFFSETS) * SCALES).astype(np.float32)
        return seen

    def tick(self, moves: np.ndarray, changes: np.ndarray) -> None:
        """Tell servos the goals of the next tick; moves, changes: as `next_goals` writes them."""
        gap = self.strain.gap_rad((self.goal_rad - self.told_rad)[:, :5])
        next_goals(*self.hand, self.low[:5], self.high[:5], *self.box, self.told_rad, self.action, STEPS / TICKS, gap, self.pose,
                   self.jacobian, moves, changes, self.goal_rad)  # fmt: skip
        self.batch.send(self.goal_rad)

    def take(self, told: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """What servos told before the tick that is over: angles, speeds, loads."""
        self.told_rad[:], self.told_rad_s[:] = told[:2]
        self.strain.see(told[2], TICK_S)

    def telling(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What servos tell now."""
        return self.batch.measured_rad(), self.batch.get("joint_rad_s").astype(float), self.batch.get("duty")

    def step(self, actions: np.ndarray) -> None:
        """One decision of all."""
        self.action[:] = actions
        moves, changes = np.zeros((self.count, 5)), np.zeros((self.count, 5))
        for _ in range(TICKS):
            told = self.telling()
            self.tick(moves, changes)
            self.batch.advance(SUBSTEPS, SUBSTEPS)
            self.take(told)
        self.elapsed_s += DECISION_S


def there(seen: np.ndarray) -> np.ndarray:
    """Which of them, (count, SIZE), are where they are to be, and at rest."""
    away, speeds = seen[:, AWAY] / SCALES[AWAY], seen[:, SPEEDS] / SCALES[SPEEDS]
    reached: np.ndarray = (np.linalg.norm(away, axis=1) < WITHIN_M) & (np.abs(speeds).max(1) < STILL_RAD_S)
    return reached
