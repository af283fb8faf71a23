"""Where an arm's hand is, how it moves with the joints, and which change of the joints moves it as wanted.

Plain loops in double precision, so that a decision made of them is the same on every processor. Frame: the base's, z upwards.
A hand's motion has five parts, as many as the arm has joints before the jaw: three of its point, m, and two turns, rad: about
the axis of the second joint, which tilts it, and about the way that it points.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

PLACE, APPROACH, ACROSS = slice(0, 3), slice(3, 6), slice(6, 9)  # of a pose, (9,): a point and two unit vectors
PARTS = 5  # of a motion
TILT = 1  # the joint whose axis a tilt is about
TURN_M = 0.1  # a rad counts as much as so many metres
DAMPING = 1e-5  # m2: what keeps changes small where the arm can hardly follow


@dataclass(frozen=True)
class Hand:
    """The joints that carry the hand, n of them, and its point: `sim.arm.parameters.Link`s as arrays.

    axes, origins (n, 3), m; offsets, low, high (n,), rad; tool (3, 3): point, approach and across, in the last link's frame.
    """

    axes: np.ndarray
    origins: np.ndarray
    offsets: np.ndarray
    low: np.ndarray
    high: np.ndarray
    tool: np.ndarray

    @property
    def joints(self) -> int:
        return len(self.axes)


@njit(cache=True)
def _turned(matrix, vector, out):
    for i in range(3):
        out[i] = matrix[i, 0] * vector[0] + matrix[i, 1] * vector[1] + matrix[i, 2] * vector[2]


@njit(cache=True)
def forward(axes, origins, offsets, tool, q, pose, jacobian):
    """Into pose (9,): where the hand is for q (n,), rad. Into jacobian (6, n): linear and angular velocity by each joint's."""
    n = axes.shape[0]
    here, turn, before = np.eye(3), np.zeros((3, 3)), np.zeros((3, 3))
    at, moved = np.zeros(3), np.zeros(3)
    joints_at, joints_axis = np.zeros((n, 3)), np.zeros((n, 3))
    for k in range(n):
        _turned(here, origins[k], moved)
        for i in range(3):
            at[i] += moved[i]
            joints_at[k, i] = at[i]
        _turned(here, axes[k], joints_axis[k])
        angle = q[k] + offsets[k]
        c, s = math.cos(angle), math.sin(angle)
        x, y, z = axes[k, 0], axes[k, 1], axes[k, 2]
        turn[0, 0], turn[0, 1], turn[0, 2] = (
            x * x + (1.0 - x * x) * c,
            x * y - x * y * c - z * s,
            x * z - x * z * c + y * s,
        )
        turn[1, 0], turn[1, 1], turn[1, 2] = (
            x * y - x * y * c + z * s,
            y * y + (1.0 - y * y) * c,
            y * z - y * z * c - x * s,
        )
        turn[2, 0], turn[2, 1], turn[2, 2] = (
            x * z - x * z * c - y * s,
            y * z - y * z * c + x * s,
            z * z + (1.0 - z * z) * c,
        )
        before[:] = here
        for i in range(3):
            for j in range(3):
                here[i, j] = before[i, 0] * turn[0, j] + before[i, 1] * turn[1, j] + before[i, 2] * turn[2, j]
    _turned(here, tool[0], moved)
    for i in range(3):
        pose[i] = at[i] + moved[i]
    _turned(here, tool[1], pose[3:6])
    _turned(here, tool[2], pose[6:9])
    for k in range(n):
        a, r = joints_axis[k], moved
        for i in range(3):
            r[i] = pose[i] - joints_at[k, i]
        jacobian[0, k] = a[1] * r[2] - a[2] * r[1]
        jacobian[1, k] = a[2] * r[0] - a[0] * r[2]
        jacobian[2, k] = a[0] * r[1] - a[1] * r[0]
        for i in range(3):
            jacobian[3 + i, k] = a[i]


@njit(cache=True)
def change(pose, jacobian, motion, q, low, high, most, out):
    """Into out (n,): changes of the joints, each at most `most`, rad, that move the hand by `motion` (5,) as well as they can.

    Least squares with damping (Nakamura and Hanafusa, 1986). A joint that would leave its range goes to the end of it, and the
    others make up for it: those that are held there are fixed, and the rest is solved again.
    """
    n = q.shape[0]
    rows, wanted = np.zeros((PARTS, n)), np.zeros(PARTS)
    for k in range(n):
        for i in range(3):
            rows[i, k] = jacobian[i, k]
            rows[3, k] += TURN_M * jacobian[3 + i, TILT] * jacobian[3 + i, k]
            rows[4, k] += TURN_M * pose[3 + i] * jacobian[3 + i, k]
    for i in range(3):
        wanted[i] = motion[i]
    wanted[3], wanted[4] = TURN_M * motion[3], TURN_M * motion[4]
    held = np.zeros(n, np.bool_)
    a, b = np.zeros((n, n)), np.zeros(n)
    for _ in range(n):
        for i in range(n):
            b[i] = 0.0
            for j in range(n):
                a[i, j] = 0.0
        for i in range(n):
            if held[i]:
                a[i, i], b[i] = 1.0, out[i]
                continue
            for row in range(PARTS):
                left = wanted[row]
                for j in range(n):
                    if held[j]:
                        left -= rows[row, j] * out[j]
                b[i] += rows[row, i] * left
            for j in range(n):
                if not held[j]:
                    for row in range(PARTS):
                        a[i, j] += rows[row, i] * rows[row, j]
            a[i, i] += DAMPING
        for i in range(n):  # positive definite: no pivots
            for j in range(i + 1, n):
                share = a[j, i] / a[i, i]
                for k in range(i, n):
                    a[j, k] -= share * a[i, k]
                b[j] -= share * b[i]
        for i in range(n - 1, -1, -1):
            for j in range(i + 1, n):
                b[i] -= a[i, j] * b[j]
            b[i] /= a[i, i]
        fits = True
        for i in range(n):
            if held[i]:
                continue
            out[i] = b[i]
            if q[i] + out[i] > high[i]:
                out[i], held[i], fits = high[i] - q[i], True, False
            elif q[i] + out[i] < low[i]:
                out[i], held[i], fits = low[i] - q[i], True, False
        if fits:
            break
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(out[i]))
    if largest > most:  # all of them alike, so that the hand keeps its way
        for i in range(n):
            out[i] *= most / largest


@njit(cache=True)
def towards(pose, place, frame, out):
    """Into out (5,): the motion from a pose to a place where the hand points against a frame's z and its across lies along y.

    frame (3, 3): columns x, y, z, in the base's frame. Turns are small angles.
    """
    tilt = turn = 0.0
    for i in range(3):
        out[i] = place[i] - pose[i]
        tilt += frame[i, 0] * pose[3 + i]
        turn += frame[i, 0] * pose[6 + i]
    out[3], out[4] = tilt, -turn


@njit(cache=True)
def attitude(quaternion, frame):
    """Into frame (3, 3): the rotation of a unit quaternion w, x, y, z."""
    w, x, y, z = quaternion[0], quaternion[1], quaternion[2], quaternion[3]
    frame[0, 0], frame[0, 1], frame[0, 2] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)
    frame[1, 0], frame[1, 1], frame[1, 2] = 2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)
    frame[2, 0], frame[2, 1], frame[2, 2] = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)


def attitude_of(pose: np.ndarray) -> np.ndarray:
    """The frame (3, 3) along which a hand points: `towards` leads nowhere from there."""
    across, up = pose[ACROSS], -pose[APPROACH]
    return np.stack([np.cross(across, up), across, up], 1)


@njit(cache=True)
def follow(q, changes, gap, low, high, goal):
    """Into goal (n,): changes added, but at most gap (n,) ahead of the joints q, and within their ranges."""
    for k in range(changes.shape[0]):
        near = min(max(goal[k] + changes[k], q[k] - gap[k]), q[k] + gap[k])
        goal[k] = min(max(near, low[k]), high[k])


@njit(cache=True)
def shorten(jacobian, q, most_m, goal):
    """Goals (n,) that would bring the hand's point further than most_m from where it is with the joints at q are taken nearer, all alike."""
    n = jacobian.shape[1]
    square = 0.0
    for i in range(3):
        ahead_m = 0.0
        for k in range(n):
            ahead_m += jacobian[i, k] * (goal[k] - q[k])
        square += ahead_m * ahead_m
    if square > most_m * most_m:
        share = most_m / math.sqrt(square)
        for k in range(n):
            goal[k] = q[k] + share * (goal[k] - q[k])


@njit(cache=True)
def led_m_rad(axes, origins, offsets, tool, start, end, parts, out):
    """Into out (2,): how far the hand moves, m for each rad of the joint that goes furthest, where it is fastest on an even way
    of the joints from start (n,) to end (n,): with all of them, and with the one standing without which it is fastest.
    """
    n = axes.shape[0]
    q, pose, jacobian, whole = np.zeros(n), np.zeros(9), np.zeros((6, n)), np.zeros(3)
    furthest = 1e-9
    for k in range(n):
        furthest = max(furthest, abs(end[k] - start[k]))
    out[:] = 0.0
    for part in range(parts + 1):
        for k in range(n):
            q[k] = start[k] + (end[k] - start[k]) * part / parts
        forward(axes, origins, offsets, tool, q, pose, jacobian)
        for i in range(3):
            whole[i] = 0.0
            for k in range(n):
                whole[i] += jacobian[i, k] * (end[k] - start[k]) / furthest
        for standing in range(-1, n):
            square = 0.0
            for i in range(3):
                speed = whole[i]
                if standing >= 0:
                    speed -= jacobian[i, standing] * (end[standing] - start[standing]) / furthest
                square += speed * speed
            which = 0 if standing < 0 else 1
            out[which] = max(out[which], math.sqrt(square))


@njit(cache=True)
def inside(pose, motion, low, high):
    """Cut from a motion (5,) what would lead out of a box (3,), (3,); what is outside may come back in."""
    for i in range(3):
        motion[i] = min(max(motion[i], min(low[i] - pose[i], 0.0)), max(high[i] - pose[i], 0.0))


class Kinematics:
    """Of one hand, with the memory that it takes: what a mind asks."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.pose, self.jacobian = np.zeros(9), np.zeros((6, hand.joints))
        self._change, self._motion = np.zeros(hand.joints), np.zeros(PARTS)

    def look(self, q: np.ndarray) -> np.ndarray:
        """The pose for joint angles; `pose` and `jacobian` are of it from then on."""
        hand = self.hand
        forward(hand.axes, hand.origins, hand.offsets, hand.tool, np.ascontiguousarray(q[: hand.joints], np.float64),
                self.pose, self.jacobian)  # fmt: skip
        return self.pose

    def change(self, q: np.ndarray, motion: np.ndarray, most: float) -> np.ndarray:
        """Of the joints at q, for a motion of the hand from where it was looked at last."""
        hand = self.hand
        change(self.pose, self.jacobian, motion, np.ascontiguousarray(q[: hand.joints], np.float64), hand.low, hand.high,
               most, self._change)  # fmt: skip
        return self._change

    def led_m_rad(self, start: np.ndarray, end: np.ndarray, parts: int) -> tuple[float, float]:
        """How far the hand moves at most on an even way of the joints, m for each rad of the one that goes furthest: with all of
        them, and with one that stands."""
        hand, found = self.hand, np.zeros(2)
        led_m_rad(hand.axes, hand.origins, hand.offsets, hand.tool, start, end, parts, found)
        return float(found[0]), float(found[1])

    def towards(self, place: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """The motion from the pose that was looked at last."""
        towards(self.pose, place, frame, self._motion)
        return self._motion

    def reach(self, q: np.ndarray, place: np.ndarray, frame: np.ndarray, rounds: int = 60) -> np.ndarray:
        """Joint angles (n,) from q on that bring the hand to a place as near as they can."""
        angles = np.array(q[: self.hand.joints], np.float64)
        for _ in range(rounds):
            self.look(angles)
            angles += self.change(angles, self.towards(place, frame), 0.2)
        return angles
