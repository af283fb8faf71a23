"""The supervisor: from flags to a mode, by one table of rules. Which flags there are and what each leads to, a robot says.

Modes are ordered by severity. A rule holds for as long as its flag is raised and for `hold_s` after it, each by itself;
the most severe rule that holds sets the mode, and the first of these in the table gives the reason.
"""

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag

FOR_EVER = math.inf


class Mode(IntEnum):
    """What the supervisor lets happen, by severity."""

    RUN = 0  # what was proposed, within the robot's limits
    BACKUP = 1  # the same, slowly
    RECOVER = 2  # what the recovery proposes
    STOP = 3  # come to rest
    EMERGENCY_STOP = 4  # the same, and never again without a person


@dataclass(frozen=True, slots=True)
class Rule:
    """While `flag` is raised, and for `hold_s` after it, at least `mode`; a raised `released_by` ends it.

    reason: a number of the robot's own, for logs and people.
    """

    flag: IntFlag
    mode: Mode
    hold_s: float
    reason: IntEnum
    released_by: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """All that the supervisor remembers. raised_s: when each rule's flag was last raised, -inf where it no longer holds."""

    raised_s: tuple[float, ...]
    reason: IntEnum
    mode: Mode = Mode.RUN
    since_s: float = -math.inf  # of the mode


class Table:
    """The rules of a robot, and the reason for a mode where none of them holds."""

    def __init__(self, rules: tuple[Rule, ...], no_reason: IntEnum) -> None:
        self.rules = rules
        self.numbers = tuple(
            (int(rule.flag), int(rule.released_by), rule.hold_s) for rule in rules
        )  # quicker than enums
        self.start = State((-math.inf,) * len(rules), no_reason)

    def decide(self, state: State, flags: int, now_s: float) -> State:
        """The next state. Pure: the same arguments give the same result."""
        if not flags and state.raised_s == self.start.raised_s:
            return state  # no rule holds, so it runs already
        bits = int(flags)
        raised_s = tuple(
            now_s if flag & bits else -math.inf if released_by & bits or now_s - last > hold_s else last
            for (flag, released_by, hold_s), last in zip(self.numbers, state.raised_s, strict=True)
        )
        mode, reason = Mode.RUN, self.start.reason
        for rule, last in zip(self.rules, raised_s, strict=True):
            if last > -math.inf and (rule.mode > mode or reason is self.start.reason):
                mode, reason = rule.mode, rule.reason
        return State(raised_s, reason, mode, state.since_s if mode is state.mode else now_s)


class Supervisor:
    """The supervisor of one robot: its table, with the state kept between ticks."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.state = table.start

    def decide(self, flags: int, now_s: float) -> Mode:
        """Take in a tick's flags; returns the mode."""
        self.state = self.table.decide(self.state, flags, now_s)
        return self.state.mode

    @property
    def reason(self) -> IntEnum:
        """Why the mode is what it is."""
        return self.state.reason
