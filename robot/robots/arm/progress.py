"""What an arm's run has reached, beside what every run has."""

from dataclasses import dataclass, field
from typing import Any

from robot.practice.progress import Progress

CAMERA = "camera"  # an event: what is believed of what it is always wrong by


@dataclass
class ArmProgress(Progress):
    """demonstrations: attempts of who shows how, a script or a person. truly_done: pegs inserted, or blocks
    lifted, by the virtual world's truth; places: of the board or the block, that its stage moved it from. camera: what it is always
    wrong by, as `camera_belief.py` has it."""

    demonstrations: list[dict[str, Any]] = field(default_factory=list)
    truly_done: int = 0
    places: int = 0
    tip_worst_m_s: float = 0.0
    camera: dict[str, float] = field(default_factory=dict)

    def note(self, event: dict[str, Any]) -> None:
        """One event."""
        super().note(event)
        if event["kind"] == "demonstration":
            self.demonstrations.append(event)
        elif event["kind"] == CAMERA:
            self.camera = event["wrong_by"]

    @property
    def shown(self) -> int:
        """Demonstrations that succeeded."""
        return sum(bool(each["succeeded"]) for each in self.demonstrations)

    def judge(self, truth: Any) -> None:
        """Add up what happened by the truth."""
        self.truly_done += int(truth.done)
        self.places += int(truth.moves)
        self.tip_worst_m_s = max(self.tip_worst_m_s, float(truth.tip_worst_m_s))
