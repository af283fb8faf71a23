"""One flight of a Crazyflie: checks, take-off by the firmware, the policy's figure, hand-back, landing.

The host streams set-points all the time: without them the policy on board gives the rotors back after 200 ms,
and the firmware stops them after 2 s. Whatever goes wrong before the landing leads to the landing: a drone that gives
back by itself, silence on the link, Ctrl-C. Landing is the firmware's own, and goes on without the host.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import (
    CONTROLLER_PARAMETER,
    IS_ARMED,
    IS_CRASHED,
    IS_FLYING,
    IS_LOCKED,
    IS_TUMBLED,
    Crazyflie,
    CrazyflieReading,
    Vector,
)
from robot.clock import Clock
from robot.flight.figures import Figure, eased
from robot.flight.flight_log import FLIGHT, FlightLog
from robot.flight.pilot import Aborted, Pilot

HEIGHT_M, CLIMB_S, SETTLE_S = 0.7, 2.5, 1.5  # above where it stood; SETTLE_S is also waited for after the hand-back
ANSWER_S = 3.0  # for the drone to do as it was told: arm, take a parameter, hand over
SILENT_S = 0.5  # without log data for longer, the flight is over
STILL_M, STILL_TICKS = 0.05, 25  # before the motors are armed the estimate may wander so much within so many ticks
FRESH_S = 0.2  # how old news may be
AT_PLACE_M = 0.2  # from which the policy may take over
AGAIN_TICKS = 25  # between requests that have no answer
LAND_AGAIN_S, LAND_LIMIT_S = 4.0, 15.0  # each order to land begins from rest: sooner, it would hold the drone up
LANDED_M = 0.1  # above where it stood
DISARM_TICKS = 5
ROOM_S = 0.1  # how finely a figure is looked at before it is flown
HURT = IS_TUMBLED | IS_CRASHED | IS_LOCKED


class Phase(IntEnum):
    """What the drone is doing; the log's `phase`."""

    GROUND = 0
    TAKE_OFF = 1
    POLICY = 2
    HAND_BACK = 3
    LANDING = 4
    END = 5


class Place(NamedTuple):
    """Where a drone is."""

    board_time_s: float  # by its own clock
    position_m: np.ndarray  # (3,), world


@dataclass
class Flown:
    """What came of a flight. Errors are distances from the goal, m, while the policy flew."""

    errors_m: list[float] = field(default_factory=list)
    landed: bool = False
    trouble: str = ""  # why it ended early; empty if it did not

    @property
    def position_error_m(self) -> float | None:
        """The mean; None if the policy never flew."""
        return float(np.mean(self.errors_m)) if self.errors_m else None


class Mission:
    """Flies once. Set `interrupted` from a signal's handler to make it land: an exception there could leave cflib locked."""

    def __init__(
        self, driver: Crazyflie, pilot: Pilot, figure: Figure, clock: Clock, log: FlightLog,
        truth: Callable[[], Place] | None = None, show: Callable[[Phase, float], None] = lambda phase, share: None,
    ) -> None:  # fmt: skip
        """truth: asks the simulator, where there is one. show: is told of the progress in a phase, 0 to 1."""
        self.driver, self.pilot, self.clock, self.log, self.truth = driver, pilot, clock, log, truth
        self.flown = Flown()
        self.phase = Phase.GROUND
        self.interrupted = False
        self._figure, self._show = figure, show
        self._start_s = clock.now()
        self._tick = 0
        self._ground = np.zeros(3)
        self._home = np.zeros(3)
        self._began_board_s = 0.0

    def fly(self) -> Flown:
        """The whole flight; always ends with a landing, or with trying one."""
        try:
            self._prepare()
            self._take_off()
            self._follow()
            self._hand_back()
        except (Aborted, LinkLost) as error:
            self.flown.trouble = str(error)
            self._note("trouble", text=self.flown.trouble)
        finally:
            self._come_down()
        self._note("result", landed=self.flown.landed)
        return self.flown

    def _come_down(self) -> None:
        """Land if the drone has taken off, and stop the motors on the ground."""
        try:
            if self.phase != Phase.GROUND:
                self._land()
            self._disarm()
        except LinkLost as error:
            self.flown.trouble = self.flown.trouble or str(error)
        finally:
            self.driver.stop()

    def _prepare(self) -> None:
        """Wait for a quiet estimate, then check the policy, choose the controller and arm."""
        places: list[tuple[float, ...]] = []
        for _ in self._ticks(ANSWER_S, "no quiet position estimate: is the positioning system on?"):
            reading = self._step()
            fresh = max(reading.position_age_s, reading.attitude_age_s, reading.rate_age_s) < FRESH_S
            places = [*places[1 - STILL_TICKS :], reading.position_m] if fresh else []
            if len(places) == STILL_TICKS and np.ptp(places, axis=0).max() < STILL_M:
                break
        self._ground = np.mean(places, axis=0)
        self._home = self._ground + (0.0, 0.0, HEIGHT_M)
        if trouble := self.driver.trouble():
            raise Aborted(trouble)
        self._check_room()
        self.pilot.check(self.driver)
        controller = self.pilot.controller
        self.driver.set_parameter(CONTROLLER_PARAMETER, controller)
        for _ in self._ticks(ANSWER_S, f"the drone does not take {CONTROLLER_PARAMETER} {controller}"):
            self._step()
            if self.driver.parameter(CONTROLLER_PARAMETER) == controller:
                break
        for ticks in self._ticks(ANSWER_S, "the drone does not arm: is it level, is its battery full?"):
            if ticks % AGAIN_TICKS == 0:
                self.driver.arm(True)
            if self._step().supervisor & IS_ARMED:
                break
        self._note("armed", ground=self._ground.tolist())

    def _check_room(self) -> None:
        """Raise Aborted if the figure does not fit into the box that set-points are kept in."""
        times_s = np.arange(0.0, self._figure.duration_s, ROOM_S)
        path = self._home + np.array([self._figure.goal(time_s) for time_s in times_s])
        reach_m, height_m = self.driver.settings.reach_m, self.driver.settings.height_max_m
        if np.abs(path[:, :2]).max() > reach_m or path[:, 2].max() > height_m:
            low, high = path.min(axis=0).round(1).tolist(), path.max(axis=0).round(1).tolist()
            raise Aborted(f"no room to fly from {low} to {high} m: set-points end at +-{reach_m} m and {height_m} m up")

    def _take_off(self) -> None:
        self._begin(Phase.TAKE_OFF)
        for share in self._shares(CLIMB_S):
            self._step(self._ground + eased(share) * (self._home - self._ground), share)
        for share in self._shares(SETTLE_S):
            reading = self._step(self._home, share)
        away_m = math.dist(reading.position_m, self._home)
        if away_m > AT_PLACE_M:
            raise Aborted(f"it is {away_m:.2f} m from where it should hover before the policy takes over")

    def _follow(self) -> None:
        """Hand over to the policy, and send set-points until the figure is flown."""
        figure = self._figure
        self._begin(Phase.POLICY)
        self.pilot.take_over(self.driver)
        for _ in self._ticks(ANSWER_S, "the policy does not take over"):
            reading = self._step(self._home + figure.set_point(0.0))
            if self.pilot.flies(reading):
                break
            if why := self.pilot.why_not(reading):
                raise Aborted(f"the policy does not take over: {why}")
        began_s = self.clock.now()
        self._began_board_s = self.pilot.since_s(reading)
        self._note("hand_over", board_time_s=self._began_board_s)
        while (time_s := self.clock.now() + self.pilot.tick_s - began_s) < figure.duration_s:
            reading = self._step(self._home + figure.set_point(time_s), time_s / figure.duration_s, judged=True)
            if not self.pilot.flies(reading):
                raise Aborted(f"the policy gave the rotors back: {self.pilot.why_not(reading)}")

    def _hand_back(self) -> None:
        self._begin(Phase.HAND_BACK)
        self.pilot.give_back(self.driver)
        for share in self._shares(SETTLE_S):
            self._step(self._home, share)

    def _land(self) -> None:
        """Send the drone down until it says that it does not fly any more. Raises LinkLost."""
        self._begin(Phase.LANDING)
        self.pilot.give_back(self.driver)
        for ticks in range(round(LAND_LIMIT_S / self.pilot.tick_s)):
            if ticks % round(LAND_AGAIN_S / self.pilot.tick_s) == 0 and not self._is_low():
                self.driver.land(self._ground[2])
            reading = self._step(None, ticks * self.pilot.tick_s / LAND_LIMIT_S)
            if reading.attitude_age_s < FRESH_S and not reading.supervisor & IS_FLYING:
                self.flown.landed = self._is_low() and not reading.supervisor & HURT
                return
        raise LinkLost("the drone does not say that it has landed")

    def _is_low(self) -> bool:
        reading = self.driver.read()
        return reading.position_age_s < FRESH_S and reading.position_m[2] < self._ground[2] + LANDED_M

    def _disarm(self) -> None:
        """Stop the motors of a drone on the ground."""
        on_the_ground = self.flown.landed or self.phase == Phase.GROUND
        self._begin(Phase.END)
        if on_the_ground:
            for _ in range(DISARM_TICKS):
                self.driver.cut()
                self.driver.arm(False)
                self._step()

    def _step(self, set_point: np.ndarray | None = None, share: float = 0.0, judged: bool = False) -> CrazyflieReading:
        """Wait for the next tick, read, send, judge, log. Raises Aborted where the flight has to end, and LinkLost."""
        self._tick = max(self._tick + 1, math.floor((self.clock.now() - self._start_s) / self.pilot.tick_s))
        self.clock.sleep_until(self._start_s + self._tick * self.pilot.tick_s)
        time_s = self.clock.now() - self._start_s
        reading = self.driver.read()
        sent = self._send(reading, set_point)
        place = Place(reading.board_time_s, np.array(reading.position_m)) if self.truth is None else self.truth()
        goal = np.full(3, math.nan)
        if judged:
            goal = self._home + self._figure.goal(place.board_time_s - self._began_board_s)
            self.flown.errors_m.append(math.dist(place.position_m, goal))
        record = np.zeros((), FLIGHT)
        record["tick"], record["time_s"], record["lateness_s"] = (
            self._tick,
            time_s,
            time_s - self._tick * self.pilot.tick_s,
        )
        record["position_age_s"], record["attitude_age_s"] = reading.position_age_s, reading.attitude_age_s
        record["position_m"], record["velocity_m_s"] = reading.position_m, reading.velocity_m_s
        record["attitude"], record["rate_rad_s"] = reading.attitude, reading.rate_rad_s
        record["set_point_m"], record["goal_m"] = sent, goal
        record["true_position_m"] = math.nan if self.truth is None else place.position_m
        record["battery_v"], record["supervisor"], record["phase"] = reading.battery_v, reading.supervisor, self.phase
        record["policy_flies"] = self.pilot.flies(reading)
        self.log.add(record)
        self._show(self.phase, share)
        if self.phase < Phase.LANDING:
            self._check(reading)
        return reading

    def _send(self, reading: CrazyflieReading, set_point: np.ndarray | None) -> Vector:
        if set_point is None:
            return (math.nan, math.nan, math.nan)
        x, y, z = (float(value) for value in set_point)
        if self.pilot.flies(reading):
            return self.pilot.send(self.driver, reading, (x, y, z))
        return self.driver.write((x, y, z), 0.0).position_m

    def _check(self, reading: CrazyflieReading) -> None:
        if self.interrupted:
            raise Aborted("interrupted")
        if reading.supervisor & HURT:
            raise Aborted(self.driver.trouble())
        if self.phase != Phase.GROUND and max(reading.position_age_s, reading.attitude_age_s) > SILENT_S:
            raise Aborted(f"nothing heard from the drone for {SILENT_S} s")

    def _ticks(self, limit_s: float, complaint: str) -> Iterator[int]:
        """Numbers of ticks, until the caller breaks off; Aborted with the complaint if it does not."""
        yield from range(round(limit_s / self.pilot.tick_s))
        raise Aborted(complaint)

    def _shares(self, duration_s: float) -> Iterator[float]:
        """From 0 to 1 in ticks."""
        ticks = round(duration_s / self.pilot.tick_s)
        return (tick / ticks for tick in range(ticks))

    def _begin(self, phase: Phase) -> None:
        self.phase = phase
        self._note(phase.name.lower())

    def _note(self, kind: str, **fields: object) -> None:
        self.log.add_event(kind, self._tick, self.clock.now() - self._start_s, **fields)
