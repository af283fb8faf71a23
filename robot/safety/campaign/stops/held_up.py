"""Robots that are held up, and fall where nobody holds them: what counts as a fall, by how fast they are while nobody works with them.

How fast a robot may be depends on what it does: at its work it is fast; once it has been stopped it stands, or is led home slowly.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot.practice.practice import find_practice
from robot.runtime.robot import find_robot
from robot.runtime.session_file import SessionFile
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from robot.shared_memory.blocks import SharedRecord, control_status
from robot.tasks import find_task

LATE_S = 0.15  # control tells of a mode every tenth of a second


@dataclass(frozen=True)
class HeldUp:
    """works_m_s: at its work it is never faster. falls_m_s: without work, brakes_s after it, who is faster falls."""

    works_m_s: float
    falls_m_s: float
    brakes_s: float

    def fell_m_s(self, rows: Sequence[tuple[float, Seen]], worked: Sequence[bool], begin_s: float) -> float | None:
        """The worst fall since a moment, m/s; None if there was none. worked: in each row, whether control was at its work."""
        resting_s: float | None = None  # since when it no longer works
        worst: float | None = None
        works_at = [at_s for (at_s, _), works in zip(rows, worked, strict=True) if works]
        following = 0  # the next one of these
        for (at_s, seen), works in zip(rows, worked, strict=True):
            resting_s = None if works else at_s if resting_s is None else resting_s
            while following < len(works_at) and works_at[following] < at_s:
                following += 1
            begins = following < len(works_at) and works_at[following] - at_s < LATE_S
            rests = resting_s is not None and at_s - resting_s > self.brakes_s and not begins
            if at_s >= begin_s and seen.speed_m_s > (self.falls_m_s if rests else self.works_m_s):
                worst = max(worst or 0.0, seen.speed_m_s)
        return worst


class AtWork:
    """Whether a session's control works with the robot: it lives, and neither stands nor brings it to rest. Not before it is there."""

    def __init__(self, folder: Path, task: str) -> None:
        kind = find_task(task).robot
        self._session = folder / "session.json"
        self._finishing = find_practice(kind).finishing
        self._dtype = control_status(find_robot(kind).records(task).outputs)
        self._record: SharedRecord | None = None

    def __call__(self) -> bool:
        if self._record is None:
            if not self._session.exists():
                return False
            self._record = SharedRecord.attach(SessionFile.load(self._session).names["control"], self._dtype)
        status = self._record.read()
        alive = time.monotonic_ns() - int(status["heartbeat_ns"]) < 1e9 * LATE_S and not status["finished"]
        outputs = status["outputs"]
        return bool(alive and outputs["mode"] == Mode.RUN and outputs["phase"] < self._finishing)
