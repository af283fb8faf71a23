"""Where the board and its hole are, felt with the peg: what the camera that sees them is always wrong by, as this arm has it.

At each place to which the stage brings the board, the peg comes down on either side of the hole, slowly, and is stopped as soon as its
servos feel something: that is the surface. Then it presses lightly and winds outwards from where the camera sees the hole until it drops in. In the
hole, the hand says where the hole was. The camera is wrong by something else each time; what is left on average is its calibration, and
what the arm's own zeros put its hand aside by: both at once are what practice has to take off.
"""

import math

import numpy as np

from robot.commissioning.steps import Found, SetupError
from robot.commissioning.values import Value
from robot.robots.arm.script import pressed_m
from robot.robots.arm.setup_arm.rig import TICK_S, Rig, Tell
from robot.robots.arm.setup_arm.values import OF_CAMERA, OF_HOLE, fitted
from sim.arm.kinematics import attitude

PLACES, ENOUGH, PATIENCE = (
    16,
    10,
    4,
)  # boards that are felt, that have to be found, and how many may be missed at first, and last
OVER_M, ASIDE_M = 0.02, 0.026  # the peg's end over the board on its way; where the surface is touched, from the hole
FAST_M_S, FAST_RAD_S, GAIN_1_S, NEAR_M, NEAR_RAD, COMES_S = 0.12, 1.5, 6.0, 0.003, 0.05, 6.0
PROBE_M_S, FREE_S, FELT_M, DEEPEST_M = (
    0.02,
    0.3,
    0.0015,
    0.03,
)  # of a guarded move down: what is felt, and when there is no board
PITCH_M, SEARCH_M_S, WIDEST_M = 0.0011, 0.012, 0.0095  # of the way outwards
PRESS_M_S, PRESSED_M, INSIDE_M, PUSHED_M = 0.03, 0.004, 0.004, 0.008  # how deep it has fallen in; how deep it goes
DOWN_S, WOUND_S = 8.0, 60.0  # within which a guarded move down and a way outwards are over
CLEARANCE_M, SURFACE_M = 0.0004, 0.0005  # floors of averages: a peg lies anywhere in its hole
ONCE = 3.0  # times these, of a single hole
NOT_FOUND = "the hole was not found where the board is now"


class Board:
    """The board as the camera sees it now. place (3,), frame (3, 3)."""

    def __init__(self, rig: Rig, correction_m: np.ndarray) -> None:
        self.seen = np.array(rig.board.place_m)
        self.place, self.frame = self.seen - correction_m, np.eye(3)
        attitude(np.array(rig.board.quaternion), self.frame)

    @property
    def up(self) -> np.ndarray:
        return self.frame[:, 2]

    def lies(self, beyond_m: float, before_m: float) -> None:
        """As its surface was felt, ASIDE_M beyond the hole and before it."""
        self.place += self.up * 0.5 * (beyond_m + before_m)
        slope = 0.5 * (beyond_m - before_m) / ASIDE_M
        x, z = self.frame[:, 0] + slope * self.up, self.up - slope * self.frame[:, 0]
        length = math.sqrt(1.0 + slope * slope)
        self.frame[:, 0], self.frame[:, 2] = x / length, z / length

    def height_m(self, point: np.ndarray) -> float:
        return float(((point - self.place) * self.up).sum())


def feel(rig: Rig, tell: Tell) -> Found:
    """What the camera was wrong by where the hole was found, (k, 3), m, and the joints there, (k, 5); where the hole is now, nothing where it was
    not found at its last place. Raises SetupError."""
    wrong: list[np.ndarray] = []
    joints: list[list[float]] = []
    missed = 0
    for k in range(PLACES + PATIENCE):
        tell(min(1.0, k / PLACES), f"feels for the hole: {len(wrong)} found")
        if k:
            rig.next_board()
        correction_m = np.median(wrong, axis=0) if wrong else np.zeros(3)
        board = Board(rig, correction_m)
        heights_m = []
        for aside_m in (ASIDE_M, -ASIDE_M):
            _come(rig, board, board.place + aside_m * board.frame[:, 0] + OVER_M * board.up)
            heights_m.append(board.height_m(_touch(rig, board)))
        board.lies(*heights_m)
        _come(rig, board, board.place + OVER_M * board.up)
        found = _search(rig, board)
        if found is None:
            missed += 1
        else:
            wrong.append(board.seen - found)
            joints.append(rig.posture.joint_rad[:-1].tolist())
        _come(rig, board, rig.posture.pose[:3] + OVER_M * 2.0 * board.up)
        if found is not None and k >= PLACES - 1:
            break
        if missed >= PATIENCE and not wrong:
            raise SetupError(
                f"no hole within {1000.0 * WIDEST_M:.0f} mm of where the camera sees it, at {PATIENCE} places: were the base's two ends "
                "(shoulder_pan) confused, or the hand's (wrist_roll)? Is the camera calibrated to the arm's base?"
            )
    rig.lead(rig.ready_rad)
    if len(wrong) < ENOUGH:
        raise SetupError(
            f"the hole was found at {len(wrong)} of {PLACES} places, {ENOUGH} are needed: is the peg held firmly?"
        )
    return {"wrong_m": np.array(wrong).tolist(), "hole_m": [] if found is None else found.tolist(), "joint_rad": joints}


def values_of(wrong_m: np.ndarray, hole_m: np.ndarray) -> list[Value]:
    """What the camera is always wrong by, and where the hole is. wrong_m (k, 3): at each place; hole_m (3,), or (0,): not found."""
    mean = wrong_m.mean(axis=0)
    sigma = wrong_m.std(axis=0, ddof=1) / math.sqrt(len(wrong_m))
    floors = (CLEARANCE_M, CLEARANCE_M, SURFACE_M)
    camera = [fitted(name, float(mean[k]), float(sigma[k]), floors[k]) for k, name in enumerate(OF_CAMERA)]
    if len(hole_m) == 0:
        return [*camera, *(Value(name, 0.0, 0.0, 0.0, NOT_FOUND) for name in OF_HOLE)]
    hole = [fitted(name, float(hole_m[k]), 0.0, ONCE * floors[k]) for k, name in enumerate(OF_HOLE)]
    return [*camera, *hole]


def _come(rig: Rig, board: Board, place: np.ndarray) -> None:
    """Bring the peg's end to a place, as upright over the board as it goes in. Raises SetupError where it does not come there."""
    most = np.array([FAST_M_S, FAST_M_S, FAST_M_S, FAST_RAD_S, FAST_RAD_S]) * TICK_S
    end_s = rig.clock.now() + COMES_S
    while True:
        motion = rig.posture.kinematics.towards(place, board.frame).copy()
        if np.abs(motion[:3]).max() < NEAR_M and np.abs(motion[3:]).max() < NEAR_RAD:
            return
        if rig.clock.now() > end_s:
            raise SetupError(
                f"the hand does not come to the board: it is {1000.0 * np.abs(motion[:3]).max():.0f} mm away; does it stand within reach?"
            )
        rig.move(np.clip(GAIN_1_S * TICK_S * motion, -most, most))


def _touch(rig: Rig, board: Board) -> np.ndarray:
    """A guarded move down: where the peg's end is, (3,), m, when its servos feel something. Raises SetupError where there is nothing."""
    down = np.concatenate([-PROBE_M_S * TICK_S * board.up, np.zeros(2)])
    free: list[float] = []
    end_s = rig.clock.now() + DOWN_S
    while True:
        rig.move(down)
        pressed = _pressed_m(rig)
        if len(free) * TICK_S < FREE_S:
            free.append(pressed)
        elif pressed - float(np.mean(free)) > FELT_M:
            return rig.posture.pose[:3].copy()
        if board.height_m(rig.posture.pose[:3]) < -DEEPEST_M:
            raise SetupError(
                f"nothing is felt where the camera sees the board, down to {1000.0 * DEEPEST_M:.0f} mm below it: is it there?"
            )
        if rig.clock.now() > end_s:
            raise SetupError(
                f"the hand does not come down to where the camera sees the board: is that above box_low_m, {list(rig.arm.box_low_m)}?"
            )


def _search(rig: Rig, board: Board) -> np.ndarray | None:
    """Wind outwards on the surface until the peg drops in; the middle of the hole, (3,), m, or None."""
    angle, posture = 0.0, rig.posture
    end_s = rig.clock.now() + WOUND_S
    while True:
        radius = PITCH_M * angle / math.tau
        if radius > WIDEST_M or rig.clock.now() > end_s:
            return None
        goal = board.place + radius * (math.cos(angle) * board.frame[:, 0] + math.sin(angle) * board.frame[:, 1])
        height = board.height_m(posture.pose[:3])
        if height < -INSIDE_M:
            break
        if height < 0.002:
            angle += SEARCH_M_S * TICK_S / max(radius, PITCH_M)
        motion = posture.kinematics.towards(goal, board.frame).copy()
        motion[:3] -= board.up * float((motion[:3] * board.up).sum())
        motion *= GAIN_1_S * TICK_S
        if _pressed_m(rig) < PRESSED_M:
            motion[:3] -= PRESS_M_S * TICK_S * board.up
        rig.move(motion)
    for _ in range(round(0.6 / TICK_S)):  # deeper, and let it find its place
        motion = np.zeros(5)
        if board.height_m(posture.pose[:3]) > -PUSHED_M and _pressed_m(rig) < PRESSED_M:
            motion[:3] = -PRESS_M_S * TICK_S * board.up
        rig.move(motion)
    end = posture.pose[:3].copy()
    middle: np.ndarray = end - board.up * board.height_m(end)
    return middle


def _pressed_m(rig: Rig) -> float:
    posture = rig.posture
    return pressed_m(posture.kinematics, posture.goal_rad[:-1] - posture.joint_rad[:-1])
