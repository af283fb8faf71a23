"""What turns the shafts of emulated servos: an arm of the simulator, or shafts that bear nothing.

Angles are the joints', rad. A servo tells its goal, the share of its torque that it may use, and whether it uses any. A person's
hands may hold all joints, and turn some: they are stronger than anything else.
"""

from typing import Protocol

import numpy as np

from sim.arm.batch import STEP_S, ArmBatch
from sim.arm.parameters import so101
from sim.arm.substep import FreeScene, Scene

HAND_RAD_S = 1.5  # of a joint that is turned by hand


class Shafts(Protocol):
    """One a servo."""

    def angle_rad(self, joint: int) -> float: ...
    def speed_rad_s(self, joint: int) -> float: ...
    def duty(self, joint: int) -> float: ...
    def bus_v(self) -> float: ...
    def drive(self, joint: int, goal_rad: float, torque_share: float) -> None:
        """Follow a goal with up to a share of the full torque; 0: let go."""
        ...

    def advance(self, until_s: float) -> None: ...


class ArmShafts:
    """The SO-101 of `sim/arm`, in a scene. `supply_v` and what it stands at are the test's or the world's to set."""

    def __init__(self, joint_rad: np.ndarray, supply_v: float = 12.0, nominal_v: float = 12.0,
                 scene: Scene = FreeScene()) -> None:  # fmt: skip
        """nominal_v: of the servos; the simulator's are told the same share of theirs."""
        self._nominal = nominal_v
        self.batch = ArmBatch(so101(), scene, 1)
        self.batch.stand(joint_rad)
        self.set_supply(supply_v)
        self.batch.put("latency_substeps", 0.0)  # the bus is emulated by itself
        self._goal = np.array(joint_rad, float)
        self._share = np.zeros(self.batch.arm.joints)
        self._time_s = 0.0
        self.held_rad: np.ndarray | None = None  # where a person's hands lead all joints
        rows = ("joint_rad", "reference_rad", "goal_rad", "previous_goal_rad", "torque_limit")
        self._joint, self._reference, self._told, self._told_before, self._limit = map(self.batch.first, rows)
        self._look()

    def set_supply(self, volts: float) -> None:
        """The supply's voltage, from now on."""
        share = volts / self._nominal
        self.batch.put("supply_v", share * self.batch.arm.servo.nominal_v)
        self.batch.put("bus_v", share * self.batch.arm.servo.nominal_v)

    def by_hand(self, joint_rad: dict[int, float]) -> None:
        """Hands hold all joints where they are, and turn these to angles, until they let go."""
        held = np.array(self._q, float) if self.held_rad is None else self.held_rad.copy()
        held[list(joint_rad)] = list(joint_rad.values())
        self.held_rad = held

    def _look(self) -> None:
        batch = self.batch
        self._q, self._v, self._duty = (batch.first(name).tolist() for name in ("joint_rad", "joint_rad_s", "duty"))
        self._bus_v = float(batch.first("bus_v")[0]) / batch.arm.servo.nominal_v * self._nominal

    def angle_rad(self, joint: int) -> float:
        return self._q[joint]

    def speed_rad_s(self, joint: int) -> float:
        return self._v[joint]

    def duty(self, joint: int) -> float:
        return self._duty[joint]

    def bus_v(self) -> float:
        return self._bus_v

    def drive(self, joint: int, goal_rad: float, torque_share: float) -> None:
        self._goal[joint], self._share[joint] = goal_rad, torque_share

    def advance(self, until_s: float) -> None:
        steps = int((until_s - self._time_s) / STEP_S + 1e-9)
        if steps > 0:
            loose = self._share == 0.0  # a servo begins to move its inner goal from where it is
            np.copyto(self._reference, self._joint, where=loose)
            self._limit[:], self._told[:] = self._share, np.where(loose, self._joint, self._goal)
            self._told_before[:] = self._told
            if self.held_rad is None:
                self.batch.advance(steps)
            else:
                most = HAND_RAD_S * steps * STEP_S
                self._joint += np.clip(self.held_rad - self._joint, -most, most)
                for name in ("joint_rad_s", "duty"):
                    self.batch.first(name)[:] = 0.0
            self._time_s += steps * STEP_S
            self._look()
