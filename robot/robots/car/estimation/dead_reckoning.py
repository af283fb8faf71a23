"""The pose while the lidar says nothing or lies: from the last one that can be trusted, by wheels and gyro."""

import math
from collections import deque

from robot.robots.car.estimation.tracker import Estimate, Pose

BACK_S = 0.3  # a frozen scan, or walls that are not the map's, are noticed so much later
RECKONED_S = 4.0  # longer than any stop takes; after that nobody knows


class DeadReckoning:
    """Keeps the way of the last BACK_S, so that it can be laid onto the pose from before things went wrong."""

    def __init__(self) -> None:
        self._trail: deque[tuple[float, Pose]] = deque()  # time, pose while it was trusted
        self._steps: deque[tuple[float, Pose]] = deque()  # time, step in the car's frame since the tick before
        self._pose: Pose | None = None  # reckoned
        self._since_s = -math.inf

    def update(self, estimate: Estimate, elapsed_s: float, trusted: bool) -> Pose | None:
        """The pose (x, y, yaw; m, rad) to go by in this tick; None where none is known."""
        step = elapsed_s * estimate.v_x, elapsed_s * estimate.v_y, elapsed_s * estimate.yaw_rate
        now = estimate.time_s
        self._steps.append((now, step))
        while self._steps[0][0] < now - 2.0 * BACK_S:
            self._steps.popleft()
        if trusted:
            self._pose, self._since_s = None, now
            self._trail.append((now, (estimate.x, estimate.y, estimate.yaw)))
            while self._trail[0][0] < now - BACK_S:
                self._trail.popleft()
            return estimate.x, estimate.y, estimate.yaw
        if self._pose is not None:
            self._pose = onward(self._pose, step)
        elif self._trail:
            begin_s, pose = self._trail[0]
            for at_s, back in self._steps:
                if at_s > begin_s:
                    pose = onward(pose, back)
            self._pose = pose
            self._trail.clear()
        return self._pose if now - self._since_s < RECKONED_S else None


def onward(pose: Pose, step: Pose) -> Pose:
    """A pose after a step (x, y, yaw) in its own frame."""
    middle = pose[2] + 0.5 * step[2]
    cos_y, sin_y = math.cos(middle), math.sin(middle)
    return pose[0] + step[0] * cos_y - step[1] * sin_y, pose[1] + step[0] * sin_y + step[1] * cos_y, pose[2] + step[2]
