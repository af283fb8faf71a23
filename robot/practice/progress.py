"""What a run has reached, over resumed sessions and restarted processes: `state.json`, from which a session resumes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.replay import load_folder
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import RUN_FORMAT, of_this_format
from sim.input_files import allowed, checked, from_table, read_json, wrong

STATE_FILE = "state.json"
SIGNED = ("trim_rad",)
EVENT_FIELDS: dict[str, dict[str, type]] = {  # that the figures are made of
    "laps": {"lap_s": float, "practice_s": float, "clean": bool, "baseline": bool},
    "recoveries": {"duration_s": float, "succeeded": bool},
}


@dataclass
class Progress:
    """Everything that happened so far; the lists hold events of the control process."""

    practice_s: float = 0.0
    demo_lap_s: float = 0.0
    proved: bool = False  # the car has shown that it is wired as its file says
    trim_rad: float = 0.0
    latency_s: float = 0.05
    step: int = 0
    episode: int = 0
    laps: list[dict[str, Any]] = field(default_factory=list)
    collisions: list[dict[str, Any]] = field(default_factory=list)
    recoveries: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    restarts: list[dict[str, Any]] = field(default_factory=list)
    missed_ticks: int = 0
    true_collisions: int = 0
    people_hit: int = 0  # by the virtual car, and how fast it was at the worst touch
    people_worst_m_s: float = 0.0
    updates: int = 0
    learner_busy_s: float = 0.0

    def note(self, event: dict[str, Any]) -> None:
        """Take in one event of the control process."""
        lists = {"lap": self.laps, "collision": self.collisions, "recovery": self.recoveries, "fault": self.faults}
        if event["kind"] in lists:
            lists[event["kind"]].append(event)
        elif event["kind"] == "proved":
            self.proved = not event["wrong"]
        elif event["kind"] == "calibration":
            self.demo_lap_s = event["demo_lap_s"]
            self.trim_rad = event["trim_rad"]
            self.latency_s = event["latency_s"]

    def save(self, folder: Path) -> None:
        """Write a run's `state.json`."""
        write_json(folder / STATE_FILE, {"format": RUN_FORMAT} | self.__dict__)


def load_progress(folder: Path) -> Progress:
    """What an earlier session of this run reached: its `state.json`, and the transitions on disk beyond it.

    Raises ValueError, naming file and field, for a state that was cut, or is of another version.
    """
    path = folder / STATE_FILE
    progress = Progress()
    if path.exists():
        progress = from_table(path, Progress, of_this_format(path, read_json(path)))
        check(path, progress)
    stored = load_folder(folder / "replay")
    if len(stored):
        progress.step = max(progress.step, int(stored["step"][-1]) + 1)
        progress.episode = max(progress.episode, int(stored["episode"][-1]) + 1)
    return progress


def check(path: Path, progress: Progress) -> None:
    """Raises ValueError for what no session can have reached."""
    for name, value in progress.__dict__.items():
        if isinstance(value, int | float) and name not in SIGNED and value < 0:
            raise wrong(path, name, str(value), "0 or more")
    for name, needed in EVENT_FIELDS.items():
        for number, event in enumerate(getattr(progress, name)):
            for key, kind in needed.items():
                if key not in event:
                    raise wrong(path, f"{name}[{number}].{key}", "nothing", allowed(kind))
                checked(path, f"{name}[{number}].{key}", event[key], kind)
