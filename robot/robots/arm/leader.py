"""The leader: an arm that a person's hand moves, and by which the follower is shown how, and taken over.

Squeezed, its trigger (the leader's jaw) says that the person acts; let go of, the policy acts again. Nothing opens the trigger of a leader that
lies about closed: it leads nobody before it has been seen open. A joint's angle means the same share of its range on
both arms, so a leader may be of another make. What it asks for is told as an action of the task: the step, of at most the task's size, that
leads the follower's hand to where the leader's is. So what is learned from is what a policy can do, and it goes through the shield.

A follower never jumps, whatever the two differ by when the trigger is squeezed: it goes to where the leader is at a walking pace, and from
then on as fast as its policy could. To refuse until they agree would be no use: nobody can hold five limp joints as another arm stands.
"""

import numpy as np

from drivers.servo_bus import ServoReading
from robot.robots.arm.arm_file import JOINTS
from robot.robots.arm.setup import ArmSetup
from sim.arm.kinematics import ACROSS, APPROACH, PLACE, Hand, Kinematics

FRESH_S = 0.1
PACE_M_S, PACE_RAD_S, AGREES_M = 0.09, 0.6, 0.015  # until the hands have been as near to each other
AS_TIGHT_RAD = 0.1  # of what the follower's jaw is told
SQUEEZED = 0.85  # share of the jaw's range, below which its trigger is squeezed


class Leader:
    """Of one arm. heard: whether all of its servos told lately; taken: whether the person acts. jaw_rad: what the trigger asks of the
    follower's jaw."""

    def __init__(self, setup: ArmSetup, hand: Hand) -> None:
        self._low, self._high = np.array(setup.leader_low_rad), np.array(setup.leader_high_rad)
        self._own_low, self._own_high = np.array(setup.low_rad), np.array(setup.high_rad)
        self._kinematics = Kinematics(hand)
        self._frame = np.zeros((3, 3))
        self._agreed = self._grips = False  # since the person acts: the hands, the jaws
        self._seen_open = False  # its trigger, since the beginning
        self.heard = self.taken = False
        self.jaw_rad = 0.0

    def see(self, told: ServoReading) -> None:
        """What its servos told."""
        self.heard = len(told.age_s) == JOINTS and bool(
            (told.age_s < FRESH_S).all() and np.isfinite(told.position_rad).all()
        )
        if not self.heard:
            self.taken = self._agreed = self._grips = False
            return
        share = np.minimum(np.maximum((told.position_rad - self._low) / (self._high - self._low), 0.0), 1.0)
        joint_rad = self._own_low + share * (self._own_high - self._own_low)
        self._seen_open = self._seen_open or bool(share[-1] >= SQUEEZED)
        self.taken = self._seen_open and bool(share[-1] < SQUEEZED)
        self._agreed, self._grips = self._agreed and self.taken, self._grips and self.taken
        # the trigger's way below SQUEEZED is all of the jaw's
        self.jaw_rad = float(
            self._own_low[-1] + min(1.0, share[-1] / SQUEEZED) * (self._own_high[-1] - self._own_low[-1])
        )
        pose = self._kinematics.look(joint_rad)
        approach, across = pose[APPROACH], pose[ACROSS]
        self._frame[:, 1], self._frame[:, 2] = across, -approach
        self._frame[:, 0] = [across[1] * -approach[2] + across[2] * approach[1],
                             across[2] * -approach[0] + across[0] * approach[2],
                             across[0] * -approach[1] + across[1] * approach[0]]  # fmt: skip

    def motion(self, follower: Kinematics, within_s: float) -> np.ndarray:
        """Of the follower's hand, (5,), to where the leader's is; as far as it may go in this time, before they have agreed."""
        motion = np.array(follower.towards(self._kinematics.pose[PLACE], self._frame))
        away_m = float(np.sqrt((motion[:3] * motion[:3]).sum()))
        self._agreed = self._agreed or away_m < AGREES_M
        if not self._agreed:
            turned_rad = float(np.abs(motion[3:]).max())
            motion *= min(1.0, PACE_M_S * within_s / away_m, PACE_RAD_S * within_s / max(turned_rad, 1e-9))
        return motion

    def jaw(self, told_rad: float) -> float:
        """What the follower's jaw is to be told that was told an angle before: what it holds is not dropped as the person begins, but
        once the trigger has been about as tight."""
        self._grips = self._grips or self.jaw_rad <= told_rad + AS_TIGHT_RAD
        return self.jaw_rad if self._grips else told_rad
