"""The predictive brake before a fleet whose drivers see, told by the simulator what a car with a localiser knows."""

import numpy as np

from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.shield.predictive_brake import AS_PROPOSED, MARGIN_M, SLIPPERY, filter_action
from robot.robots.car.shield.rollout import HARDEST, N_COMMAND, NO_OBSTACLES, believed_cars
from robot.tasks.race_track.task import (
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    slew,
    target,
)
from sim.car import kernel
from sim.car.model import P_TRIM, PHYSICS_STEP_S, load_parameters

AT = (kernel.S, kernel.LATERAL, kernel.HEADING_ERROR, kernel.V_X, kernel.V_Y, kernel.YAW_RATE)  # as in `rollout.S` ..
PAST_TICKS = 10


class InformedShield:
    """Place, motion, latency and trim are the truth: a lidar's localisation and a set-up measure them. Mass and grip are not known."""

    def __init__(self, fleet: SeeingFleet) -> None:
        n = fleet.batch.n_cars
        self._fleet, self._courses = fleet, [course.packed() for course in fleet.courses]
        self.sent, self._kept = np.zeros((n, PAST_TICKS, N_COMMAND)), np.full((n, 2), HARDEST)
        believed = believed_cars(load_parameters().packed(), (1.0, 1.0), SLIPPERY)
        self._cars = np.repeat(believed[None], n, 0)
        self.changed = np.zeros(n, bool)

    def filtered(self, actions: np.ndarray) -> np.ndarray:
        """What is executed in place of actions (n, 2), float32. changed (n,): where it is another one."""
        fleet, batch = self._fleet, self._fleet.batch
        at = np.stack([batch.row(row) for row in AT], 1).astype(np.float64)
        delay_s = batch.counters[:, kernel.DELAY].reshape(-1)[: batch.n_cars] * PHYSICS_STEP_S
        new = fleet.age == 0
        self.sent[new, :, 0], self.sent[new, :, 1] = 0.0, batch.row(kernel.SPEED_COMMAND)[new, None]
        self._kept[new] = HARDEST
        self._cars[:, :, P_TRIM] = batch.row(kernel.TRIM)[:, None]
        executed = np.empty((batch.n_cars, 2))
        for i, (a0, a1) in enumerate(actions.astype(np.float64)):
            course = fleet.course[i]
            reason = filter_action(a0, a1, at[i], self.sent[i], self._courses[course], fleet.courses[course].spacing_m,
                                   NO_OBSTACLES, self._cars[i], delay_s[i], MARGIN_M, self._kept[i], executed[i])  # fmt: skip
            self.changed[i] = reason != AS_PROPOSED
            self._send(self.sent[i], *target(*executed[i]))
        return executed.astype(np.float32)

    @staticmethod
    def _send(sent: np.ndarray, goal_steer: float, goal_speed: float) -> None:
        for _ in range(TICKS_PER_DECISION):
            sent[:-1] = sent[1:].copy()
            sent[-1, 0] = slew(sent[-2, 0], goal_steer, STEER_SLEW_RAD_S, TICK_S)
            sent[-1, 1] = slew(sent[-2, 1], goal_speed, SPEED_SLEW_M_S2, TICK_S)
