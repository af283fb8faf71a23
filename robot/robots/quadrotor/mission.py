"""One flight of a Crazyflie: checks, take-off by the firmware, the policy's figure, hand-back, landing.

The script of a flight, as a generator: it goes on by one tick at each `yield`, knows what `Drone` took from READINGS, and
asks of it what goes into OUTPUTS.

The host streams set-points all the time: without them the policy on board gives the rotors back after 200 ms, and after
400 ms the app on board brings the drone down by itself (landing.c). Whatever goes wrong before the landing leads to the
landing: a drone that gives back or comes down by itself, a battery that sags, an estimate or a motion capture that is
lost, silence on the link, a mistake of this program, a log that cannot be written, Ctrl-C. After the figure, and where
the policy gives the rotors back and nothing else is wrong, the firmware first flies the drone home, so that it can take
off again from where it lands. The landing is always the app's, and goes on without the host; landed is what came down
gently and is low, slow, still and upright by the drone's own data.
"""

import math
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie_reading import (
    CONTROLLER_PARAMETER,
    ESTIMATOR_PARAMETER,
    GUARD,
    IS_ARMED,
    IS_CRASHED,
    IS_FLYING,
    IS_LOCKED,
    IS_TUMBLED,
    KALMAN,
    CrazyflieReading,
    Vector,
)  # fmt: skip
from robot.robots.quadrotor.app_words import DOWN, LANDING_PHASE, RESET_PARAMETER, landing_by_itself
from robot.robots.quadrotor.drone import Drone
from robot.robots.quadrotor.figures import Figure, eased
from robot.robots.quadrotor.fitness import (
    AIRBORNE_M,
    FRESH_S,
    REST_S,
    Flying,
    Standing,
    TouchDown,
    all_below,
    battery_at_rest,
    distance_m,
)  # fmt: skip
from robot.robots.quadrotor.flown import Flag, Flown, Phase
from robot.robots.quadrotor.pilot import Aborted, Pilot

HEIGHT_M, CLIMB_S, SETTLE_S = 0.7, 2.5, 1.5  # above where it stood; SETTLE_S is also waited for after the hand-back
ASIDE_M = 0.3  # by how much home may be aside of where it stood, so that the figure has room
HOME_M, HOME_S, HOMEWARD_M_S = 0.1, 3.0, 0.5  # so near it is at home; waited for that; mean speed on the way
# The firmware's controller takes over without its integral: a drone heavier than its base thrust is for sinks until it has one. One that is
# fast tilts to brake besides, and a metre is not enough for both: its set-point begins so much higher.
FAST_M_S, RAISED_M = 1.0, 0.5
ANSWER_S = 3.0  # for the drone to do as it was told: arm, take a parameter, hand over
STEADY_S = 10.0  # for the drone to be fit to fly: its estimator needs seconds to settle
SILENT_S = 0.5  # without log data for longer, the flight is over
AT_PLACE_M = 0.2  # from which the policy may take over
AGAIN_TICKS = 25  # between requests that have no answer
LAND_LIMIT_S = 35.0  # the app on board ends its landing before
LANDED_M = 0.12  # above where it stood
DISARM_TICKS = 5
ROOM_S, ROUNDED_M = 0.1, 1e-6  # how finely a figure is looked at before it is flown
HURT = IS_TUMBLED | IS_CRASHED | IS_LOCKED
NOWHERE: Vector = (math.nan, math.nan, math.nan)

Script = Generator[None, None, None]
Step = Generator[None, None, CrazyflieReading]


class Mission:
    """Flies once. What a tick left is in `flags`, `notes`, `share` and the like; what came of it all in `flown`."""

    def __init__(self, drone: Drone, pilot: Pilot, figure: Figure, motion_capture: bool = False) -> None:
        """motion_capture: whether the drone is sent the place where it is; otherwise it finds it by itself."""
        self.drone, self.pilot = drone, pilot
        self.flown = Flown()
        self.phase = self.tick_phase = Phase.GROUND  # it is in; that the last tick was spent in
        self.flags = Flag(0)  # raised in this tick
        self.notes: list[tuple[str, dict[str, Any]]] = []  # events of this tick
        self.share = 0.0  # of the phase, so far
        self.set_point = self.goal = NOWHERE
        self.flies = self.airborne = False
        self.home = np.zeros(3)
        self.began_board_s = 0.0
        self.mistake: Exception | None = None
        self._figure, self._motion_capture = figure, motion_capture
        self._watch, self._touch_down = Flying(), TouchDown(0.0)
        self._at_rest = True
        self._ground = np.zeros(3)

    def fly(self) -> Script:
        """The whole flight; always ends with a landing, or with trying one."""
        try:
            yield from self._prepare()
            yield from self._take_off()
            yield from self._follow()
            yield from self._hand_back()
        except Aborted as error:
            self._tell(str(error), error.flag)
        except LinkLost as error:
            self._tell(str(error), Flag.LINK_LOST)
        except Exception as error:  # told when the drone is down
            self.mistake = error
            self._tell(f"{type(error).__name__}: {error}", Flag.MISTAKE)
        yield from self._come_down()
        self._note("result", landed=self.flown.landed)

    @property
    def fall_m_s(self) -> float:
        """How fast it came down at the end, by its own estimate."""
        return self._touch_down.fall_m_s

    def _tell(self, trouble: str, flag: Flag) -> None:
        """Keep the first thing that went wrong, and log each."""
        self.flown.trouble = self.flown.trouble or trouble
        self.flags |= flag
        self._note("trouble", text=trouble)

    def _come_down(self) -> Script:
        """Land if the drone has taken off, and stop the motors on the ground."""
        try:
            if self.phase != Phase.GROUND:
                yield from self._land()
            yield from self._disarm()
        except Aborted as error:
            self._tell(str(error), error.flag)
        except LinkLost as error:
            self._tell(str(error), Flag.LINK_LOST)

    def _prepare(self) -> Script:
        """Check battery and app, choose controller and estimator, wait until all is fit to fly, have it guarded, arm."""
        for _ in self._ticks(ANSWER_S, "nothing is heard from the drone"):
            if (reading := (yield from self._step())).attitude_age_s < FRESH_S:
                break
        if why := battery_at_rest(reading):
            raise Aborted(why)
        self.pilot.check(self.drone)
        yield from self._set(CONTROLLER_PARAMETER, self.pilot.controller)
        if self._motion_capture:
            yield from self._set(ESTIMATOR_PARAMETER, KALMAN)
            self.drone.set_parameter(RESET_PARAMETER, 1)
            yield from self._step()
            self.drone.set_parameter(RESET_PARAMETER, 0)
        elif self.drone.parameter(ESTIMATOR_PARAMETER) != KALMAN:
            raise Aborted(f"{ESTIMATOR_PARAMETER} is {self.drone.parameter(ESTIMATOR_PARAMETER):.0f}: without a positioning "
                          "deck or motion capture the drone does not know where it is")  # fmt: skip
        standing = Standing()
        for _ in range(round(STEADY_S / self.pilot.tick_s)):
            reading = yield from self._step()
            if standing.take(self.drone.time_s, reading):
                break
        else:
            raise Aborted(self._positioning_trouble() or standing.why_not)
        if trouble := self.drone.trouble() or self._positioning_trouble():
            raise Aborted(trouble)
        self._ground = standing.ground_m()
        self.home = self._place_for_figure()
        if landing_by_itself(reading):  # of an earlier flight
            yield from self._set(GUARD, 0)
        yield from self._set(GUARD, 1)
        for ticks in self._ticks(ANSWER_S, "the drone does not arm: is it level, is its battery full?"):
            if ticks % AGAIN_TICKS == 0:
                self.drone.arm(True)
            if (yield from self._step()).supervisor & IS_ARMED:
                break
        self._note("armed", ground=self._ground.tolist())

    def _set(self, name: str, value: float) -> Script:
        """Set a parameter, and wait until the drone has it. Raises Aborted."""
        self.drone.set_parameter(name, value)
        for _ in self._ticks(ANSWER_S, f"the drone does not take {name} {value:g}"):
            yield from self._step()
            if self.drone.parameter(name) == value:
                break

    def _place_for_figure(self) -> np.ndarray:
        """Home: above where it stands, or up to ASIDE_M aside, so that the figure fits into the box that set-points are kept in.

        Raises Aborted if it does not: a drone lands within centimetres of where it should, and a figure may need all the room.
        """
        above = self._ground + (0.0, 0.0, HEIGHT_M)
        times_s = np.arange(0.0, self._figure.duration_s, ROOM_S)
        goals = np.array([self._figure.goal(time_s) for time_s in times_s])
        low, high = goals.min(axis=0), goals.max(axis=0)
        reach_m, height_m = self.drone.reach_m, self.drone.height_max_m
        home = above.copy()
        home[:2] = np.clip(above[:2], -reach_m - low[:2], reach_m - high[:2])
        fits = (home + low)[:2].min() >= -reach_m - ROUNDED_M and (above + high)[2] <= height_m
        if not fits or distance_m(home, above) > ASIDE_M:
            low, high = (above + low).round(1).tolist(), (above + high).round(1).tolist()
            raise Aborted(f"no room to fly from {low} to {high} m: set-points end at +-{reach_m} m and {height_m} m up")
        return home

    def _take_off(self) -> Script:
        self._begin(Phase.TAKE_OFF)
        self._touch_down, self._at_rest = TouchDown(float(self._ground[2])), False
        self.flown.took_off = True
        for share in self._shares(CLIMB_S):
            yield from self._step(self._ground + eased(share) * (self.home - self._ground), share)
        for share in self._shares(SETTLE_S):
            reading = yield from self._step(self.home, share)
        away_m = distance_m(reading.position_m, self.home)
        if away_m > AT_PLACE_M:
            raise Aborted(f"it is {away_m:.2f} m from where it should hover before the policy takes over")

    def _follow(self) -> Script:
        """Hand over to the policy, and send set-points until the figure is flown, or the policy gives the rotors back."""
        figure = self._figure
        self._begin(Phase.POLICY)
        self.pilot.take_over(self.drone)
        for _ in self._ticks(ANSWER_S, "the policy does not take over"):
            reading = yield from self._step(self.home + figure.set_point(0.0))
            if self.pilot.flies(reading):
                break
            if why := self.pilot.why_not(reading):
                raise Aborted(f"the policy does not take over: {why}")
        began_s = self.drone.time_s
        self.began_board_s = self.pilot.since_s(reading)
        self._note("hand_over", board_time_s=self.began_board_s)
        while (time_s := self.drone.time_s + self.pilot.tick_s - began_s) < figure.duration_s:
            reading = yield from self._step(
                self.home + figure.set_point(time_s), time_s / figure.duration_s, judged=True
            )
            if not self.pilot.flies(reading):
                self._tell(f"the policy gave the rotors back: {self.pilot.why_not(reading)}", Flag.REFUSED)
                return
            if self.pilot.doubt:
                raise Aborted(self.pilot.doubt)

    def _hand_back(self) -> Script:
        """Fly home under the firmware's own controller; where that takes too long, it lands where it is."""
        self._begin(Phase.HAND_BACK)
        self.pilot.give_back(self.drone)
        reading = self.drone.read()
        here, speed_m_s = np.array(reading.position_m), distance_m(reading.velocity_m_s, np.zeros(3))
        raised = np.array([0.0, 0.0, RAISED_M if speed_m_s > FAST_M_S else 0.0])
        for share in self._shares(max(SETTLE_S, distance_m(here, self.home) / HOMEWARD_M_S)):
            reading = yield from self._step(here + raised + eased(share) * (self.home - here - raised), share)
        for _ in range(round(HOME_S / self.pilot.tick_s)):
            if distance_m(reading.position_m, self.home) < HOME_M:
                break
            reading = yield from self._step(self.home, 1.0)

    def _land(self) -> Script:
        """Tell the drone to come down, until it says that it stands, then see whether it does. Raises LinkLost."""
        self._begin(Phase.LANDING)
        self.pilot.give_back(self.drone)
        ticks = round(LAND_LIMIT_S / self.pilot.tick_s)
        reading = self.drone.read()
        for tick in range(ticks):
            heard = reading.attitude_age_s < FRESH_S
            if tick % AGAIN_TICKS == 0 and not (heard and landing_by_itself(reading)):
                self.drone.land(float(self._ground[2]))
            reading = yield from self._step(None, tick / ticks)
            if reading.attitude_age_s < FRESH_S and (
                reading.extra.get(LANDING_PHASE) == DOWN or not reading.supervisor & IS_FLYING
            ):
                break
        else:
            raise Aborted("the drone does not say that it has landed", Flag.NOT_LANDED)
        for _ in range(1 + round(REST_S / self.pilot.tick_s)):
            reading = yield from self._step()
        seen = self._touch_down
        self._note("touch_down", fall_m_s=seen.fall_m_s, jolt_g=seen.jolt_g)
        unrest = seen.unrest(LANDED_M)
        self._at_rest = not unrest
        why_not = unrest or seen.crash()
        if reading.supervisor & HURT:
            why_not = self.drone.trouble() or "the drone is hurt"
        if why_not:
            self._tell(why_not, Flag.NOT_LANDED)
        self.flown.landed = not why_not

    def _disarm(self) -> Script:
        """Stop the motors of a drone on the ground, and let it be flown again."""
        self._begin(Phase.END)
        if self._at_rest:
            for _ in range(DISARM_TICKS):
                self.drone.cut()
                self.drone.arm(False)
                yield from self._step()
            if self.drone.has_parameter(GUARD):
                self.drone.set_parameter(GUARD, 0)

    def _step(self, set_point: np.ndarray | None = None, share: float = 0.0, judged: bool = False) -> Step:
        """Wait for the next tick, read, send. Raises Aborted where the flight has to end, and LinkLost."""
        yield
        self.tick_phase, self.share, self.set_point, self.goal = self.phase, share, NOWHERE, NOWHERE
        reading = self.drone.read()
        if set_point is not None:
            self.set_point = self._send(reading, vector(set_point))
        self.flies = self.pilot.flies(reading)
        self.airborne = self.phase > Phase.GROUND and reading.position_m[2] > self._ground[2] + AIRBORNE_M
        if judged:
            self.goal = vector(self.home + self._figure.goal(reading.board_time_s - self.began_board_s))
        if self.phase > Phase.GROUND:
            self._touch_down.take(self.drone.time_s, reading)
            if reading.attitude_age_s < FRESH_S:
                self.flown.battery_min_v = min(reading.battery_v, self.flown.battery_min_v)
        if self.phase < Phase.LANDING and (found := next(self._troubles(reading), None)) is not None:
            raise Aborted(*found)
        return reading

    def _send(self, reading: CrazyflieReading, set_point: Vector) -> Vector:
        if self.pilot.flies(reading):
            return self.pilot.send(self.drone, reading, set_point)
        return self.drone.write(set_point, 0.0).position_m

    def _troubles(self, reading: CrazyflieReading) -> Iterator[tuple[str, Flag]]:
        """Why the flight has to end."""
        if self.drone.interrupted:
            yield "interrupted", Flag.INTERRUPTED
        if self.phase == Phase.GROUND:
            return
        if reading.supervisor & HURT:
            yield self.drone.trouble() or "the drone is hurt", Flag.HURT
        if not all_below(SILENT_S, reading.position_age_s, reading.attitude_age_s):
            yield f"nothing heard from the drone for {SILENT_S} s", Flag.SILENT
        if why := landing_by_itself(reading):
            yield f"the drone lands by itself: {why}", Flag.LANDS_BY_ITSELF
        if self.drone.parameter(GUARD) != 1:
            yield f"{GUARD} is {self.drone.parameter(GUARD):g}: the drone would not land by itself", Flag.UNGUARDED
        if why := self._watch.trouble(self.drone.time_s, reading):
            yield why, Flag.UNFIT
        if why := self._positioning_trouble():
            yield why, Flag.POSITIONING

    def _positioning_trouble(self) -> str:
        return self.drone.positioning_trouble() if self._motion_capture else ""

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
        self.notes.append((kind, fields))


def vector(place: np.ndarray) -> Vector:
    """A place (3,) as a tuple."""
    return float(place[0]), float(place[1]), float(place[2])
