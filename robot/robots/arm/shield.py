"""What keeps an arm from itself and its table, and its servos from burning, and from letting go to save themselves.

An STS3215 that gives more than 80 % of its torque for two seconds lets go, as its table of registers has it, and a raised arm falls.
"""

from dataclasses import dataclass

import numpy as np

from sim.arm.capsules import Clearance
from sim.arm.kinematics import Kinematics, follow, inside

STRAINED, RELIEVED = 0.65, 0.5  # loads, of full duty
STRAINED_S = 0.25  # for longer no servo presses so hard
HELD = 0.75  # any goal may be the last one: what it asks of a servo for ever is less than what that would let go for
GAP_RAD = 0.06  # goals are at most so far ahead of the joints: it is what limits how hard the arm presses
EASED_GAP_RAD = 0.02


class Strain:
    """How long each servo has worked hard, and which are eased. A servo is eased until its load is down again."""

    def __init__(self, joints: int | tuple[int, ...]) -> None:
        self.load, self.lasts_s = np.zeros(joints), np.zeros(joints)
        self.eased = np.zeros(joints, bool)

    def see(self, load: np.ndarray, passed_s: float) -> None:
        """Loads, -1 to 1, of a tick."""
        hard = self.load = np.abs(load)
        self.lasts_s = np.where(hard > STRAINED, self.lasts_s + passed_s, 0.0)
        self.eased = (self.lasts_s > STRAINED_S) | (self.eased & (hard > RELIEVED))

    def gap_rad(self, ahead_rad: np.ndarray) -> np.ndarray:
        """How far ahead of the first joints goals may be that are so far ahead now (..., n), rad."""
        joints = ahead_rad.shape[-1]
        gap = np.where(self.eased[..., :joints], EASED_GAP_RAD, GAP_RAD)
        return np.minimum(gap, held_rad(ahead_rad, self.load[..., :joints]))


def held_rad(ahead_rad: np.ndarray, load: np.ndarray) -> np.ndarray:
    """How far goals may be ahead of joints, rad, for servos not to work harder than HELD, by how hard they work with goals so far ahead now."""
    hard = np.abs(load)
    return np.where(hard > HELD, np.abs(ahead_rad) * HELD / np.maximum(hard, HELD), np.inf)


class Stall:
    """A jaw that presses in vain, and burns: once it was eased it stays so until it is told to go the other way."""

    def __init__(self) -> None:
        self.way = 0.0  # on which it is held back: 1 or -1 of its angle; 0: it is not

    def see(self, eased: bool, wanted_rad: float, jaw_rad: float) -> None:
        """Whether it has just been eased, where it is to be, and where it is."""
        way = 1.0 if wanted_rad > jaw_rad else -1.0
        if eased:
            self.way = self.way or way
        elif way != self.way:
            self.way = 0.0


SHARES = (1.0, 0.5, 0.25, 0.0)  # of an action, that are tried
CLEAR_M = 0.004  # from itself and from the table
WAY_PARTS = 8  # at which the way to where it begins is looked at


@dataclass(frozen=True)
class Limits:
    """box_low_m, box_high_m (3,): where the hand may be; low_rad, high_rad (n,): joints' ranges; gap_rad (5,), most_rad: how far goals are
    ahead of the joints, and how much joints change in a tick, at most."""

    box_low_m: np.ndarray
    box_high_m: np.ndarray
    low_rad: np.ndarray
    high_rad: np.ndarray
    gap_rad: np.ndarray
    most_rad: float


class RollOut:
    """Where an action would lead: its joints get as far as they are told, and from there the arm must be able to go to rest."""

    def __init__(self, clearance: Clearance, kinematics: Kinematics, limits: Limits, ready_rad: np.ndarray) -> None:
        self.clearance, self.kinematics, self.limits, self.ready_rad = clearance, kinematics, limits, ready_rad

    def least_m(self, joint_rad: np.ndarray, motion: np.ndarray, ticks: int, to_ready: bool) -> float:
        """The least clearance while the hand moves so (5,) in each tick; and from there to where it begins, unless it goes back as it came."""
        q, goal, limits = joint_rad.copy(), joint_rad.copy(), self.limits
        least = np.inf
        for _ in range(ticks):
            wanted = motion.copy()
            inside(self.kinematics.look(q), wanted, limits.box_low_m, limits.box_high_m)
            changes = self.kinematics.change(q, wanted, limits.most_rad)
            follow(q, changes, limits.gap_rad, limits.low_rad, limits.high_rad, goal)
            q[:] = goal
            least = min(least, self.clearance.at(q))
        if to_ready:
            ready = np.concatenate([self.ready_rad, q[-1:]])
            least = min(least, self.clearance.on_the_way(q, ready, WAY_PARTS))
        return float(least)
