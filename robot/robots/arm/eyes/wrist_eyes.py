"""What a mind knows of the camera on its hand: the newest picture, and where the hand was when it was taken."""

from collections import deque

import numpy as np

from drivers.reading_record import reading_fields, reading_of
from robot.perception.result import PerceptionReading
from robot.robots.arm.records import COMMAND, DEVICES, FIGURES
from robot.runtime.records import Records, compose
from robot.tasks.spec import TaskSpec

EYES_FRESH_S = 0.2  # older, and it does not see
LATENCY_S = 0.04  # of a picture when it is fresh: cameras tell how much later than at their best they are
POSES_S = 0.5  # for how long it remembers where its hand was


def seeing_records(spec: TaskSpec) -> Records:
    """The records of an arm with a camera on its hand."""
    return compose(
        spec.observation_size,
        spec.action_size,
        {**DEVICES, "camera": [*reading_fields(PerceptionReading), ("up", "u4")]},
        {"command": COMMAND, "figures": FIGURES},
    )


class WristEyes:
    """size: of the embeddings of its encoder. reading: the newest. blind: no picture is new enough."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reading = PerceptionReading(np.empty(0, np.float32))
        self.blind = True
        self._poses: deque[tuple[float, np.ndarray]] = deque()  # of the hand, and when
        self._taken = -1  # number of the newest picture that was taken in

    def see(self, record: np.ndarray) -> None:
        """Take in what is perceived in this tick."""
        self.reading = reading_of(record, PerceptionReading)
        self.blind = not (self._whole and 0.0 <= self.reading.embedding_age_s < EYES_FRESH_S)

    def remember(self, now: float, pose: np.ndarray | None) -> None:
        """Where the hand is in this tick, (9,); None: not known."""
        if pose is None:
            self._poses.clear()
            return
        self._poses.append((now, pose.copy()))
        while self._poses[0][0] < now - POSES_S:
            self._poses.popleft()

    def taken(self, now: float, since_s: float) -> np.ndarray | None:
        """The pose (9,) from which a new picture was taken; None where there is none, it is from before a time, or the pose is not remembered."""
        eyes = self.reading
        if not self._whole or not 0.0 <= eyes.embedding_age_s < POSES_S or eyes.frame == self._taken:
            return None
        self._taken, at_s = eyes.frame, now - eyes.embedding_age_s - LATENCY_S
        return None if at_s < since_s else self._pose_at(at_s)

    @property
    def _whole(self) -> bool:
        return len(self.reading.embedding) == self.size

    def _pose_at(self, time_s: float) -> np.ndarray | None:
        """Between the two poses around a time; None where it is not remembered."""
        for (before_s, before), (after_s, after) in zip(self._poses, list(self._poses)[1:], strict=False):
            if before_s <= time_s <= after_s:
                share = (time_s - before_s) / (after_s - before_s)
                return before + share * (after - before)
        return None
