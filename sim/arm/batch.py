"""Many arms at once, each with its own servos, surfaces and goals: what trainers and benchmarks step.

Between the bus and the joints stands what a servo can tell apart: 4,096 steps a turn, of goals and of what is measured.
"""

from functools import cache
from typing import Any

import numpy as np

from sim.arm.expressions import Graph
from sim.arm.machine_code import LANES, Kernel, places
from sim.arm.parameters import Arm, ArmFile, arm_of
from sim.arm.substep import BAR, Formulas, Scene, defaults_of, gradient, look, rows_of, substep

STEP_S = 0.005
STEPS_A_TURN = 4096
RAD_A_STEP = 2.0 * np.pi / STEPS_A_TURN
GOALS = ("goal_rad", "previous_goal_rad")
MOVING = (
    "joint_rad",
    "joint_rad_s",
    "reference_rad",
    "bus_v",
    "block_m",
    "block_quaternion",
    "block_m_s",
    "block_rad_s",
)


class ArmBatch:
    """`count` arms in a scene; blocks of LANES are filled up with more, which nobody sees."""

    def __init__(self, arm: Arm, scene: Scene, count: int, step_s: float = STEP_S) -> None:
        """Every arm at rest at zero angles, in the scene as it is by default."""
        self.arm, self.scene, self.count, self.step_s = arm, scene, count, step_s
        self.rows = rows_of(arm, scene)
        self._places = places(self.rows)
        self._blocks = -(-count // LANES)
        self.memory = np.zeros((self._blocks, sum(self.rows.values()), LANES), np.float32)
        self._ranges = np.array([table.range_rad for table in arm.file.links])
        for name, values in defaults_of(arm, scene, step_s).items():
            self._view(name)[:] = np.array(values, np.float32)[None, :, None]
        self._kernel = _stepping(arm.file, scene, step_s)

    def _view(self, name: str) -> np.ndarray:
        first = self._places[name]
        return self.memory[:, first : first + self.rows[name]]

    def first(self, name: str) -> np.ndarray:
        """A quantity of the first arm, (numbers,), as it stands in memory: a view, which changes with it."""
        return self._view(name)[0, :, 0]

    def get(self, name: str) -> np.ndarray:
        """A quantity of every arm, (count, numbers)."""
        return self._view(name).transpose(0, 2, 1).reshape(-1, self.rows[name])[: self.count].copy()

    def put(self, name: str, values: Any) -> None:
        """Set a quantity: (count, numbers), or (numbers,) for all. Raises ValueError for what is not finite."""
        told = np.broadcast_to(np.asarray(values, np.float32), (self.count, self.rows[name]))
        if not np.isfinite(told).all():
            raise ValueError(f"{name}: found what is not a number, allowed: finite numbers")
        filled = np.resize(told, (self._blocks * LANES, self.rows[name]))
        self._view(name)[:] = filled.reshape(self._blocks, LANES, -1).transpose(0, 2, 1)

    def stand(self, joint_rad: Any) -> None:
        """Put the arms at rest at joint angles, (count, joints) or (joints,), with their servos told to hold them."""
        for name in ("joint_rad", "reference_rad", *GOALS):
            self.put(name, joint_rad)
        self.put("joint_rad_s", np.zeros(self.arm.joints))

    def send(self, goal_rad: Any) -> None:
        """Send goals, (count, joints) or (joints,), as steps of a turn within the joints' ranges."""
        whole = np.round(np.clip(np.asarray(goal_rad, float), self._ranges[:, 0], self._ranges[:, 1]) / RAD_A_STEP)
        self.put("previous_goal_rad", self.get("goal_rad"))
        self.put("goal_rad", whole * RAD_A_STEP)

    def advance(self, substeps: int, since: int = 0) -> None:
        """Let time pass; `since` sub-steps have passed since goals were sent."""
        self._kernel.run(self.memory, since, since + substeps)

    def measured_rad(self) -> np.ndarray:
        """What the servos tell of the joints, (count, joints)."""
        return np.round(self.get("joint_rad") / RAD_A_STEP) * RAD_A_STEP


class ArmAdjoint:
    """The adjoint of a sub-step of all arms of a batch: from what matters of the rows after, to what matters of those before."""

    def __init__(self, batch: ArmBatch) -> None:
        self.wanted = {name: batch.rows[name] for name in (*MOVING, *GOALS) if name in batch.rows}
        self._rows = batch.rows | {f"{BAR}{name}": count for name, count in self.wanted.items()}
        self._state = sum(batch.rows.values())
        self._memory = np.zeros((len(batch.memory), sum(self._rows.values()), LANES), np.float32)
        self._kernel = _going_back(batch.arm.file, batch.scene, batch.step_s, tuple(self._rows.items()))

    def back(self, before: np.ndarray, bars: np.ndarray, tick: int) -> np.ndarray:
        """Bars before the sub-step whose rows before were `before`, `ArmBatch.memory` then; tick: sub-steps since goals.

        bars (blocks, numbers of `wanted` in order, LANES); of goals they add up over the sub-steps that they counted in.
        """
        self._memory[:, : self._state], self._memory[:, self._state :] = before, bars
        self._kernel.run(self._memory, tick, tick + 1)
        after = self._memory[:, self._state :].copy()
        goals = sum(self.wanted[name] for name in GOALS)
        after[:, -goals:] += bars[:, -goals:]
        return after


@cache
def _stepping(file: ArmFile, scene: Scene, step_s: float) -> Kernel:
    arm = arm_of(file)
    return Kernel(substep(arm, scene, step_s), look(arm), rows_of(arm, scene))


@cache
def _going_back(file: ArmFile, scene: Scene, step_s: float, rows: tuple[tuple[str, int], ...]) -> Kernel:
    wanted = {name.removeprefix(BAR): count for name, count in rows if name.startswith(BAR)}
    nothing = Formulas(Graph(), {})
    return Kernel(gradient(substep(arm_of(file), scene, step_s), wanted), nothing, dict(rows))
