"""A leader arm beside a virtual arm, and the person whose hand moves it, so that nobody has to be there.

A leader is an arm like the follower, whose servos are let go: they tell how a person turns them. The person sees how things really are. Who
waits with its peg over the board is shown how to insert it, and who has searched for its hole for long is helped: the leader is picked up
from where it lies, brought to about where the follower is, its trigger squeezed, the peg led over the hole and down; then the trigger is let
go of, and the leader laid down.
"""

from enum import Enum

import numpy as np

from sim.arm.insertion import Hole
from sim.arm.kinematics import PLACE, Hand, Kinematics

HAND_RAD_S = 1.5  # as fast as a person turns a joint
RELEASED_RAD, SQUEEZED_RAD = 1.7, 0.4  # of the trigger, which is the leader's jaw
LYING_RAD = (0.0, -1.68, 1.63, 1.5, 0.0, RELEASED_RAD)
ABOUT_RAD = 0.08  # by which a person misses where the follower is, to either side
STILL_M_S, WAITS_S, WAITS_M = (
    0.005,
    1.0,
    (0.01, 0.08),
)  # slower and for longer, an arm that is so high waits to be shown
SEARCHES_M, SEARCHES_S = 0.008, 3.0  # lower and for longer, it is helped
OVER_M, OVER_WITHIN_M, PRESSES_M = (
    0.008,
    0.0007,
    0.004,
)  # over the hole, and from how near it is led down; how far below the peg
IN_M, STAYS_S = 0.009, 0.3  # so deep, it is in; for longer, nobody draws it out again
GUIDES_S = 12.0  # then the person gives up
GENTLY, AHEAD_M, AHEAD_RAD = (
    0.6,
    0.012,
    0.12,
)  # share of the way, and the most, that the leader's hand is ahead of the follower's
THERE_RAD = 0.01


class LeaderShafts:
    """What turns a leader's servos. A joint whose servo holds is stronger than the person who is to move it gently."""

    def __init__(self, supply_v: float) -> None:
        self.joint_rad = np.array(LYING_RAD)
        self._rad_s = np.zeros(len(LYING_RAD))
        self._held = np.zeros(len(LYING_RAD), bool)
        self._supply_v = supply_v

    def turn(self, wanted_rad: np.ndarray, passed_s: float) -> None:
        """Towards angles, as fast as a person does."""
        most = HAND_RAD_S * passed_s
        change = np.where(self._held, 0.0, np.clip(wanted_rad - self.joint_rad, -most, most))
        self.joint_rad += change
        self._rad_s = change / max(passed_s, 1e-9)

    def angle_rad(self, joint: int) -> float:
        return float(self.joint_rad[joint])

    def speed_rad_s(self, joint: int) -> float:
        return float(self._rad_s[joint])

    def duty(self, joint: int) -> float:
        return 0.0

    def bus_v(self) -> float:
        return self._supply_v

    def drive(self, joint: int, goal_rad: float, torque_share: float) -> None:
        self._held[joint] = torque_share > 0.0

    def advance(self, until_s: float) -> None: ...


class Does(Enum):
    LOOKS = 0
    PICKS_UP = 1
    GUIDES = 2
    LETS_GO = 3  # of the trigger, while the leader stays where it is
    LAYS_DOWN = 4


class Person:
    """Of one leader. hand: the follower's, and so the leader's."""

    def __init__(self, shafts: LeaderShafts, hand: Hand, rng: np.random.Generator) -> None:
        self.shafts, self._rng = shafts, rng
        self.does = Does.LOOKS
        self.helped = 0  # times that the peg went in
        self.sets_up = False  # turns joints as told, and does nothing else
        self._follower, self._leader = Kinematics(hand), Kinematics(hand)
        self._wanted_rad = shafts.joint_rad.copy()
        self._misses_rad = np.zeros(hand.joints)
        self._waits_s = self._searches_s = self._guides_s = self._in_s = 0.0

    def look(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        """A moment later: the follower's joints (n,), its peg's end in the hole's frame (3,), how fast that is, and the hole."""
        if not self.sets_up:
            getattr(self, f"_{self.does.name.lower()}")(passed_s, joint_rad, peg_m, tip_m_s, hole)
        self.shafts.turn(self._wanted_rad, passed_s)

    def by_hand(self, joint_rad: dict[int, float]) -> None:
        """Joints to angles, for a set-up; the others stay."""
        self.sets_up = True
        for joint, angle in joint_rad.items():
            self._wanted_rad[joint] = angle

    def _looks(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        height = float(peg_m[2])
        waits = tip_m_s < STILL_M_S and WAITS_M[0] < height < WAITS_M[1]
        searches = -IN_M < height < SEARCHES_M
        self._waits_s = self._waits_s + passed_s if waits else 0.0
        self._searches_s = self._searches_s + passed_s if searches else 0.0
        if self._waits_s > WAITS_S or self._searches_s > SEARCHES_S:
            self._waits_s = self._searches_s = self._guides_s = self._in_s = 0.0
            self._misses_rad = self._rng.uniform(-ABOUT_RAD, ABOUT_RAD, len(self._misses_rad))
            self.does = Does.PICKS_UP

    def _picks_up(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        self._wanted_rad[:-1] = joint_rad + self._misses_rad
        if float(np.abs(self._wanted_rad - self.shafts.joint_rad).max()) < THERE_RAD:
            self._wanted_rad[-1] = SQUEEZED_RAD
            self.does = Does.GUIDES

    def _guides(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        """The leader's hand is led ahead of the follower's, over the hole, and down."""
        aside_m = float(np.sqrt(peg_m[0] * peg_m[0] + peg_m[1] * peg_m[1]))
        height = float(peg_m[2])
        down = aside_m < OVER_WITHIN_M or height < 0.0
        up_m = max(height - PRESSES_M, -2.0 * IN_M) if down else max(height, OVER_M) if aside_m > AHEAD_M else OVER_M
        pose = self._follower.look(joint_rad)
        motion = self._follower.towards(hole.place_m + up_m * hole.frame[:, 2], hole.frame)
        here = pose[PLACE] + np.clip(GENTLY * motion[:3], -AHEAD_M, AHEAD_M)
        self._leader.look(self._wanted_rad)
        led = self._leader.towards(here, hole.frame)
        led[3:] = np.clip(led[3:], -AHEAD_RAD, AHEAD_RAD)
        self._wanted_rad[:-1] += self._leader.change(self._wanted_rad, led, HAND_RAD_S * passed_s)
        self._guides_s += passed_s
        self._in_s += passed_s if height < -IN_M or self._in_s > 0.0 else 0.0
        if self._in_s > STAYS_S or self._guides_s > GUIDES_S:
            self.helped += self._in_s > STAYS_S
            self._wanted_rad[-1] = RELEASED_RAD
            self.does = Does.LETS_GO

    def _lets_go(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        if float(np.abs(self._wanted_rad - self.shafts.joint_rad).max()) < THERE_RAD:
            self._wanted_rad = np.array(LYING_RAD)
            self.does = Does.LAYS_DOWN

    def _lays_down(self, passed_s: float, joint_rad: np.ndarray, peg_m: np.ndarray, tip_m_s: float, hole: Hole) -> None:
        if float(np.abs(self._wanted_rad - self.shafts.joint_rad).max()) < THERE_RAD:
            self.does = Does.LOOKS
