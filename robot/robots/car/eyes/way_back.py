"""Recovery of a car that cannot look around itself: back the way that it came, which was free when it drove there.

    halt -> back, steering as it steered there -> halt -> done
              | it does not move: it slid there sideways, and leans against a wall
            a little to and fro, straight or turning, until it moves

Where it hits something again soon after, it goes further back. It gives up where nothing moves it. Who has touched nothing, and sees no way
on, goes back as it came, or not at all: elsewhere may be anybody.
"""

from collections import deque
from enum import IntEnum

from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command

BACK_M = (0.7, 1.1, 1.6, 2.2)  # at the first try, the second, ...
FREE_M = 3.0  # driven since, it was freed
KEPT_M = 4.0  # of the way that is remembered
CREEP_M_S = 0.8
HALT_S = 0.3
STANDING_M_S = 0.05
STALLED_S, STALLED_M = 0.8, 0.05  # moved less in so long: there is no way
MOVED_M = 0.15  # enough to call it free
# Where the way that it came is closed: direction, and steering angle, rad, positive towards the side to which it turned. A car that leans
# with its flank against the outside of a bend gets away from it neither straight nor by much steering, which swings out its other end: a
# little to and fro.
ELSEWHERE = (
    (1, 0.25), (-1, -0.2), (1, 0.25), (-1, -0.4), (1, 0.4), (1, 0.0), (-1, 0.0), (-1, 0.4), (1, -0.25), (-1, 0.2), (1, -0.25), (1, -0.4),
)  # fmt: skip
ELSEWHERE_M = 0.35


class Phase(IntEnum):
    IDLE = 0
    HALT = 1
    MOVE = 2
    HALT_AGAIN = 3
    DONE = 4
    FAILED = 5


class WayBack:
    """Of one car. `watch` while others drive, `begin`, then `step` until it is `finished`."""

    def __init__(self) -> None:
        self.phase, self.elapsed_s, self.tries = Phase.IDLE, 0.0, 0
        self._trail: deque[tuple[float, float]] = deque()  # way, m, and steering angle, rad, where it drove
        self._here_m = self._freed_m = self._goal_m = 0.0
        self._began_m = self._mark_m = 0.0  # of this move; since when it was to have moved on
        self._marked_s = self._still_s = self._steer_rad = 0.0
        self._side = 1.0  # to which it turned: 1 left, -1 right
        self._turn = 0  # 0: the way that it came; then those elsewhere
        self._as_it_came = False  # and not elsewhere

    def watch(self, rolled_m: float, steer_rad: float) -> None:
        """A tick in which somebody else drives, who may roll back a little by himself."""
        self._here_m += rolled_m
        self._rolled_back()
        if rolled_m > 0.0:
            self._trail.append((self._here_m, steer_rad))
        while self._trail and self._trail[0][0] < self._here_m - KEPT_M:
            self._trail.popleft()
        if self._here_m - self._freed_m > FREE_M:
            self.tries = 0

    def _rolled_back(self) -> None:
        while self._trail and self._trail[-1][0] > self._here_m:
            self._steer_rad = self._trail.pop()[1]

    def begin(self, as_it_came: bool = False) -> None:
        """From whatever state. as_it_came: by a way that is known, or not at all."""
        self.phase, self.elapsed_s, self._still_s, self._turn = Phase.HALT, 0.0, 0.0, 0
        self._as_it_came = as_it_came
        if as_it_came and (not self._trail or self._here_m - self._trail[0][0] < MOVED_M):
            self.phase = Phase.FAILED
        self.tries += 1
        back_m = BACK_M[min(self.tries, len(BACK_M)) - 1]
        self._goal_m = self._here_m - back_m
        if self._trail:
            self._goal_m = max(self._goal_m, self._trail[0][0])  # further nobody knows
            self._steer_rad = self._trail[-1][1]
        self._side = 1.0 if self._steer_rad >= 0.0 else -1.0

    @property
    def finished(self) -> bool:
        return self.phase >= Phase.DONE

    def step(self, elapsed_s: float, v_x: float, rolled_m: float) -> Command:
        """One tick: what to do now."""
        self.elapsed_s += elapsed_s
        self._here_m += rolled_m
        self._still_s = self._still_s + elapsed_s if abs(v_x) < STANDING_M_S else 0.0
        if self.phase is Phase.HALT and self._still_s > HALT_S:
            self._move()
        elif self.phase is Phase.MOVE:
            self._look_after(elapsed_s)
        elif self.phase is Phase.HALT_AGAIN and self._still_s > HALT_S:
            self.phase, self._freed_m = Phase.DONE, self._here_m
        if self.phase is not Phase.MOVE:
            return Command(self._steer_rad, 0.0, FULL_BRAKE_A)
        if self._turn == 0:
            self._rolled_back()
            return Command(self._steer_rad, -CREEP_M_S)
        direction, inwards_rad = ELSEWHERE[self._turn - 1]
        return Command(self._side * inwards_rad, direction * CREEP_M_S)

    def _move(self) -> None:
        self.phase, self._marked_s = Phase.MOVE, 0.0
        self._began_m = self._mark_m = self._here_m

    def _look_after(self, elapsed_s: float) -> None:
        """Whether this move has come to its end, or does not get on."""
        moved_m = abs(self._here_m - self._began_m)
        self._marked_s += elapsed_s
        if abs(self._here_m - self._mark_m) > STALLED_M:
            self._mark_m, self._marked_s = self._here_m, 0.0
        there = self._here_m <= self._goal_m if self._turn == 0 else moved_m > ELSEWHERE_M
        stalled = self._marked_s > STALLED_S
        if there or (stalled and moved_m > MOVED_M):
            self.phase, self._still_s = Phase.HALT_AGAIN, 0.0
        elif stalled and not self._as_it_came and self._turn < len(ELSEWHERE):
            self._turn += 1
            self._move()
        elif stalled:
            self.phase = Phase.FAILED
