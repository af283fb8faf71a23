"""What stands in the way and the map does not have: seen, gone round, waited for, given way to.

The predictive brake keeps off it (`shield/obstacles.py`), and off who may stand behind a bend while people are about
(`shield/blind_bends.py`); here the car finds out whether there is a way on beside it (`passing.py`), and rolls back where it
has waited for long (`giving_way.py`).
"""

from dataclasses import dataclass

import numpy as np

from drivers.base import LidarReading
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.estimation.estimator import Estimate, Estimator
from robot.robots.car.estimation.mapless import MaplessEstimator
from robot.robots.car.fallback import Fallback
from robot.robots.car.giving_way import BACK_M, GivingWay
from robot.robots.car.passing import no_way_on, way_round
from robot.robots.car.shield.blind_bends import BlindBends
from robot.robots.car.shield.obstacles import Obstacles
from robot.robots.car.shield.predictive_brake import UNAVOIDABLE
from robot.robots.car.shield.rollout import NO_OBSTACLES, SLOW_M_S, S
from robot.robots.car.shield.supervision import Command
from robot.safety.supervisor import Mode
from robot.tasks.race_track import task
from sim.distance_field import OccupancyGrid

STANDING_M_S = 0.05
HEMMED_IN_S = 10.0  # of waiting, and of giving way: then what would be no way without anybody is a car askew
TIMED_S = 0.004  # to so much it is known when a point was measured: lines and busy hosts hand on late
NEAR_M = 2.0  # what is farther away does not keep a slow car from going on


@dataclass(frozen=True)
class Moment:
    """How the car is driven in a tick. waits: it stands because of what is in the way; decides: in a tick in which decisions fall
    due; sent (k, 3): as in the roll-out."""

    mode: Mode
    waits: bool
    recovering: bool
    decides: bool
    brake_reason: int
    speed_m_s: float
    command: Command
    sent: np.ndarray


class InTheWay:
    """Of one car. ahead: it is seen in the way; hemmed_in: the car stands between it and a wall; goes_round: the car does, or could."""

    def __init__(self, car: np.ndarray, place: CoursePlace, fallback: Fallback) -> None:
        """car: `CarParameters.packed()`."""
        self._car, self._place, self._fallback = car, place, fallback
        self._obstacles, self._blind_bends = Obstacles(), BlindBends()
        self.giving_way = GivingWay(car)
        self.ahead = self.hemmed_in = self.goes_round = False

    def see(
        self, now: float, estimate: Estimate, estimator: Estimator | MaplessEstimator, grid: OccupancyGrid | None, doubtful: bool
    ) -> None:  # fmt: skip
        """Take in what the lidar sees, for the predictive brake too. doubtful: where the car is may not be believed."""
        place, course = self._place, self._place.course
        if course is not None and grid is not None and place.known and not estimate.lost:
            moved = TIMED_S * np.array([0.7 * estimate.v_x, 0.7 * estimate.v_x, estimate.yaw_rate])
            self._obstacles.see(now, estimator.points, estimator.count, (estimate.x, estimate.y, estimate.yaw),
                                estimator.covariance[:3, :3] + np.diag(moved * moved), place.row, course, place.packed, grid.distance_m,
                                grid.frame, learns=not doubtful)  # fmt: skip
            somebody = len(self._obstacles.believed) > 0 and not doubtful
            self._blind_bends.look(now, somebody, estimate.x, estimate.y, place.s, course, place.packed, grid.distance_m,
                                   grid.frame)  # fmt: skip
        elif estimate.lost:
            self._obstacles.forget()
            self._blind_bends.forget()
        if doubtful:
            self._obstacles.doubt()
        self._obstacles.update(now)
        self._fallback.obstacles = np.concatenate((self.seen, self._blind_bends.believed))
        self.ahead = course is not None and place.known and self._obstacles.block(place.at, course.length_m, self._car)

    @property
    def seen(self) -> np.ndarray:
        """Who is believed to be there, without those who only may be behind a bend: (n, 4), as `rollout.gap` takes it."""
        return self._obstacles.believed

    def blocks(self, moment: Moment) -> bool:
        """Whether the car has to wait: something is ahead, or a slow car finds no way on, and none round it."""
        self._look_for_way_on(moment)
        return (self.ahead or self.hemmed_in) and not self._finds_way_round(moment)

    @property
    def near(self) -> bool:
        """Whether it is so near that it, and no wall, may keep the car from going on."""
        place, course = self._place, self._place.course
        return course is not None and self._obstacles.room(place.at, course.length_m, self._car) < NEAR_M

    def _look_for_way_on(self, moment: Moment) -> None:
        """Whether a slow car with somebody near it finds no way on that keeps off them and the walls: then it has to wait.

        The policy's slowest action still rolls, so what the brake would let it do is looked at while the car stands, too.
        Where there would be no way on without them either, waiting for long is no use.
        """

        def no_way_past(obstacles: np.ndarray) -> bool:
            return no_way_on(self._place, self._fallback, obstacles, moment.command, moment.sent)

        alone = self.giving_way.waited_s > HEMMED_IN_S
        if abs(moment.speed_m_s) > SLOW_M_S or not self.near or moment.recovering:
            self.hemmed_in = False
        elif moment.mode is Mode.RUN:
            self.hemmed_in = moment.brake_reason == UNAVOIDABLE and not (alone and no_way_past(NO_OBSTACLES))
        elif self.hemmed_in and moment.decides:
            self.hemmed_in = no_way_past(self._fallback.obstacles) and not (alone and no_way_past(NO_OBSTACLES))

    def _finds_way_round(self, moment: Moment) -> bool:
        if moment.mode is not Mode.RUN and moment.decides:
            stands = moment.waits and abs(moment.speed_m_s) < STANDING_M_S
            self.goes_round = (
                stands and way_round(self._place, self._fallback, moment.sent, task.SPEED_MAX_M_S) is not None
            )
        return self.goes_round

    def watch(self, elapsed_s: float, waits: bool, may: bool, way_m: float, speed_m_s: float, yaw_rate: float,
              lidar: LidarReading) -> None:  # fmt: skip
        """Whether the car, if it waits, is to roll back: `GivingWay.watch`."""
        place, course, nobody_behind = self._place, self._place.course, False
        if course is not None and place.known and (waits or self.giving_way.active):
            back = place.at.copy()
            back[S] -= BACK_M
            nobody_behind = self._obstacles.room(back, course.length_m, self._car) > 0.0
        self.giving_way.watch(
            elapsed_s, waits, may, way_m, speed_m_s, yaw_rate, lidar, nobody_behind, place.heading_error
        )
