"""The mind of an arm: demonstrations first, then practice, and the way home. A task completes it.

Torque that is switched off lets a raised arm fall, so it comes to rest in order: it holds, goes back the way it came, to where it
is clear of everything, lowers itself onto itself, and only there lets go.
"""

import itertools
from abc import abstractmethod
from collections import deque
from typing import ClassVar

import numpy as np

from drivers.board_stage import BoardReading
from drivers.reading_record import reading_of
from drivers.servo_bus import ServoReading
from policies.actor import Actor
from robot.practice.episodic_mind import EpisodicMind, Phase, Reason
from robot.robots.arm.leader import Leader
from robot.robots.arm.posture import Posture
from robot.robots.arm.setup import ArmSetup
from robot.robots.arm.shield import CLEAR_M, SHARES
from robot.robots.arm.way_home import PACE, WAY_MAX, way_home
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned, Scripted

TICK_S = 0.02
BOARD_FRESH_S = 0.3
STILL_RAD_S = 0.05
REARMED_AFTER_S = 0.5
HOT_C, COOL_C = 60.0, 50.0  # of the hottest servo, which lets go at 70: from which on the arm lies down, and until when
LOW_S, MORE_V = 0.3, 0.5  # for how long the supply may sag, and what there must be more of before the arm gets up
REST_RAD, FAR_RAD = 0.1, 1.0  # it is there; it has to be led from one to another by the joints
# For a near or far point of a way; where something holds the arm, the next one pulls harder.
PATIENCE_S, LONG_PATIENCE_S = 1.0, 5.0
WAITS = "wait"  # for a person who shows how
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
        self.sighted = False  # in this life: where it is was known
        self.home = [self.ready, self.folded, self.rest_at]  # after the trail
        self.trail_pace: list[float] = []  # from each of these points to the one before
        self.home_pace = [
            self.posture.pace_rad_s(*two) for two in ((self.ready, self.folded), (self.folded, self.rest_at))
        ]
        self.leads_s = 0.0  # for how long to the first of these
        self.unwell = self.lies = False  # too hot, or short of power; lies down for that, and is let go
        self.low_s = 0.0  # for how long the supply has been too low
        self.to_show = setup.demonstrations
        self.held: list[np.ndarray] = []  # transitions of a demonstration that may yet fail
        self.waiting: deque[np.ndarray] = deque()  # transitions on their way out
        self.rearmed, self.rearmed_s = 0, 0.0
        self.age = 0  # decisions of this episode
        self.leader = Leader(setup, self.posture.kinematics.hand) if setup.leader_low_rad else None
        self.by_hand = self.helped = False  # a person acts in this decision; has acted in this episode
        self.aside_m = np.zeros(3)  # of what it holds from what is to be reached, as it is seen, in the frame of that
        super().__init__(setup, actor)

    # What a task says

    @abstractmethod
    def observe(self) -> np.ndarray:
        """What is seen with `posture` and `board` as they are now."""

    @abstractmethod
    def clear(self) -> bool:
        """Whether the hand may go to `ready` from here by any way."""

    def back_out(self) -> list[np.ndarray]:
        """Joint angles (5,), the last ones first, that lead out of what it may stand in or on; none, where it is to go back as it came."""
        return []

    @abstractmethod
    def error_m(self) -> float:
        """How far from where it was to be, as it is seen, an episode has ended."""

    @abstractmethod
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        """Motion of the hand, (5,), in a tick, of an action of the skill in force."""

    @property
    def ahead_m(self) -> float:
        """How far goals may be ahead of the hand: where it presses against nothing stiff, as far as joints' goals may be."""
        return np.inf

    @abstractmethod
    def action_of(self, motion: np.ndarray) -> np.ndarray:
        """The action of a decision in which the policy moves the hand by (5,), at most as far as it may."""

    @abstractmethod
    def script(self) -> np.ndarray:
        """The action of the script that shows how."""

    # What the house asks

    def see(self, readings: np.ndarray) -> np.ndarray | None:
        board = reading_of(readings["board"], BoardReading)
        sees = self.posture.see(reading_of(readings["follower"], ServoReading))
        if board.age_s < BOARD_FRESH_S:
            self.board = board
            self.moves = max(self.moves, board.moves)
        if self.leader is not None:
            self.leader.see(reading_of(readings["leader"], ServoReading))
        if self.posture.faulty:
            self._hold_again(float(readings["time_s"]))
        if not sees:
            return None
        self.torque, seen = True, self.observe()
        self._remember_the_way()
        self._feel()
        blind = self.needs_board and not board.age_s < BOARD_FRESH_S
        return None if self.unwell or (self.phase is Phase.PRACTISE and (blind or self.unled)) else seen

    @property
    def unled(self) -> bool:
        """Whether a person is to be able to take over, and could not."""
        return self.leader is not None and not self.leader.heard

    def shown(self) -> np.ndarray | None:
        """What a person's hand asks for; where somebody is to show how, and no person can, what a script does."""
        skill, before = self.order.skill, self.by_hand
        self.by_hand = self.leader is not None and self.leader.taken
        if self.by_hand is not before:
            self.events.append(("by_hand", {"practice_s": self.practice_s, "on": self.by_hand}))
        if self.by_hand:
            assert self.leader is not None
            self.helped = True
            return np.clip(
                self.action_of(self.leader.motion(self.posture.kinematics, self.task.decision_s)), -1.0, 1.0
            ).astype(np.float32)
        if self.to_show == 0:
            return None
        by_person = self.leader is not None and isinstance(skill, Learned) and not skill.way_back
        return self.rest(self.seen).astype(np.float32) if by_person else self.script()

    def until_led(self, seen: np.ndarray) -> np.ndarray | None:
        """Stand until a person begins to show how; not at all, where nobody is to."""
        assert self.leader is not None
        return None if self.to_show == 0 or self.leader.taken else self.rest(seen)

    def unfold(self, seen: np.ndarray) -> np.ndarray | None:
        """A script: out of where it rests, to where it may begin; nowhere, where it has begun already."""
        if not self.leading and self.posture.near(self.rest_at, FAR_RAD):
            self.leading = [self.folded, self.ready]
        return self.nothing if self.leading else None

    def with_leader(self, *order: Scripted | Learned) -> tuple[Scripted | Learned, ...]:
        """An order of skills, of which the last one is learned; where there is a leader, it is waited for before that."""
        return order if self.leader is None else (*order[:-1], Scripted(WAITS, self.until_led, np.inf), order[-1])

    def came_back(self, skill: Scripted | Learned, now: float, succeeded: bool) -> None:
        """To wait for a person is no way back."""
        if skill.name != WAITS:
            super().came_back(skill, now, succeeded)

    def tick(self, readings: np.ndarray) -> None:
        """One tick. The time of demonstrations is none of practice; theirs that failed teach nothing."""
        showing, before = self.to_show > 0, self.practice_s
        super().tick(readings)
        out = self.outputs
        if out["reason"] == Reason.BLIND and (self.unwell or (self.posture.known and self.unled)):
            out["reason"] = Reason.UNWELL if self.unwell else Reason.UNLED
        if showing:
            self.practice_s = before
            out["practice_s"] = before
        if self.transition is not None:
            may_fail = showing and self.transition["demonstration"]
            (self.held if may_fail else self.waiting).append(self.transition)
        self.transition = self.waiting.popleft() if self.waiting else None
        if out["is_decision"]:
            self.age += 1
            self.decided()
        figures = out["figures"]
        figures["aside_m"] = self.aside_m
        figures["end_m"], figures["load"] = self.posture.pose[:3], float(np.abs(self.posture.load).max())
        figures["speed_rad_s"], figures["demonstrations"] = np.abs(self.posture.joint_rad_s).max(), self.to_show

    def allowed(self, action: np.ndarray) -> np.ndarray:
        """As much of an action as keeps the arm from itself and from its table while it is carried out, and on a way to rest after it."""
        posture, ticks = self.posture, max(1, round(self.task.decision_s / TICK_S))
        best, best_m = action, -np.inf
        for share in SHARES:
            tried = action.copy()
            tried[: posture.kinematics.hand.joints] *= np.float32(share)
            least_m = posture.roll_out.least_m(
                posture.joint_rad, np.array(self.motion_of(tried), np.float64), ticks, not self.trail
            )
            if least_m > CLEAR_M:
                return tried
            if least_m > best_m:
                best, best_m = tried, least_m
        return best

    def follow(self, skill: Scripted, now: float) -> np.ndarray:
        """A tick of a scripted skill, which is no more allowed than a policy."""
        action = super().follow(skill, now)
        return action if self.leading else self.allowed(action)

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
                    told["error_m"], told["by_hand"] = self.error_m(), self.helped
            self.episode = None if self.helped else self.episode  # which says nothing of the policy
            self.helped = False
            return
        self.helped = False
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

    def upright(self, place: np.ndarray) -> np.ndarray:
        """A frame whose z is upwards and whose x leads from the base to a place, whose first numbers are x and y, m."""
        x, y = place[0] - self.posture.kinematics.hand.origins[0, 0], place[1]
        length = max(1e-6, float(np.sqrt(x * x + y * y)))
        c, s = x / length, y / length
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def rest(self, seen: np.ndarray) -> np.ndarray:
        return self.nothing

    def at_rest(self, seen: np.ndarray) -> bool:
        posture = self.posture
        return posture.near(self.rest_at, REST_RAD) and bool((np.abs(posture.joint_rad_s) < STILL_RAD_S).all())

    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        posture = self.posture
        if posture.known:
            if self.going_home:
                self.leading = [*reversed(self.trail), *self.home]
            if self.leading:
                self._lead()
            else:
                posture.move(self.motion_of(action), self.ahead_m)
        told = out["command"]
        told["goal_rad"], told["moves"], told["rearmed"] = posture.goal_rad, self.moves, self.rearmed
        told["torque"] = self.torque and self.phase is not Phase.DONE and not self.lies
        self.stop_plan = way_home(self.torque, posture.goal_rad[:-1], self._way())

    @property
    def going_home(self) -> bool:
        return self.unwell or self.phase is Phase.FINISH

    def _feel(self) -> None:
        """Whether it is unwell. What a servo does by itself then, let go, lets a raised arm fall: it lies down before that."""
        posture, low_v = self.posture, self.setup.low_v
        self.low_s = self.low_s + TICK_S if posture.lowest_v < low_v else 0.0
        if posture.hottest_c > HOT_C or self.low_s > LOW_S:
            self.unwell = True
        elif self.unwell and posture.hottest_c < COOL_C and posture.lowest_v > low_v + MORE_V:
            self.unwell = self.lies = False
            self.home, self.began_s = [self.ready, self.folded, self.rest_at], None
            self.order.begin()
            self.anew()
        self.lies = self.unwell and (self.lies or self.at_rest(self.seen))

    def _hold_again(self, now: float) -> None:
        """A servo has let go, also before this life: told its torque anew it holds where it is by then, unless it is too hot."""
        if now - self.rearmed_s > REARMED_AFTER_S and self.posture.hottest_c < HOT_C:
            self.torque, self.rearmed, self.rearmed_s = True, self.rearmed + 1, now

    def _lead(self) -> None:
        """A tick on the way of `leading`; on the way home points are passed once."""
        self.posture.lead(self.leading[0], free=not self.trail)
        self.leads_s += TICK_S
        patience_s = PATIENCE_S if self.trail and self.going_home else LONG_PATIENCE_S
        if not self.posture.near(self.leading[0]) and self.leads_s < patience_s:
            return
        self.leads_s = 0.0
        self.leading = self.leading[1:]
        if self.going_home and self.trail:
            self.trail.pop()
            self.trail_pace.pop()
        elif self.going_home and len(self.home) > 1:
            self.home.pop(0)

    def _remember_the_way(self) -> None:
        """Only while the arm works: on its way home it forgets, point by point. A life that is stopped at once remembers where it began."""
        if self.sighted and (self.phase is not Phase.PRACTISE or self.unwell):
            return
        self.sighted = True
        now = self.posture.joint_rad[:-1]
        if self.clear():
            self.trail, self.trail_pace = [], []
            return
        if out := self.back_out():
            self.trail = out
            self.trail_pace = [self.posture.pace_rad_s(*two) for two in itertools.pairwise([self.home[0], *out])]
            return
        for passed, point in enumerate(self.trail):  # where it was before, no detour since then leads back
            if float(np.abs(now - point).max()) < TRAIL_RAD:
                del self.trail[passed + 1 :], self.trail_pace[passed + 1 :]
                return
        self.trail_pace.append(self.posture.pace_rad_s(now, self.trail[-1] if self.trail else self.home[0]))
        self.trail.append(now.copy())

    def _way(self) -> np.ndarray:
        """Home from here, (points, JOINTS), as plans have them."""
        points = [*reversed(self.trail), *self.home]
        pace = [0.0, *reversed(self.trail_pace), *self.home_pace[-len(self.home) + 1 :][: len(self.home) - 1]]
        way = np.column_stack([np.stack(points), pace])
        if len(way) > WAY_MAX:
            way = np.concatenate([way[: WAY_MAX - len(self.home)], way[-len(self.home) :]])
            pace_there = self.posture.pace_rad_s(*way[-len(self.home) - 1 :][:2, :PACE])
            way[-len(self.home), PACE] = pace_there
        way[0, PACE] = self.posture.pace_rad_s(self.posture.goal_rad[:-1], way[0, :PACE])
        return way
