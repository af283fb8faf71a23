"""Where an arm is, and which goals its servos get next: for motions of its hand, and for leading its joints somewhere."""

import numpy as np

from drivers.servo_bus import ServoReading
from robot.robots.arm.arm_file import JOINTS
from robot.robots.arm.setup import ArmSetup
from robot.robots.arm.shield import GAP_RAD, Limits, RollOut, Stall, Strain, held_rad
from robot.robots.arm.way_home import on_the_way
from sim.arm.capsules import Body, Clearance
from sim.arm.kinematics import Hand, Kinematics, follow, inside, shorten

FRESH_S = 0.1  # five ticks without a servo, and the arm is blind
LATE_S = 0.035  # a tick without a servo, and nobody is led on: joints that make up for one another do not without it
JAW_GAP_RAD = 0.03  # limits how hard it grips: two fifths of what its servo could
STALLED_GAP_RAD = 0.008  # where it did so in vain
CHANGE_MAX_RAD = 0.04  # in a tick
LEAD_RAD_S, LEAD_GAP_RAD, FREE_GAP_RAD = 0.9, 0.05, 0.08  # near what it touched, and where nothing is in the way
LEAD_M_S, LEAD_PARTS = 0.09, 8  # of the end of what it holds, while its joints are led; how finely that is looked at
ALONE_M_S = 0.12  # where one of the joints stands, whose servo no longer hears: what joints make up for is then missing
THERE_RAD = 0.04
REACH_ROUNDS = 5  # of steps to a place: a few centimetres away, what is left is less than a micrometre
HAND_FROM = 4  # the first link that is part of the hand


class Posture:
    """Of one arm. goal_rad (JOINTS,): what its servos are to be told; joint_rad, joint_rad_s, load: what they told last."""

    def __init__(self, setup: ArmSetup, tick_s: float) -> None:
        self.low, self.high = np.array(setup.low_rad), np.array(setup.high_rad)
        self.box_low, self.box_high = np.array(setup.box_low_m), np.array(setup.box_high_m)
        self.jaw_rad, self.tick_s = setup.hold_rad, tick_s  # what the jaw is to be told
        axes, origins, offsets, tool = map(np.array, (setup.axes, setup.origins_m, setup.offsets_rad, setup.tool))
        hand = Hand(axes, origins, offsets, self.low[:-1].copy(), self.high[:-1].copy(), tool)
        self.kinematics = Kinematics(hand)
        limits = Limits(self.box_low, self.box_high, self.low, self.high, np.full(JOINTS - 1, GAP_RAD), CHANGE_MAX_RAD)
        clearance = Clearance(body_told(setup), setup.table_m, HAND_FROM)
        self.roll_out = RollOut(clearance, Kinematics(hand), limits, np.array(setup.ready_rad))
        self.goal_rad, self.joint_rad = np.zeros(JOINTS), np.zeros(JOINTS)
        self.joint_rad_s, self.load = np.zeros(JOINTS), np.zeros(JOINTS)
        self.strain, self.stall = Strain(JOINTS), Stall()
        self.known = False  # where it is, since the beginning or since it was blind or a servo had let go
        self.late = False  # whether a servo has not told in time
        self.faulty, self.hottest_c, self.lowest_v = False, 0.0, np.inf

    @property
    def pose(self) -> np.ndarray:
        """Of the end of what it holds; see `sim.arm.kinematics`."""
        return self.kinematics.pose

    def see(self, told: ServoReading) -> bool:
        """Take in what servos told; whether all of them did so lately, and none has let go because something is wrong with it."""
        fresh = len(told.age_s) == JOINTS and bool((told.age_s < FRESH_S).all())
        self.late = not told.oldest_age_s < LATE_S
        self.faulty = fresh and bool((told.status != 0.0).any())
        if fresh:
            self.joint_rad[:], self.joint_rad_s[:], self.load[:] = told.position_rad, told.speed_rad_s, told.load
            self.kinematics.look(self.joint_rad)
            self.strain.see(self.load, self.tick_s)
            self.hottest_c, self.lowest_v = float(told.temperature_c.max()), float(told.voltage_v.min())
            if not self.known:
                self.goal_rad[:] = self.joint_rad
        self.known = fresh and not self.faulty
        return self.known

    def move(self, motion: np.ndarray, ahead_m: float = np.inf) -> None:
        """Goals for a motion (5,) of the hand in a tick, within the box and the joints' ranges, that leave the hand at most so far to go."""
        wanted = np.array(motion, np.float64)
        inside(self.pose, wanted, self.box_low, self.box_high)
        change = self.kinematics.change(self.joint_rad, wanted, CHANGE_MAX_RAD)
        self._follow(change, self.strain.gap_rad((self.goal_rad - self.joint_rad)[:-1]))
        shorten(self.kinematics.jacobian, self.joint_rad, ahead_m, self.goal_rad)

    def near(self, joint_rad: np.ndarray, within_rad: float = THERE_RAD) -> bool:
        """Whether the joints (JOINTS - 1,) are at angles."""
        return bool((np.abs(joint_rad - self.joint_rad[:-1]) < within_rad).all())

    def reach(self, joint_rad: np.ndarray, place: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Joint angles (JOINTS - 1,), from others on, that bring the hand to a place (3,), along a frame (3, 3)."""
        return self.roll_out.kinematics.reach(joint_rad, place, frame, REACH_ROUNDS)

    def pace_rad_s(self, start_rad: np.ndarray, end_rad: np.ndarray) -> float:
        """How fast the joint that has furthest to go is led from angles (JOINTS - 1,) to others."""
        together_m, alone_m = self.kinematics.led_m_rad(start_rad, end_rad, LEAD_PARTS)
        return min(LEAD_RAD_S, LEAD_M_S / max(together_m, 1e-9), ALONE_M_S / max(alone_m, 1e-9))

    def lead(self, joint_rad: np.ndarray, free: bool) -> None:
        """Goals that lead the joints (JOINTS - 1,) to angles, together, and the hand at a walking pace; while a servo is late they stay."""
        if self.late:
            return
        here, gap_rad = self.goal_rad[:-1], FREE_GAP_RAD if free else LEAD_GAP_RAD
        held = held_rad(here - self.joint_rad[:-1], self.load[:-1])
        self._follow(
            on_the_way(here, joint_rad, self.pace_rad_s(here, joint_rad), self.tick_s), np.minimum(gap_rad, held)
        )

    def _follow(self, changes_rad: np.ndarray, gap_rad: np.ndarray) -> None:
        follow(self.joint_rad, changes_rad, gap_rad, self.low, self.high, self.goal_rad)
        jaw = float(self.joint_rad[-1])
        self.stall.see(bool(self.strain.eased[-1]), self.jaw_rad, jaw)
        jaw_gap_rad = STALLED_GAP_RAD if self.stall.way else JAW_GAP_RAD
        self.goal_rad[-1] = min(max(self.jaw_rad, jaw - jaw_gap_rad), jaw + jaw_gap_rad)


def body_told(setup: ArmSetup) -> Body:
    """As the setup tells it; without capsules in setups that told of none."""
    axes, origins = np.array(setup.body_axes).reshape(-1, 3), np.array(setup.body_origins_m).reshape(-1, 3)
    ends = np.array(setup.capsule_ends_m).reshape(-1, 2, 3)
    return Body(
        axes,
        origins,
        np.array(setup.body_offsets_rad),
        np.array(setup.capsule_links, int),
        ends,
        np.array(setup.capsule_radii_m),
    )
