"""What a car with a camera saw on its first laps, and where, and how it slid: of this the learner makes a simulator of both.

Its course's walls follow from what it saw (`rooms.py`); grips and trim its filters know (`estimation/single_tracks.py`).
"""

from pathlib import Path

import numpy as np

from policies.array_file import array_bytes, read_arrays
from robot.tasks.race_track.by_camera import SPEC
from sim.input_files import wrong

SEEN_LAPS_FILE = "seen_laps.npz"  # in a run's folder
LEAST, MOST = 2, 5  # laps: so many tell where the walls are, about; more tell little more
DECISIONS_MOST = 5000

DECISION = np.dtype(
    [("step", "<u8"), ("s", "<f8"), ("lateral", "<f8"), ("observation", "<f4", (SPEC.observation_size,))]
)
ENDED = np.dtype(
    [("step", "<u8"), ("front_grip_share", "<f8"), ("rear_grip_share", "<f8"), ("trim_rad", "<f8")]
)  # fmt: skip


class SeenLaps:
    """Takes in decisions and the ends of laps, in order."""

    def __init__(self) -> None:
        self._decisions: list[np.ndarray] = []
        self._ended: list[np.ndarray] = []

    def add(self, step: int, s: float, lateral: float, observation: np.ndarray) -> None:
        """A decision, which becomes the transition of that step. s, lateral (m): on the course of the first lap, as reckoned."""
        if len(self._ended) < MOST and len(self._decisions) < DECISIONS_MOST:
            self._decisions.append(np.array((step, s, lateral, observation), DECISION))

    def end_lap(self, step: int, grip_shares: tuple[float, float], trim_rad: float) -> bytes | None:
        """A lap ends, before the transition of that step; grips and trim as they are believed by then. Returns the file's contents,
        where laps are enough and tell more.
        """
        if len(self._ended) >= MOST:
            return None
        self._ended.append(np.array((step, *grip_shares, trim_rad), ENDED))
        return self.to_bytes() if len(self._ended) >= LEAST else None

    def to_bytes(self) -> bytes:
        """The file's contents."""
        return array_bytes({"decisions": np.array(self._decisions, DECISION), "ended": np.array(self._ended, ENDED)})


def load_seen_laps(path: Path, step: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Of the laps that had ended by the transition of that step: DECISION (n,), and the newest ENDED; None while they are too few.

    So it does not matter whether the car has driven on meanwhile. Raises ValueError, naming file and field, for what is not whole.
    """
    if not path.exists():
        return None
    arrays = read_arrays(path)
    for name, dtype in (("decisions", DECISION), ("ended", ENDED)):
        if name not in arrays or arrays[name].dtype != dtype or arrays[name].ndim != 1:
            found = f"{arrays[name].dtype}" if name in arrays else "nothing"
            raise wrong(path, name, found, "records of this version")
    ended = arrays["ended"][arrays["ended"]["step"] <= step]
    if len(ended) < LEAST:
        return None
    decisions = arrays["decisions"]
    return decisions[decisions["step"] < ended[-1]["step"]], ended[-1]
