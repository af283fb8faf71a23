"""A brake that goes by what the camera shows: no faster than a stop fits into the way that is seen to be free.

An encoder tells for arcs of PATHS_PER_M how far the car could roll there: so far at the least, in nineteen of twenty cases. Of a car that
brakes with BRAKE_M_S2, for braking and cornering together, the square of the speed falls along an arc as a sine does. What is slow enough
to stop along one of the arcs near the one that the policy steers is allowed. Where nothing is to be seen, little is free.

It slows down no harder than the corner lets it: held back fully in the middle of one, who knows the way and sees all of it crashes 3 times
a minute, and never so. All that is of a dry floor; another one, of which the car's filter knows (`grip_left`), holds less or more.
"""

import math

import numpy as np
from numba import njit

from robot.tasks.race_track.by_camera import EMBEDDING, PATHS_PER_M, SEEN_MAX_M
from robot.tasks.race_track.task import SPEED_MAX_M_S, STEER_MAX_RAD, action_for, target

BRAKE_M_S2 = 8.0
ENOUGH_SHARE = 0.85  # of the nominal grip that this takes; a floor that has less holds less, and one that has more than all of it more
LATE_S = 0.1  # the command's delay, and half of a decision
USUAL_S = 0.06  # a picture's age that its trust was measured with: 45 ms, and until the next one comes
MARGIN_M = 0.1
NEAR_PER_M = 0.8  # arcs that the policy may turn to
GRIP_M_S2, LEAST = (
    6.2,
    0.2,
)  # that slowing down and cornering may take together; the share of it that slowing down always may
SLOWS_IN_S = 0.26  # a decision, the command's delay, the speed loop
WHEELBASE_M = 0.33
STRAIGHT_PER_M = 1e-3
TURNS_MORE = 2.0  # than the mean arc, which is too straight, the middle of the way does
CREEP_M_S = 0.4  # who may not even do that stands
NO_WAY_S = 0.5  # standing so: there is no way on


def grip_left(least_grip_shares: tuple[float, float]) -> float:
    """Of what is told here, as a share, from what the axles hold at the least."""
    share = min(least_grip_shares)
    return min(share / ENOUGH_SHARE, max(1.0, share))


@njit(cache=True)
def fastest_m_s(free_m, speed_m_s, steer_rad, grip):
    """The speed that is allowed to a car: 0 where no arc is free. free_m (len(PATHS_PER_M),); steer_rad: that it is told to steer; grip:
    `grip_left`.

    What is not a number is nothing: `min` and `max` would make all of it.
    """
    square, rolls_m = 0.0, 0.0 if speed_m_s < 0.0 else LATE_S * speed_m_s
    for k in range(len(PATHS_PER_M)):
        if abs(PATHS_PER_M[k] - steer_rad / WHEELBASE_M) <= NEAR_PER_M:
            room = free_m[k] - MARGIN_M - rolls_m
            bend = max(STRAIGHT_PER_M, abs(PATHS_PER_M[k]))
            if room > 0.0:
                square = max(
                    square, grip * BRAKE_M_S2 / bend * math.sin(min(2.0 * bend * min(SEEN_MAX_M, room), 0.5 * math.pi))
                )
    return min(SPEED_MAX_M_S, math.sqrt(square))


@njit(cache=True)
def slowest_m_s(speed_m_s, steer_rad, grip):
    """The least speed that may be asked for, so that the car does not slide out of its corner."""
    holds = grip * GRIP_M_S2
    cornering = min(holds, abs(speed_m_s * speed_m_s * math.tan(steer_rad) / WHEELBASE_M))
    slows_m_s2 = max(LEAST * holds, math.sqrt(holds * holds - cornering * cornering))
    return speed_m_s - slows_m_s2 * SLOWS_IN_S


@njit(cache=True)
def hold_back(actions, free_m, speed_m_s, grip, held, allowed_m_s):
    """Write into held (n, 2) float32 the actions (n, 2) with no more speed than is allowed, which goes into allowed_m_s (n,)."""
    for i in range(len(actions)):
        steer_rad, asked_m_s = target(actions[i, 0], actions[i, 1])
        slowest = slowest_m_s(speed_m_s[i], steer_rad, grip)
        allowed_m_s[i] = max(fastest_m_s(free_m[i], speed_m_s[i], steer_rad, grip), slowest)
        held[i] = actions[i]
        if asked_m_s > allowed_m_s[i]:
            held[i, 1] = action_for(steer_rad, allowed_m_s[i])[1]


@njit(cache=True)
def middle_arc(free_m):
    """Curvature, 1/m, of the way between the walls: the mean of all arcs, each counting by the square of how far it is free."""
    total, turned = 1e-9, 0.0
    for k in range(len(PATHS_PER_M)):
        if free_m[k] > 0.0:
            total += free_m[k] * free_m[k]
            turned += free_m[k] * free_m[k] * PATHS_PER_M[k]
    return TURNS_MORE * turned / total


def held_back(actions: np.ndarray, free_m: np.ndarray, speed_m_s: np.ndarray) -> np.ndarray:
    """Actions (n, 2) float32 that ask for no more speed than is allowed on a dry floor, or for the least that can be asked for."""
    held = np.empty(actions.shape, np.float32)
    hold_back(actions.astype(np.float32), free_m, speed_m_s, 1.0, held, np.empty(len(actions)))
    return held


class Sight:
    """Of one car. free_m (len(PATHS_PER_M),): as the newest picture shows it; nothing before the first. grip: `grip_left`.
    drives: who makes of what is asked what is executed, `hold_back` or one like it.
    """

    def __init__(self, steer_max_rad: float = STEER_MAX_RAD) -> None:
        """steer_max_rad: how far its wheels turn. On an arc that is tighter than that it rolls nowhere, whatever is free there."""
        self._too_tight = np.abs(PATHS_PER_M) > math.tan(steer_max_rad) / WHEELBASE_M
        self.free_m = np.zeros(len(PATHS_PER_M), np.float32)
        self.grip, self.drives = 1.0, hold_back
        self.stops = False  # not even creeping is allowed
        self._stands_s = 0.0

    def see(self, seen: np.ndarray, age_s: float, speed_m_s: float) -> None:
        """What an encoder gives (SEEN,) of a picture of that age. Of an older one than is usual, what the car has rolled since is gone."""
        self.free_m[:] = SEEN_MAX_M * seen[EMBEDDING:]
        self.free_m -= max(0.0, age_s - USUAL_S) * abs(speed_m_s)
        self.free_m[self._too_tight] = 0.0

    def held_back(self, proposed: np.ndarray, speed_m_s: float) -> np.ndarray:
        """What is executed in place of an action (2,). Where it `stops`, the speed is to be 0."""
        held, allowed = np.empty((1, 2), np.float32), np.empty(1)
        self.drives(proposed[None], self.free_m[None], np.array([speed_m_s]), self.grip, held, allowed)
        self.stops = bool(allowed[0] < CREEP_M_S)
        executed: np.ndarray = held[0]
        return executed

    def finds_no_way(self, elapsed_s: float, standing: bool) -> bool:
        """Whether the car has stood for a while, and sees no way on. Once a tick."""
        self._stands_s = self._stands_s + elapsed_s if self.stops and standing else 0.0
        return self._stands_s > NO_WAY_S
