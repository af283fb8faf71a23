"""What a car's camera saw at moments of a run, from the pictures that the run has kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robot.perception.frames import FrameReader, frames_parts

OLDEST_S = 0.5  # a picture that was older tells nothing of the moment


def pictures_at(run: Path, times_s: Sequence[float]) -> list[np.ndarray | None]:
    """The newest picture (height, width[, 3]; blue, green, red) uint8 that had been taken at each time of the robot's clock, or None.

    Raises what `FrameReader` does.
    """
    newest = np.full(len(times_s), -np.inf)
    found: list[np.ndarray | None] = [None] * len(times_s)

    def told_by(embedding: np.ndarray) -> list[int]:
        """The moments of which a picture tells more than those before it."""
        taken_s = float(embedding["measured_s"])
        return [k for k, time_s in enumerate(times_s) if max(newest[k], time_s - OLDEST_S) < taken_s <= time_s]

    for path in frames_parts(run):
        for seen in FrameReader(path).seen(lambda embedding: bool(told_by(embedding))):
            if seen.frame is not None:
                for k in told_by(seen.embedding):
                    newest[k], found[k] = seen.embedding["measured_s"], seen.frame
    return found
