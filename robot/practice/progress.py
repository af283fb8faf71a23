"""What a run has reached, over resumed sessions and restarted processes: `state.json`, from which a session resumes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.array_file import write_bytes_atomically
from policies.replay import load_folder

STATE_FILE = "state.json"


@dataclass
class Progress:
    """Everything that happened so far; the lists hold events of the control process."""

    practice_s: float = 0.0
    demo_lap_s: float = 0.0
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
        elif event["kind"] == "calibration":
            self.demo_lap_s = event["demo_lap_s"]
            self.trim_rad = event["trim_rad"]
            self.latency_s = event["latency_s"]

    def save(self, folder: Path) -> None:
        """Write a run's `state.json`."""
        write_bytes_atomically(folder / STATE_FILE, [json.dumps(self.__dict__, indent=1).encode()])


def load_progress(folder: Path) -> Progress:
    """What an earlier session of this run reached: its `state.json`, and the transitions on disk beyond it."""
    path = folder / STATE_FILE
    progress = Progress(**json.loads(path.read_text())) if path.exists() else Progress()
    stored = load_folder(folder / "replay")
    if len(stored):
        progress.step = max(progress.step, int(stored["step"][-1]) + 1)
        progress.episode = max(progress.episode, int(stored["episode"][-1]) + 1)
    return progress
