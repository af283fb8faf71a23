"""How the car slides, whatever floor it is on: a filter for each that there may be, until one has foretold best what is felt.

At small slip a tyre shows grip times slip alone: a floor that holds half and is slid over twice as fast feels the same. A filter that begins
with the wrong floor then settles, and is sure of it, on a sideways speed that is 0.5 m/s off. So each begins with its own
(a static multiple-model estimator), is judged by the likelihood of the samples, and given up when another is far ahead: soon one is left.
"""

import math

import numpy as np

from drivers.base import VescReading
from robot.robots.car.estimation.single_track import TRIM, SingleTrack

FLOORS = ((1.0, 0.15), (0.65, 0.1), (0.43, 0.05))  # shares of the believed car's grip, and their standard deviations
# Differences of log-likelihoods:
AHEAD = 6.0  # the first is, before all measuring: most floors are as the car's file says;
PLAUSIBLE = 10.0  # so far behind the best at most, a floor counts for what the tyres hold at the least;
GIVEN_UP = 15.0  # so far behind, it is no longer thought of
SAME = 0.01  # of the grip: two that have come to believe the same are one


class SingleTracks:
    """How one car moves in its own frame. Tell it every command (`sent`), and feed `update` once a tick, as a `SingleTrack`.

    v_x, v_y (m/s), yaw_rate (rad/s): now, of all floors, each with its weight. grip_shares: of the likeliest;
    least_grip_shares: of the worst that is plausible. trim_rad: what the wheels add to what they are told.
    """

    def __init__(self, car: np.ndarray) -> None:
        """car: `CarParameters.packed()` that the robot believes in."""
        self.floors = [SingleTrack(car, share, sigma) for share, sigma in FLOORS]
        self.floors[0].log_likelihood = AHEAD
        self._take_stock()

    @property
    def trim_rad(self) -> float:
        return float(self._best.state[TRIM])

    def sent(self, now_s: float, steer_rad: float, speed_m_s: float, brake_a: float, latency_s: float) -> None:
        """See `SingleTrack.sent`."""
        for floor in self.floors:
            floor.sent(now_s, steer_rad, speed_m_s, brake_a, latency_s)

    def update(self, now_s: float, vesc: VescReading, bias_rad_s: float, standing: bool) -> None:
        """See `SingleTrack.update`."""
        for floor in self.floors:
            floor.update(now_s, vesc, bias_rad_s, standing)
        self._take_stock()

    def _take_stock(self) -> None:
        self._best = max(self.floors, key=lambda floor: floor.log_likelihood)
        self.floors = [floor for floor in self.floors if floor is self._best or not self._needless(floor)]
        weights = [math.exp(-self._behind(floor)) for floor in self.floors]
        whole = sum(weights)
        self.v_x, self.v_y, self.yaw_rate = (
            sum(weight * value for weight, value in zip(weights, values, strict=True)) / whole
            for values in zip(*((floor.v_x, floor.v_y, floor.yaw_rate) for floor in self.floors), strict=True)
        )
        self.grip_shares = self._best.grip_shares
        front, rear = min(
            (floor.least_grip_shares for floor in self.floors if self._behind(floor) < PLAUSIBLE), key=sum
        )
        self.least_grip_shares = min(front, self.grip_shares[0]), min(rear, self.grip_shares[1])

    def _needless(self, floor: SingleTrack) -> bool:
        apart = (abs(own - best) for own, best in zip(floor.grip_shares, self._best.grip_shares, strict=True))
        return self._behind(floor) > GIVEN_UP or max(apart) < SAME

    def _behind(self, floor: SingleTrack) -> float:
        return self._best.log_likelihood - floor.log_likelihood
