"""What a car with a camera saw on its first laps, and where: of this the learner finds its course's walls (`rooms.py`)."""

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


class SeenLaps:
    """Takes in decisions and the ends of laps, in order."""

    def __init__(self) -> None:
        self._decisions: list[np.ndarray] = []
        self._ended: list[int] = []

    def add(self, step: int, s: float, lateral: float, observation: np.ndarray) -> None:
        """A decision, which becomes the transition of that step. s, lateral (m): on the course of the first lap, as reckoned."""
        if len(self._ended) < MOST and len(self._decisions) < DECISIONS_MOST:
            self._decisions.append(np.array((step, s, lateral, observation), DECISION))

    def end_lap(self, step: int) -> bytes | None:
        """The next transition's step when a lap ends. Returns the file's contents, where laps are enough and tell more."""
        if len(self._ended) >= MOST:
            return None
        self._ended.append(step)
        if len(self._ended) < LEAST:
            return None
        return array_bytes(
            {"decisions": np.array(self._decisions, DECISION), "ended": np.array(self._ended, np.uint64)}
        )


def load_seen_laps(path: Path, step: int) -> np.ndarray:
    """DECISION (n,) of the laps that had ended by the transition of that step; none while they are too few.

    So it does not matter whether the car has driven on meanwhile. Raises ValueError, naming file and field, for what is not whole.
    """
    if not path.exists():
        return np.empty(0, DECISION)
    arrays = read_arrays(path)
    for name, dtype, allowed in (("decisions", DECISION, "decisions of this version"), ("ended", np.uint64, "steps")):
        if name not in arrays or arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise wrong(path, name, f"{arrays[name].dtype}" if name in arrays else "nothing", allowed)
    ended = arrays["ended"][arrays["ended"] <= step]
    decisions = arrays["decisions"]
    return decisions[decisions["step"] < ended[-1]] if len(ended) >= LEAST else decisions[:0]
