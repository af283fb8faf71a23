"""What a run has reached, over resumed sessions and restarted processes: `state.json`, from which a session resumes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from policies.replay import load_folder
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import of_this_format, sealed
from sim.input_files import allowed, checked, from_table, read_json, wrong

ProgressT = TypeVar("ProgressT", bound="Progress")
STATE_FILE = "state.json"
EVENT_FIELDS: dict[str, dict[str, type]] = {  # that the figures are made of
    "episodes": {"merit": float, "practice_s": float, "outcome": str, "baseline": bool},
    "resets": {"duration_s": float, "succeeded": bool},
}


@dataclass
class Progress:
    """Everything that happened so far; the lists hold events of the control process. A robot may add to it.

    SIGNED: names of numbers that may be below 0.
    """

    SIGNED: ClassVar[tuple[str, ...]] = ()
    practice_s: float = 0.0
    step: int = 0
    episode: int = 0
    episodes: list[dict[str, Any]] = field(default_factory=list)
    resets: list[dict[str, Any]] = field(default_factory=list)
    helps: list[dict[str, Any]] = field(default_factory=list)  # that a person was asked for
    faults: list[dict[str, Any]] = field(default_factory=list)
    restarts: list[dict[str, Any]] = field(default_factory=list)
    missed_ticks: int = 0
    updates: int = 0
    learner_busy_s: float = 0.0

    def note(self, event: dict[str, Any]) -> None:
        """Take in one event of the control process."""
        lists = {"episode": self.episodes, "reset": self.resets, "help": self.helps, "fault": self.faults}
        if event["kind"] in lists:
            lists[event["kind"]].append(event)

    def judge(self, truth: Any) -> None:
        """Take in how things really were, as the emulated devices know them."""

    def save(self, folder: Path) -> None:
        """Write a run's `state.json`."""
        write_json(folder / STATE_FILE, sealed(self.__dict__))


def load_progress(folder: Path, kind: type[ProgressT]) -> ProgressT:
    """What an earlier session of this run reached: its `state.json`, and the transitions on disk beyond it.

    Raises ValueError, naming file and field, for a state that was cut, or is of another version.
    """
    path = folder / STATE_FILE
    progress = kind()
    if path.exists():
        progress = from_table(path, kind, of_this_format(path, read_json(path)))
        check(path, progress)
    stored = load_folder(folder / "replay")
    if len(stored):
        progress.step = max(progress.step, int(stored["step"][-1]) + 1)
        progress.episode = max(progress.episode, int(stored["episode"][-1]) + 1)
    return progress


def check(path: Path, progress: Progress) -> None:
    """Raises ValueError for what no session can have reached."""
    for name, value in progress.__dict__.items():
        if isinstance(value, int | float) and name not in progress.SIGNED and value < 0:
            raise wrong(path, name, str(value), "0 or more")
    for name, needed in EVENT_FIELDS.items():
        for number, event in enumerate(getattr(progress, name)):
            for key, kind in needed.items():
                if key not in event:
                    raise wrong(path, f"{name}[{number}].{key}", "nothing", allowed(kind))
                checked(path, f"{name}[{number}].{key}", event[key], kind)
