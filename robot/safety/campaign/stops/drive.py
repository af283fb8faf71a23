"""A robot with all that drives it in one process, on lockstep time: what a fork of it can be stopped in."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot.runtime.control_loop import ControlLoop
from robot.safety.campaign.stops.stops import STANDING_M_S
from robot.safety.campaign.truth import Seen


class AdvancingClock:
    """The emulated devices' time, which goes on when somebody waits."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self.advance = advance
        self.time_s = 0.0

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.time_s:
            self.advance(time_s)
            self.time_s = time_s


class Drive(ABC):
    """One robot on its way; its kind says how it is judged, and what a guardian does. loop: started, on an AdvancingClock.

    requested: what the session asks of control: 1 to finish, 2 an emergency stop. dead_ticks: since control has died; -1: it
    lives. noticed_ticks: how long it takes until a guardian has noticed that.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self.loop = loop
        self.requested = 0
        self.dead_ticks = -1
        self.noticed_ticks = 0
        self._operator = np.zeros(loop.readings["operator"].shape)

    @property
    def time_s(self) -> float:
        return self.loop.clock.now()

    def tick(self) -> None:
        """One tick of control, or, where that has died, of whoever is there instead."""
        self.loop.wait()
        if self.dead_ticks < 0:
            self.loop.run_tick(self.requested, False, 0, 0.0, self._operator)
            return
        self.dead_ticks += 1
        self.without_control()

    @abstractmethod
    def without_control(self) -> None:
        """What a guardian does in this tick."""

    @property
    @abstractmethod
    def practises(self) -> bool:
        """Whether its policy drives it."""

    @property
    def over(self) -> bool:
        """Whether it has come to its end, so that there is nothing more to be stopped."""
        return False

    @abstractmethod
    def seen(self) -> Seen:
        """How things really are."""

    @abstractmethod
    def forget_touches(self) -> None:
        """From here on `worst_touch_m_s` counts."""

    @property
    @abstractmethod
    def worst_touch_m_s(self) -> float: ...

    @abstractmethod
    def settle(self) -> None:
        """Let the devices take in all that was sent: the lines are empty."""

    @abstractmethod
    def flush(self) -> None:
        """Throw away what is on the lines."""

    def close(self) -> None:
        for device in self.loop.devices.values():
            device.close()


@dataclass(frozen=True)
class DriveCause:
    """One way to stop a drive. rest_m_s: it has come to its end when it is slower. lasts_s: before, nothing has ended."""

    do: Callable[[Any], None]
    rest_m_s: float = STANDING_M_S
    lasts_s: float = 0.0


def ask(request: int) -> DriveCause:
    """The session's order."""
    return DriveCause(lambda drive: setattr(drive, "requested", request))


def miss_deadlines(rest_m_s: float) -> DriveCause:
    """Control comes too late again and again, and goes on slowly."""

    def do(drive: Drive) -> None:
        drive.loop.missed_ticks += 50

    return DriveCause(do, rest_m_s)


def die(noticed_ticks: int) -> DriveCause:
    """Control is gone, which a guardian notices after so many ticks. Who is dead does not die again."""

    def do(drive: Drive) -> None:
        if drive.dead_ticks < 0:
            drive.dead_ticks, drive.noticed_ticks = 0, noticed_ticks

    return DriveCause(do)
