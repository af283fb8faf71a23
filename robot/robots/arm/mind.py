"""The mind of an arm: demonstrations first, then practice, and the way home. A task completes it.

Torque that is switched off lets a raised arm fall, so it comes to rest in order: it holds, goes back the way it came, to where it
is clear of everything, lowers itself onto itself, and only there lets go.
"""

from abc import abstractmethod
from collections import deque
from typing import ClassVar

import numpy as np

from drivers.board_stage import BoardReading
from drivers.reading_record import reading_of
from drivers.servo_bus import ServoReading
from policies.actor import Actor
from robot.practice.episodic_mind import EpisodicMind, Phase
from robot.robots.arm.posture import Posture
from robot.robots.arm.setup import ArmSetup
from robot.robots.arm.way_home import WAY_MAX, way_home
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned

TICK_S = 0.02
BOARD_FRESH_S = 0.3
STILL_RAD_S = 0.05
REARMED_AFTER_S, COOL_C = 0.5, 60.0
REST_RAD = 0.1
# For a near or far point of a way; where something holds the arm, the next one pulls harder.
PATIENCE_S, LONG_PATIENCE_S = 1.0, 4.0
TRAIL_RAD = 0.06  # between two points of the way that it came


class ArmMind(EpisodicMind):
    """Beside what the task says: hand, demonstrations, and how the arm comes to rest."""

    tick_s = TICK_S
    setup: ArmSetup
    needs_board: ClassVar[bool] = True

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        self.posture = Posture(setup, TICK_S)
        self.ready, self.folded, self.rest_at = map(np.array, (setup.ready_rad, setup.folded_rad, setup.rest_rad))
        self.rng = np.random.default_rng([*setup.seed, 0xA63])  # of where episodes begin, and of demonstrations
        self.board = BoardReading()
        self.moves = 0  # of the board, that have been asked for
        self.torque = False
        self.leading: list[np.ndarray] = []  # where the joints are led, instead of the hand, one after the other
        self.trail: list[np.ndarray] = []  # back to where it is clear
        self.home = [self.ready, self.folded, self.rest_at]  # after the trail
        self.leads_s = 0.0  # for how long to the first of these
        self.to_show = setup.demonstrations
        self.held: list[np.ndarray] = []  # transitions of a demonstration that may yet fail
        self.waiting: deque[np.ndarray] = deque()  # transitions on their way out
        self.rearmed, self.rearmed_s = 0, 0.0
        self.age = 0  # decisions of this episode
        self.aside_m = np.zeros(3)  # of what it holds from what is to be reached, as it is seen, in the frame of that
        super().__init__(setup, actor)

    # What a task says

    @abstractmethod
    def observe(self) -> np.ndarray:
        """What is seen with `posture` and `board` as they are now."""

    @abstractmethod
    def clear(self) -> bool:
        """Whether the hand may go to `ready` from here by any way."""

    @abstractmethod
    def error_m(self) -> float:
        """How far from where it was to be, as it is seen, an episode has ended."""

    @abstractmethod
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        """Motion of the hand, (5,), in a tick, of an action of the skill in force."""

    # What the house asks

    def see(self, readings: np.ndarray) -> np.ndarray | None:
        board = reading_of(readings["board"], BoardReading)
        sees = self.posture.see(reading_of(readings["follower"], ServoReading))
        if board.age_s < BOARD_FRESH_S:
            self.board = board
            self.moves = max(self.moves, board.moves)
        if self.posture.faulty:
            self._hold_again(float(readings["time_s"]))
        if not sees:
            return None
        self.torque = True
        self._remember_the_way()
        blind = self.needs_board and not board.age_s < BOARD_FRESH_S and self.phase is Phase.PRACTISE
        return None if blind else self.observe()

    def tick(self, readings: np.ndarray) -> None:
        """One tick. The time of demonstrations is none of practice; theirs that failed teach nothing."""
        showing, before = self.to_show > 0, self.practice_s
        super().tick(readings)
        out = self.outputs
        if showing:
            self.practice_s = before
            out["practice_s"] = before
        if self.transition is not None:
            (self.held if self.transition["demonstration"] else self.waiting).append(self.transition)
        self.transition = self.waiting.popleft() if self.waiting else None
        if out["is_decision"]:
            self.age += 1
            self.decided()
        figures = out["figures"]
        figures["aside_m"] = self.aside_m
        figures["end_m"], figures["load"] = self.posture.pose[:3], float(np.abs(self.posture.load).max())
        figures["speed_rad_s"], figures["demonstrations"] = np.abs(self.posture.joint_rad_s).max(), self.to_show

    def decided(self) -> None:
        """A decision was made with what is seen now."""

    def end(self, skill: Learned, now: float, outcome: Outcome) -> None:
        """A demonstration that is over is no episode of practice."""
        episodes, events = self.ended, len(self.events)
        showing = self.to_show > 0 and not skill.way_back
        super().end(skill, now, outcome)
        if outcome is Outcome.TAKEN_OVER:
            self.anew()
        if not showing:
            for kind, told in self.events[events:]:
                if kind == "episode":
                    told["error_m"] = self.error_m()
            return
        if self.transition is not None:
            self.held.append(self.transition)
            self.transition = None
        succeeded = outcome is Outcome.SUCCESS
        if succeeded:
            self.waiting.extend(self.held)
            self.to_show -= 1
        else:
            self.decisions.step -= len(self.held)
        duration_s = self.episode["merit"] if self.episode is not None else 0.0
        self.held, self.episode, self.ended = [], None, episodes
        self.events[events:] = [event for event in self.events[events:] if event[0] != "episode"]
        self.events.append(("demonstration", {"succeeded": succeeded, "duration_s": duration_s}))

    def next(self, now: float, succeeded: bool) -> None:
        super().next(now, succeeded)
        self.anew()

    def anew(self) -> None:
        """Another skill is in force, or the order of skills begins anew."""
        self.age, self.leading = 0, []

    def rest(self, seen: np.ndarray) -> np.ndarray:
        return self.nothing

    def at_rest(self, seen: np.ndarray) -> bool:
        posture = self.posture
        return posture.near(self.rest_at, REST_RAD) and bool((np.abs(posture.joint_rad_s) < STILL_RAD_S).all())

    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        posture = self.posture
        if posture.known:
            if self.phase is Phase.FINISH:
                self.leading = [*reversed(self.trail), *self.home]
            if self.leading:
                self._lead()
            else:
                posture.move(self.motion_of(action))
        told = out["command"]
        told["goal_rad"], told["moves"], told["rearmed"] = posture.goal_rad, self.moves, self.rearmed
        told["torque"] = self.torque and self.phase is not Phase.DONE
        self.stop_plan = way_home(self.torque, [*reversed(self.trail[-WAY_MAX + len(self.home) :]), *self.home])

    def _hold_again(self, now: float) -> None:
        """A servo has let go: told its torque anew it holds where it is by then, unless it is too hot."""
        if self.torque and now - self.rearmed_s > REARMED_AFTER_S and self.posture.hottest_c < COOL_C:
            self.rearmed, self.rearmed_s = self.rearmed + 1, now

    def _lead(self) -> None:
        """A tick on the way of `leading`; on the way home points are passed once."""
        self.posture.lead(self.leading[0])
        self.leads_s += TICK_S
        patience_s = PATIENCE_S if self.trail else LONG_PATIENCE_S
        if not self.posture.near(self.leading[0]) and self.leads_s < patience_s:
            return
        self.leads_s = 0.0
        self.leading = self.leading[1:]
        if self.phase is Phase.FINISH and self.trail:
            self.trail.pop()
        elif self.phase is Phase.FINISH and len(self.home) > 1:
            self.home.pop(0)

    def _remember_the_way(self) -> None:
        """Only while the arm works: on its way home it forgets, point by point."""
        if self.phase is not Phase.PRACTISE:
            return
        now = self.posture.joint_rad[:-1]
        if self.clear():
            self.trail = []
        elif not self.trail or float(np.abs(now - self.trail[-1]).max()) > TRAIL_RAD:
            self.trail.append(now.copy())
