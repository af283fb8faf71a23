"""Searching the map for a car that stands and does not know where: a few milliseconds a tick, said aloud, given up in the end."""

import math
from typing import Any

from robot.robots.car.estimation.estimator import Estimator

AGAIN_AFTER_S = 0.5  # a search that found nothing
SAY_AFTER_S, SAY_EVERY_S = 2.0, 10.0  # that the car is still not found
GIVE_UP_S = 90.0  # of looking for the place to begin at


class PlaceSearch:
    """One search after the other, until one finds the car."""

    def __init__(self) -> None:
        self._ended_s = -math.inf  # when the last search ended
        self._began_s: float | None = None  # and the first of those that have found nothing since
        self._said_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Whether it is time to begin another one."""
        return now_s - self._ended_s > AGAIN_AFTER_S

    def step(self, now_s: float, estimator: Estimator, at_the_start: bool) -> tuple[str, dict[str, Any]] | None:
        """Go on with the search. Returns the event that says what came of it, where there is something to say."""
        if self._began_s is None:
            self._began_s = now_s
        told, ended = estimator.told, estimator.look()
        if ended is None:
            return None
        self._ended_s = now_s
        searched_s, found = now_s - self._began_s, ended.found
        if found is not None:
            self._began_s, self._said_s = None, -math.inf
            text = f"the car is at x {found.x:.2f}, y {found.y:.2f}, {math.degrees(found.yaw):.0f} degrees: found in " \
                   f"{searched_s:.1f} s, {100 * found.agreement:.0f} % of what the lidar sees agrees"  # fmt: skip
            return "localised", {"x": found.x, "y": found.y, "yaw": found.yaw, "searched_s": searched_s,
                                 "agreement": found.agreement, "text": text}  # fmt: skip
        if at_the_start and searched_s > GIVE_UP_S:
            return "failure", {"reason": f"the car was not found on the map within {searched_s:.0f} s: {ended.reason}. Tell "
                                         "where it stands: --start X Y YAW_DEG"}  # fmt: skip
        if searched_s > SAY_AFTER_S and now_s - self._said_s > SAY_EVERY_S:
            self._said_s = now_s
            where = " It is not where --start says." if told is not None and ended.told_is_wrong else ""
            return "not_found", {"text": f"looking for the car on the map for {searched_s:.0f} s: {ended.reason}.{where} Put "
                                         "it onto the course, or tell where it stands: --start X Y YAW_DEG"}  # fmt: skip
        return None
