"""What stands beside a virtual arm: a board with a hole for the peg that it holds, or a table with a block.

A stage moves each of them on, and tells where a camera sees it. Drawn with the world's generator: places, and what the camera gets wrong.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from sim.arm.around_block import HALF_M
from sim.arm.batch import ArmBatch
from sim.arm.block import BlockScene
from sim.arm.insertion import PAN_M, Hole, Spread, draw, frame_of, middle
from sim.arm.kinematics import attitude
from sim.arm.peg import PegScene
from sim.arm.substep import Scene

INSERTED_M = 0.007  # so deep, a peg is in its hole
TABLE_M = -0.04  # from the arm's base
DISTANCE_M, BEARING_RAD, YAW_RAD = (
    (0.175, 0.225),
    0.25,
    0.4,
)  # where a block is put: from the first joint, and to either side
LYING_M, LIFTED_M = 0.01, 0.045  # over where it lies: below, it has been put down; above, it is lifted
SEEN_M, SEEN_RAD = 0.0005, 0.01  # standard deviations of what a camera says of the block, each time


class World(ABC):
    """scene: for the simulator. goal: where the hand's point is to be, truly. done: how often what there is to do was done."""

    scene: Scene
    goal: Hole
    moves = -1  # places that were left
    done = 0

    def __init__(
        self, rng: np.random.Generator, offset_m: np.ndarray, camera_m: float, turn_rad: Sequence[float]
    ) -> None:
        """offset_m (3,), turn_rad (2,), of tilt and yaw: what the camera is always wrong by; camera_m: along a board besides, one
        standard deviation."""
        self.rng, self.offset_m, self.camera_m, self.turn_rad = rng, offset_m, camera_m, turn_rad

    @abstractmethod
    def move(self, batch: ArmBatch) -> None:
        """To the next place."""

    @abstractmethod
    def seen(self) -> Hole:
        """Where the camera sees it now."""

    @abstractmethod
    def middle(self) -> Hole:
        """Of all the places that it is brought to: what a stage without a camera knows."""

    @abstractmethod
    def look(self, batch: ArmBatch, depth_m: float) -> None:
        """A moment later; the hand's point is so far below the goal."""


class PegWorld(World):
    """A board whose hole the peg is to be brought into; that it was is counted when the board leaves."""

    def __init__(
        self, rng: np.random.Generator, offset_m: np.ndarray, camera_m: float, turn_rad: Sequence[float]
    ) -> None:
        super().__init__(rng, offset_m, camera_m, turn_rad)
        self.scene = PegScene()
        self.spread, self.deepest_m = Spread(seen_aside_m=camera_m), 0.0

    def move(self, batch: ArmBatch) -> None:
        self.done += self.deepest_m > INSERTED_M
        self.moves += 1
        self.deepest_m = 0.0
        self.goal, self._seen = draw(self.spread, self.rng, self.offset_m, self.turn_rad)
        batch.put("hole_m", self.goal.place_m)
        batch.put("hole_frame", self.goal.frame.ravel())

    def seen(self) -> Hole:
        return self._seen

    def middle(self) -> Hole:
        return middle(self.spread)

    def look(self, batch: ArmBatch, depth_m: float) -> None:
        self.deepest_m = max(self.deepest_m, depth_m)


class BlockWorld(World):
    """A block that lies on a table, to be grasped and lifted."""

    def __init__(
        self, rng: np.random.Generator, offset_m: np.ndarray, camera_m: float, turn_rad: Sequence[float]
    ) -> None:
        super().__init__(rng, offset_m, camera_m, turn_rad)
        self.scene = BlockScene()
        self.noise = rng.spawn(1)[0]
        self.lifted = False
        self.goal = Hole(np.zeros(3), np.eye(3))

    def move(self, batch: ArmBatch) -> None:
        self.moves += 1
        distance_m = float(self.rng.uniform(*DISTANCE_M))
        bearing = float(self.rng.uniform(-BEARING_RAD, BEARING_RAD))
        half = 0.5 * (bearing + float(self.rng.uniform(-YAW_RAD, YAW_RAD)))
        batch.put("table_m", TABLE_M)
        batch.put("block_half_m", HALF_M)
        batch.put("block_m", [PAN_M + distance_m * math.cos(bearing), distance_m * math.sin(bearing), TABLE_M + HALF_M])
        batch.put("block_quaternion", [math.cos(half), 0.0, 0.0, math.sin(half)])
        for name in ("block_m_s", "block_rad_s"):
            batch.put(name, np.zeros(3))
        self.look(batch, 0.0)

    def seen(self) -> Hole:
        wrong_m = SEEN_M * self.noise.standard_normal(3) + self.offset_m
        return Hole(
            self.goal.place_m + wrong_m,
            frame_of(self.turn_rad[1] + SEEN_RAD * float(self.noise.standard_normal()), 0.0, 0.0) @ self.goal.frame,
        )

    def middle(self) -> Hole:
        return Hole(np.array([PAN_M + 0.5 * sum(DISTANCE_M), 0.0, TABLE_M + HALF_M]), np.eye(3))

    def look(self, batch: ArmBatch, depth_m: float) -> None:
        self.goal.place_m[:] = batch.first("block_m")
        attitude(batch.first("block_quaternion").astype(float), self.goal.frame)
        raised_m = self.goal.place_m[2] - TABLE_M - HALF_M
        if raised_m > LIFTED_M:
            self.done += not self.lifted
            self.lifted = True
        elif raised_m < LYING_M:
            self.lifted = False


WORLDS: dict[str, type[World]] = {"peg": PegWorld, "block": BlockWorld}
