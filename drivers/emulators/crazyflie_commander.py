"""Who decides what the drone is to do: the commander, its priorities, and the high-level commander's plans.

By Bitcraze's commanders_setpoints.md and commander.c: set-points from the ground win over the high-level commander and
stop its plan; an app's win over both. `notify setpoint stop` hands the priority back, and then the high-level commander
stops the motors unless it has a plan. Plans are 7th-order polynomials.
"""

import math
import struct
from dataclasses import replace
from enum import IntEnum

import numpy as np

from drivers.emulators.crazyflie_body import E_V_X, E_X, E_YAW
from drivers.emulators.crazyflie_setpoint import ABS, OFF, VEL, ZERO, Setpoint, Vector, position_setpoint
from drivers.emulators.crtp import Error

HIGH_LEVEL_MS = 10  # period of the high-level commander's set-points
SHORTEST_S, LONGEST_S = 0.01, 3600.0  # of a flight


class Priority(IntEnum):
    """Of a set-point's source; a lower one is not listened to while a higher one is active."""

    DISABLED = 0
    HIGH_LEVEL = 1
    GROUND = 2
    APP = 3


class Commander:
    """The newest set-point and the priority of its source."""

    def __init__(self) -> None:
        self.setpoint = Setpoint()
        self.priority = Priority.DISABLED

    def take(self, setpoint: Setpoint, priority: Priority, now_ms: int) -> bool:
        """Take a set-point, unless a source of higher priority is active. True if it was taken."""
        if priority < self.priority:
            return False
        self.setpoint, self.priority = replace(setpoint, timestamp_ms=now_ms), priority
        return True

    def relax(self) -> None:
        """Listen to all sources again."""
        self.priority = Priority.HIGH_LEVEL


N_COEFFICIENTS = 8
POWERS = np.arange(N_COEFFICIENTS)
DERIVATIVES = np.array([[float(math.perm(p, k)) for p in POWERS] for k in range(4)])  # of each power at time 1


class Segment:
    """A flight from here to there: polynomials of the time since its start, for x, y, z (m) and yaw (rad)."""

    def __init__(self, coefficients: np.ndarray, start_ms: int, duration_s: float, stops: bool) -> None:
        """coefficients: (4, N_COEFFICIENTS), lowest power first. stops: at the end all rates are taken to be 0."""
        self.start_ms, self.duration_s, self._stops = start_ms, duration_s, stops
        rates = np.pad(coefficients[:, 1:] * POWERS[1:], ((0, 0), (0, 1)))
        accelerations = np.pad(rates[:, 1:] * POWERS[1:], ((0, 0), (0, 1)))
        self._polynomials = np.stack([coefficients, rates, accelerations])

    def at(self, now_ms: int) -> np.ndarray:
        """Place, rate and acceleration, (3, 4)."""
        t = 1e-3 * (now_ms - self.start_ms)
        values = self._polynomials @ min(t, self.duration_s) ** POWERS
        if self._stops and t >= self.duration_s:
            values[1:] = 0.0
        return values


def smooth(start: np.ndarray, end: np.ndarray, duration_s: float) -> np.ndarray:
    """Coefficients of a flight from place, rate and acceleration (3, 4) to rest at `end` (4,), without jerk at either end.

    Solved in shares of the duration, so that the equations are the same for all durations.
    """
    low = np.stack([start[0], start[1] * duration_s, 0.5 * start[2] * duration_s**2, np.zeros(4)], axis=1)
    wanted = np.stack([end, np.zeros(4), np.zeros(4), np.zeros(4)])
    high = np.linalg.solve(DERIVATIVES[:, 4:], wanted - DERIVATIVES[:, :4] @ low.T)
    return np.concatenate([low, high.T], axis=1) / duration_s**POWERS


def straight(start: np.ndarray, end: np.ndarray, duration_s: float) -> np.ndarray:
    """Coefficients of a flight at constant speed."""
    coefficients = np.zeros((4, N_COEFFICIENTS))
    coefficients[:, 0], coefficients[:, 1] = start[0], (end - start[0]) / duration_s
    return coefficients


class Plan(IntEnum):
    """What the high-level commander is at."""

    STOPPED = 0  # gives set-points that stop the motors
    FLYING = 1
    LANDING = 2


VERTICAL, GO_TO, GO_TO_2 = struct.Struct("<Bff?f"), struct.Struct("<BB5f"), struct.Struct("<BBB5f")


class HighLevelCommander:
    """Port 8: takes off, goes to places and lands by itself."""

    def __init__(self) -> None:
        self.plan = Plan.STOPPED
        self.group_mask = 0
        self._segment: Segment | None = None
        self._last = np.zeros((3, 4))  # place, rate and acceleration that a new plan starts from

    @property
    def is_flying(self) -> bool:
        return self.plan in (Plan.FLYING, Plan.LANDING)

    def finished(self, now_ms: int) -> bool:
        """True if there is nothing left to fly."""
        return self._segment is None or now_ms - self._segment.start_ms >= 1e3 * self._segment.duration_s

    def stop(self) -> None:
        """Stop the motors, if this commander has the say."""
        self.plan, self._segment = Plan.STOPPED, None

    def tell(self, estimate: np.ndarray) -> None:
        """Where the drone is, for plans to start from."""
        self._last = np.zeros((3, 4))
        self._last[0, :3], self._last[0, 3] = estimate[E_X : E_X + 3], math.radians(estimate[E_YAW])
        self._last[1, :3] = estimate[E_V_X : E_V_X + 3]

    def setpoint(self, now_ms: int, estimate: np.ndarray) -> Setpoint:
        """The present set-point."""
        if self._segment is None:
            self.tell(estimate)
            return Setpoint()
        self._last = self._segment.at(now_ms)
        place, rate, acceleration = self._last
        if self.plan == Plan.LANDING and self.finished(now_ms):
            self.stop()
        goal = position_setpoint(vector(place), vector(rate), vector(acceleration), math.degrees(place[3]))
        return replace(goal, rate_deg_s=(0.0, 0.0, math.degrees(rate[3])))

    def answer(self, data: bytes, now_ms: int, may_fly: bool) -> Error:
        """Carry out a command; `now_ms`: by the drone's clock; may_fly: the motors may run."""
        handlers = {
            0: self._set_group_mask,
            3: self._stop,
            4: self._go_to,
            7: self._take_off,
            8: self._land,
            12: self._go_to_2,
        }
        if not data or data[0] not in handlers:
            return Error.ENOEXEC
        if len(data) < 2 or (not may_fly and data[0] not in (0, 3)):
            return Error.EINVAL
        if data[0] and data[1] and not data[1] & self.group_mask:
            return Error.NONE  # for another group
        try:
            return handlers[data[0]](data[1:], now_ms)
        except struct.error:
            return Error.EINVAL

    def _set_group_mask(self, data: bytes, now_ms: int) -> Error:
        self.group_mask = data[0]
        return Error.NONE

    def _stop(self, data: bytes, now_ms: int) -> Error:
        self.stop()
        return Error.NONE

    def _take_off(self, data: bytes, now_ms: int) -> Error:
        return Error.EPERM if self.is_flying else self._vertical(data, now_ms, Plan.FLYING)

    def _land(self, data: bytes, now_ms: int) -> Error:
        return Error.EPERM if self.plan == Plan.LANDING else self._vertical(data, now_ms, Plan.LANDING)

    def _vertical(self, data: bytes, now_ms: int, plan: Plan) -> Error:
        _, height_m, yaw_rad, keep_yaw, duration_s = VERTICAL.unpack(data)
        if not all(map(math.isfinite, (height_m, yaw_rad, duration_s))):
            return Error.EINVAL
        place = self._last[0]
        self._last[1:] = 0.0  # such plans begin from rest
        yaw = place[3] if keep_yaw else nearest_turn(yaw_rad, place[3])
        return self._fly(np.array([place[0], place[1], height_m, yaw]), duration_s, now_ms, plan)

    def _go_to(self, data: bytes, now_ms: int) -> Error:
        group, relative, *rest = GO_TO.unpack(data)
        return self._go_to_2(GO_TO_2.pack(group, relative, 0, *rest), now_ms)

    def _go_to_2(self, data: bytes, now_ms: int) -> Error:
        _, relative, is_straight, x, y, z, yaw, duration_s = GO_TO_2.unpack(data)
        if not all(map(math.isfinite, (x, y, z, yaw, duration_s))):
            return Error.EINVAL
        end, place = np.array([x, y, z, yaw]), self._last[0]
        end = place + end if relative else np.append(end[:3], nearest_turn(yaw, place[3]))
        return self._fly(end, duration_s, now_ms, Plan.FLYING, bool(is_straight))

    def _fly(self, end: np.ndarray, duration_s: float, now_ms: int, plan: Plan, is_straight: bool = False) -> Error:
        duration_s = min(LONGEST_S, max(SHORTEST_S, duration_s))
        curve = straight(self._last, end, duration_s) if is_straight else smooth(self._last, end, duration_s)
        self._segment, self.plan = Segment(curve, now_ms, duration_s, stops=is_straight), plan
        return Error.NONE


def vector(values: np.ndarray) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])


def nearest_turn(yaw_rad: float, to_rad: float) -> float:
    """The yaw plus whole turns that is nearest to another."""
    return to_rad + math.remainder(yaw_rad - to_rad, 2.0 * math.pi)


def level(setpoint: Setpoint) -> Setpoint:
    """What the supervisor makes of a set-point whose sender is silent: level and without turning, at the same height."""
    _, _, z, *_ = setpoint.modes
    return replace(setpoint, modes=(OFF, OFF, z, ABS, ABS, VEL, OFF), attitude_deg=ZERO, rate_deg_s=ZERO)
