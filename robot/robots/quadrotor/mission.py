"""One flight of a Crazyflie: checks, take-off by the firmware, the policy's figure, hand-back, landing.

The host streams set-points all the time: without them the policy on board gives the rotors back after 200 ms, and after
400 ms the app on board brings the drone down by itself (landing.c). Whatever goes wrong before the landing leads to the
landing: a drone that gives back or comes down by itself, a battery that sags, an estimate or a motion capture that is
lost, silence on the link, a log that cannot be written, Ctrl-C. The landing is always the app's, and goes on without the
host; landed is what came down gently and is low, slow, still and upright by the drone's own data.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import (
    CONTROLLER_PARAMETER,
    ESTIMATOR_PARAMETER,
    GUARD,
    IS_ARMED,
    IS_CRASHED,
    IS_FLYING,
    IS_LOCKED,
    IS_TUMBLED,
    KALMAN,
    Crazyflie,
    CrazyflieReading,
    Vector,
)
from robot.robots.quadrotor.figures import Figure, eased
from robot.robots.quadrotor.fitness import AIRBORNE_M, FRESH_S, REST_S, Flying, Standing, TouchDown, battery_at_rest
from robot.robots.quadrotor.flight_log import FLIGHT, FlightLog
from robot.robots.quadrotor.flown import Flown, Phase, Place, Positioning
from robot.robots.quadrotor.on_board import DOWN, LANDING_PHASE, landing_by_itself
from robot.robots.quadrotor.pilot import Aborted, Pilot
from robot.runtime.clock import Clock

HEIGHT_M, CLIMB_S, SETTLE_S = 0.7, 2.5, 1.5  # above where it stood; SETTLE_S is also waited for after the hand-back
ANSWER_S = 3.0  # for the drone to do as it was told: arm, take a parameter, hand over
STEADY_S = 10.0  # for the drone to be fit to fly: its estimator needs seconds to settle
SILENT_S = 0.5  # without log data for longer, the flight is over
AT_PLACE_M = 0.2  # from which the policy may take over
AGAIN_TICKS = 25  # between requests that have no answer
LAND_LIMIT_S = 35.0  # the app on board ends its landing before
LANDED_M = 0.12  # above where it stood
DISARM_TICKS = 5
RESET_PARAMETER = "kalman.resetEstimation"
ROOM_S = 0.1  # how finely a figure is looked at before it is flown
HURT = IS_TUMBLED | IS_CRASHED | IS_LOCKED


class Mission:
    """Flies once. Set `interrupted` from a signal's handler to make it land: an exception there could leave cflib locked."""

    def __init__(
        self, driver: Crazyflie, pilot: Pilot, figure: Figure, clock: Clock, log: FlightLog,
        truth: Callable[[], Place] | None = None, show: Callable[[Phase, float], None] = lambda phase, share: None,
        positioning: Positioning | None = None,
    ) -> None:  # fmt: skip
        """truth: asks the simulator, where there is one. show: is told of the progress in a phase, 0 to 1.

        positioning: what sends the drone its place, unless it finds it by itself.
        """
        self.driver, self.pilot, self.clock, self.log, self.truth = driver, pilot, clock, log, truth
        self.flown = Flown()
        self.phase = Phase.GROUND
        self.interrupted = False
        self._figure, self._show, self._positioning = figure, show, positioning
        self._watch, self._touch_down = Flying(), TouchDown(0.0)
        self._at_rest = True
        self._log_works = True
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
            self._tell(str(error))
        finally:
            self._come_down()
        self._note("result", landed=self.flown.landed)
        return self.flown

    def _tell(self, trouble: str) -> None:
        """Keep the first thing that went wrong, and log each."""
        self.flown.trouble = self.flown.trouble or trouble
        self._note("trouble", text=trouble)

    def _come_down(self) -> None:
        """Land if the drone has taken off, and stop the motors on the ground."""
        try:
            if self.phase != Phase.GROUND:
                self._land()
            self._disarm()
        except LinkLost as error:
            self._tell(str(error))
        finally:
            self.driver.stop()

    def _prepare(self) -> None:
        """Check battery and app, choose controller and estimator, wait until all is fit to fly, have it guarded, arm."""
        for _ in self._ticks(ANSWER_S, "nothing is heard from the drone"):
            if (reading := self._step()).attitude_age_s < FRESH_S:
                break
        if why := battery_at_rest(reading):
            raise Aborted(why)
        self.pilot.check(self.driver)
        self._set(CONTROLLER_PARAMETER, self.pilot.controller)
        if self._positioning is not None:
            self._set(ESTIMATOR_PARAMETER, KALMAN)
            self.driver.set_parameter(RESET_PARAMETER, 1)
            self.driver.set_parameter(RESET_PARAMETER, 0)
        elif self.driver.parameter(ESTIMATOR_PARAMETER) != KALMAN:
            raise Aborted(f"{ESTIMATOR_PARAMETER} is {self.driver.parameter(ESTIMATOR_PARAMETER):.0f}: without a positioning "
                          "deck or motion capture the drone does not know where it is")  # fmt: skip
        standing = Standing()
        for _ in range(round(STEADY_S / self.pilot.tick_s)):
            reading = self._step()
            if standing.take(self.clock.now(), reading):
                break
        else:
            raise Aborted(self._positioning_trouble() or standing.why_not)
        if trouble := self.driver.trouble() or self._positioning_trouble():
            raise Aborted(trouble)
        self._ground = standing.ground_m()
        self._home = self._ground + (0.0, 0.0, HEIGHT_M)
        self._check_room()
        if landing_by_itself(reading):  # of an earlier flight
            self._set(GUARD, 0)
        self._set(GUARD, 1)
        for ticks in self._ticks(ANSWER_S, "the drone does not arm: is it level, is its battery full?"):
            if ticks % AGAIN_TICKS == 0:
                self.driver.arm(True)
            if self._step().supervisor & IS_ARMED:
                break
        self._note("armed", ground=self._ground.tolist())

    def _set(self, name: str, value: float) -> None:
        """Set a parameter, and wait until the drone has it. Raises Aborted."""
        self.driver.set_parameter(name, value)
        for _ in self._ticks(ANSWER_S, f"the drone does not take {name} {value:g}"):
            self._step()
            if self.driver.parameter(name) == value:
                break

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
        self._touch_down, self._at_rest = TouchDown(float(self._ground[2])), False
        self.flown.took_off = True
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
        """Tell the drone to come down, until it says that it stands, then see whether it does. Raises LinkLost."""
        self._begin(Phase.LANDING)
        self.pilot.give_back(self.driver)
        ticks = round(LAND_LIMIT_S / self.pilot.tick_s)
        reading = self.driver.read()
        for tick in range(ticks):
            heard = reading.attitude_age_s < FRESH_S
            if tick % AGAIN_TICKS == 0 and not (heard and landing_by_itself(reading)):
                self.driver.land(self._ground[2])
            reading = self._step(None, tick / ticks)
            if reading.attitude_age_s < FRESH_S and (
                reading.extra.get(LANDING_PHASE) == DOWN or not reading.supervisor & IS_FLYING
            ):
                break
        else:
            raise LinkLost("the drone does not say that it has landed")
        for _ in range(1 + round(REST_S / self.pilot.tick_s)):
            reading = self._step()
        seen = self._touch_down
        self._note("touch_down", fall_m_s=seen.fall_m_s, jolt_g=seen.jolt_g)
        unrest = seen.unrest(LANDED_M)
        self._at_rest = not unrest
        why_not = unrest or seen.crash()
        if reading.supervisor & HURT:
            why_not = self.driver.trouble() or "the drone is hurt"
        if why_not:
            self._tell(why_not)
        self.flown.landed = not why_not

    def _disarm(self) -> None:
        """Stop the motors of a drone on the ground, and let it be flown again."""
        self._begin(Phase.END)
        if self._at_rest:
            for _ in range(DISARM_TICKS):
                self.driver.cut()
                self.driver.arm(False)
                self._step()
            if self.driver.has_parameter(GUARD):
                self.driver.set_parameter(GUARD, 0)

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
        self._show(self.phase, share)
        if self.phase > Phase.GROUND:
            self._touch_down.take(time_s, reading)
        if self.phase > Phase.GROUND and reading.attitude_age_s < FRESH_S:
            self.flown.battery_min_v = min(reading.battery_v, self.flown.battery_min_v)
        self._keep(lambda: self.log.add(record))
        if self.phase < Phase.LANDING:
            self._check(reading)
        return reading

    def _keep(self, write: Callable[[], None]) -> None:
        """Write to the log, and end the flight, not the landing, when it cannot be written any more."""
        if not self._log_works:
            return
        try:
            write()
        except OSError as error:
            self._log_works = False
            self.flown.trouble = self.flown.trouble or f"the log cannot be written: {error.strerror or error}"

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
        if not self._log_works:
            raise Aborted(self.flown.trouble)
        if self.phase == Phase.GROUND:
            return
        if reading.supervisor & HURT:
            raise Aborted(self.driver.trouble())
        if max(reading.position_age_s, reading.attitude_age_s) > SILENT_S:
            raise Aborted(f"nothing heard from the drone for {SILENT_S} s")
        if why := landing_by_itself(reading):
            raise Aborted(f"the drone lands by itself: {why}")
        if self.driver.parameter(GUARD) != 1:
            raise Aborted(f"{GUARD} is {self.driver.parameter(GUARD):g}: the drone would not land by itself")
        airborne = reading.position_m[2] > self._ground[2] + AIRBORNE_M
        if trouble := self._watch.trouble(self.clock.now(), reading) or self._positioning_trouble(airborne):
            raise Aborted(trouble)

    def _positioning_trouble(self, airborne: bool = False) -> str:
        return "" if self._positioning is None else self._positioning.trouble(airborne)

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
        time_s = self.clock.now() - self._start_s
        self._keep(lambda: self.log.add_event(kind, self._tick, time_s, **fields))
