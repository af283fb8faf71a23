"""How a guardian brings an arm to rest: it holds, goes the way that control left, and lets go where the arm lies.

Servos have no watchdog: they keep their last goals, and an arm whose control died holds by itself. Without torque it would fall.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from drivers.base import LinkLost
from drivers.declared import make_driver
from drivers.servo_bus import ServoBus, ServoReading
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.shield import held_rad
from robot.robots.arm.way_home import PACE, WayHome, on_the_way, points_of
from robot.runtime.clock import RealClock
from robot.runtime.session_file import SessionFile

STEP_S = 0.02
GAP_RAD, FAR_GAP_RAD = 0.05, 0.08  # goals are at most so far ahead of the joints: near what it touched, and far from it
THERE_RAD, LYING_RAD, STILL_RAD_S = 0.05, 0.12, 0.05
FULL_LOAD_RAD = 0.07  # a servo's goal ahead of its joint at full duty: what carries the arm's weight, where nobody knows what it was told
PATIENCE_S, LONG_PATIENCE_S, FAR_POINTS = 1.0, 5.0, 3  # for a near or far point; how many at the end of a way are far
FRESH_S, LATE_S = 0.2, 0.045  # with older readings it holds; nobody is led on


def passed(way: list[np.ndarray], begin_rad: np.ndarray, here_rad: np.ndarray) -> int:
    """How many points of a way from where it begins (5,) an arm has behind it that is now here (5,)."""
    nearest, ends = 0, [begin_rad, *(point[:PACE] for point in way)]
    least_rad = math.inf
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        along = end - start
        share = float((along * (here_rad - start)).sum()) / max(float((along * along).sum()), 1e-12)
        away_rad = float(np.abs(start + min(1.0, max(0.0, share)) * along - here_rad).max())
        if away_rad <= least_rad:
            nearest, least_rad = number, away_rad
    return nearest


class Planned(Protocol):
    """What control has left, as `PlanBlock.read` tells it."""

    def read(self) -> tuple[int, np.ndarray] | None: ...


def prepare(session: SessionFile) -> Callable[[], "ArmRest"]:
    """Read all that a stop needs, now; what is returned begins one. Raises ValueError for a wrong robot's file."""
    settings = replace(load_arm(session.robot).follower, port=session.ports["follower"])
    plan = WayHome.attach(session.names["plan"])
    return lambda: ArmRest(make_driver(settings, RealClock()), plan)


class ArmRest:
    """One stop. trouble: why nothing can be said to the arm; empty while it can."""

    def __init__(self, bus: ServoBus, plan: Planned) -> None:
        self.bus, self.trouble = bus, ""
        self._plan = plan
        self._connected = False
        self._way: list[np.ndarray] | None = None  # what is left of it
        self._ticks = 0  # on the way to the first of its points
        self._lies_at: np.ndarray | None = None
        self._goal: np.ndarray | None = None
        self._seen: ServoReading | None = None

    def act(self) -> float:
        """Let it hold by the goals that it has, until it is known where the arm is; then a step on the way.

        To be told to stay where it is would let it sink: a goal has to be ahead of a joint to carry the arm's weight.
        """
        try:
            self._connected = self._connected or self.bus.reconnect()
            self.trouble = "" if self._connected else self.bus.trouble()
            if not self._connected:
                return -STEP_S
            here = self._here()
            if here is None:
                self.trouble = self.bus.trouble()
                return -STEP_S
            self.bus.write(self._next(here).tolist())
        except LinkLost as error:
            self._connected, self.trouble = False, str(error)
            return -STEP_S
        return STEP_S

    def _here(self) -> np.ndarray | None:
        """Joint angles, of servos that all answered lately."""
        seen = self._seen
        return None if seen is None or not seen.oldest_age_s < FRESH_S else np.array(seen.position_rad, float)

    def _next(self, here: np.ndarray) -> np.ndarray:
        """The goals of the next moment."""
        assert self._seen is not None
        if self._way is None:
            found = self._plan.read()
            holds, told_rad, points = (False, here[:-1], []) if found is None else points_of(found[1])
            self._way = points if holds else []
            self._lies_at = points[-1][:PACE] if points else None
            self._goal = here.copy()
            if self._way and bool((np.abs(told_rad - here[:-1]) < FAR_GAP_RAD).all()):
                self._goal[:-1] = told_rad
            elif self._way:  # another guardian has led it on since
                self._goal = here + np.array(self._seen.load, float) * FULL_LOAD_RAD
                del self._way[: passed(self._way, told_rad, here[:-1])]
        assert self._goal is not None
        if self._seen.oldest_age_s > LATE_S:  # joints that make up for one another do not without the one that is late
            return self._goal
        self._ticks += 1
        patience_s = PATIENCE_S if len(self._way) > FAR_POINTS else LONG_PATIENCE_S
        while len(self._way) > 1 and (
            bool((np.abs(self._way[0][:PACE] - here[:-1]) < THERE_RAD).all()) or self._ticks * STEP_S > patience_s
        ):
            self._way.pop(0)
            self._ticks = 0
        if self._way:
            step = on_the_way(self._goal[:-1], self._way[0][:PACE], float(self._way[0][PACE]), STEP_S)
            held = held_rad(self._goal[:-1] - here[:-1], np.array(self._seen.load[:-1], float))
            gap = np.minimum(GAP_RAD if len(self._way) > FAR_POINTS else FAR_GAP_RAD, held)
            ahead = np.minimum(np.maximum(self._goal[:-1] + step, here[:-1] - gap), here[:-1] + gap)
            self._goal[:-1] = ahead
        return self._goal

    @property
    def at_rest(self) -> bool:
        """Take in what was answered: whether the arm lies where it may be let go, and does not move."""
        try:
            self._seen = self.bus.read() if self._connected else None
        except LinkLost:
            self._connected, self._seen = False, None
        here = self._here()
        if here is None or self._seen is None:
            return False
        still = bool((np.abs(self._seen.speed_rad_s) < STILL_RAD_S).all())
        return still and self._lies(here)

    def _lies(self, here: np.ndarray) -> bool:
        return self._lies_at is not None and bool((np.abs(self._lies_at - here[:-1]) < LYING_RAD).all())

    def act_in_lockstep(self) -> str:
        """Leave one hold for the moment at which the servos' time goes on."""
        if not self.bus.reconnect():
            return self.bus.trouble()
        self.bus.stop()
        return "the servos hold the arm where it is"

    def release(self) -> None:
        """Let go where the arm lies; anywhere else it goes on holding."""
        here = self._here()
        if here is None or not self._lies(here) or not all(map(math.isfinite, here)):
            return
        self.bus.let_go()

    def close(self) -> None:
        self.bus.close()
