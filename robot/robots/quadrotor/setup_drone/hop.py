"""A hop under the firmware's own controller: half a metre up, a few seconds there, down again; what thrust carries the drone.

Set-points are streamed. Where this program is killed, or hangs, another one lands the drone (land_if_killed.py); where the link
breaks nobody can: the firmware levels it after 0.5 s and stops its motors after 2 s, and it falls from HEIGHT_M. Whatever
else goes wrong here lands it, and so does Ctrl-C.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from drivers.crazyflie_reading import (
    CONTROLLER_PARAMETER,
    IS_ARMED,
    IS_CRASHED,
    IS_FLYING,
    IS_LOCKED,
    IS_TUMBLED,
    CrazyflieReading,
)
from robot.commissioning.steps import Found, SetupError
from robot.commissioning.undisturbed import undisturbed
from robot.commissioning.values import judged
from robot.robots.quadrotor.fitness import FRESH_S, Flying, Standing, TouchDown, all_below, distance_m
from robot.robots.quadrotor.setup_drone.land_if_killed import landing_if_killed
from robot.robots.quadrotor.setup_drone.looking import TICK_S, Tell
from robot.runtime.clock import Clock
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, QuadrotorParameters

HEIGHT_M, CLIMB_S, SETTLE_S, HOVER_S = 0.4, 2.0, 1.5, 3.0
STEADY_S, ANSWER_S, LAND_S = 14.0, 3.0, 8.0
FIRMWARES_PID = 1
THRUST, FULL = "stabilizer.thrust", 65535.0
THRUSTS = (0.25, 0.85)  # beyond them it cannot be flown
LOADS = (0.75, 1.4)  # of the weight that its type has: more is another drone, or a load that it cannot carry
AWAY_M = 0.4
HURT = IS_TUMBLED | IS_CRASHED | IS_LOCKED


class Hop:
    """One hop. tell(share, what is going on)."""

    def __init__(self, drone: Crazyflie, clock: Clock, tell: Tell) -> None:
        self._drone, self._clock, self._tell = drone, clock, tell
        self._watch = Flying()
        self._ground = np.zeros(3)
        self._alive: Callable[[], None] = lambda: None

    def hover_thrust(self) -> tuple[float, float, int]:
        """(mean, standard deviation, samples) of the thrust, share of the greatest. Raises SetupError, LinkLost; always lands."""
        self._prepare()
        with landing_if_killed(self._drone.settings.uri, float(self._ground[2])) as self._alive:
            return self._hover()

    def _hover(self) -> tuple[float, float, int]:
        thrusts: list[float] = []
        try:
            self._go(CLIMB_S, lambda share: share * HEIGHT_M, lambda reading: None, "it climbs")
            self._go(SETTLE_S, lambda _: HEIGHT_M, lambda reading: None, "it hovers")
            self._go(
                HOVER_S,
                lambda _: HEIGHT_M,
                lambda reading: thrusts.append(reading.extra.get(THRUST, np.nan) / FULL),
                "it hovers",
            )
        except BaseException:
            self._land(suppressed=True)
            raise
        self._land(suppressed=False)
        return float(np.mean(thrusts)), float(np.std(thrusts)), len(thrusts)

    def _prepare(self) -> None:
        drone, clock = self._drone, self._clock
        drone.also_log((THRUST,))
        drone.set_parameter(CONTROLLER_PARAMETER, FIRMWARES_PID)
        standing, begin_s = Standing(), clock.now()
        while not standing.take(clock.now(), drone.read()):
            self._tell(0.0, "it is watched on the ground")
            if clock.now() - begin_s > STEADY_S:
                raise SetupError(standing.why_not)
            clock.sleep_until(clock.now() + TICK_S)
        if drone.parameter(CONTROLLER_PARAMETER) != FIRMWARES_PID:
            raise SetupError(f"it does not take {CONTROLLER_PARAMETER} {FIRMWARES_PID}, the firmware's own controller")
        self._ground = standing.ground_m()
        begin_s = clock.now()
        while not drone.read().supervisor & IS_ARMED:
            drone.arm(True)
            if clock.now() - begin_s > ANSWER_S:
                raise SetupError("it does not arm: is it level, is its battery full?")
            clock.sleep_until(clock.now() + 5 * TICK_S)

    def _go(
        self, seconds: float, height: Callable[[float], float], take: Callable[[CrazyflieReading], object], what: str
    ) -> None:
        begin_s = self._clock.now()
        while (share := (self._clock.now() - begin_s) / seconds) < 1.0:
            self._alive()
            self._tell(share, what)
            goal = self._ground + (0.0, 0.0, height(share))
            self._drone.write((float(goal[0]), float(goal[1]), float(goal[2])), 0.0)
            self._clock.sleep_until(self._clock.now() + TICK_S)
            reading = self._drone.read()
            self._check(reading, goal)
            take(reading)

    def _check(self, reading: CrazyflieReading, goal: np.ndarray) -> None:
        """Raises SetupError where the hop has to end."""
        if reading.supervisor & HURT:
            raise SetupError(self._drone.trouble() or "the drone is hurt")
        if not all_below(0.5, reading.position_age_s, reading.attitude_age_s):
            raise SetupError("nothing was heard from the drone for 0.5 s")
        if why := self._watch.trouble(self._clock.now(), reading):
            raise SetupError(why)
        if not distance_m(reading.position_m, goal) < AWAY_M:
            raise SetupError(
                f"it is {distance_m(reading.position_m, goal):.2f} m from where it should hover: its positioning, or its propellers"
            )

    @undisturbed()
    def _land(self, suppressed: bool) -> None:
        """Down by the firmware's planner, whoever interrupts. suppressed: another error is under way, which counts."""
        drone, clock, down = self._drone, self._clock, TouchDown(float(self._ground[2]))
        try:
            begin_s = told_s = clock.now()
            drone.land(float(self._ground[2]))
            while (reading := drone.read()).supervisor & IS_FLYING or clock.now() - begin_s < 0.5:
                self._alive()
                self._tell(1.0, "it lands")
                down.take(clock.now(), reading)
                if clock.now() - told_s > LAND_S:
                    raise SetupError("it does not say that it has landed: switch it off")
                clock.sleep_until(clock.now() + TICK_S)
            drone.cut()
            drone.arm(False)
            clock.sleep_until(clock.now() + 5 * TICK_S)
        except (LinkLost, SetupError):
            if not suppressed:
                raise
            return
        with suppress(LinkLost):
            reading = drone.read()
            if not suppressed and reading.attitude_age_s < FRESH_S and reading.supervisor & HURT:
                raise SetupError(drone.trouble() or "it was hurt when it came down")


def hop(drone: Crazyflie, clock: Clock, model: QuadrotorParameters | None, tell: Tell) -> Found:
    """What thrust carries it; refused where its type (model, if known) cannot weigh that."""
    mean, sigma, samples = Hop(drone, clock, tell).hover_thrust()
    if samples < 20:
        raise SetupError("next to nothing was logged while it hovered: move it nearer to the radio")
    plausible = THRUSTS
    if model is not None:
        most_n = N_ROTORS * (model.thrust_0_n + model.thrust_1_n + model.thrust_2_n)
        share = model.mass_kg * GRAVITY_M_S2 / most_n
        plausible = max(THRUSTS[0], LOADS[0] * share), min(THRUSTS[1], LOADS[1] * share)
    half = 3.0 * sigma / (samples / 10.0) ** 0.5 + 0.02 * mean
    value = judged("hover_thrust", mean, half, plausible, 0.1, "drones of its type, loaded or not,")
    return {"values": [asdict(value)], "robot_s": CLIMB_S + SETTLE_S + HOVER_S}
