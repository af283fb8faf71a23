"""What an arm is asked for, beside what every practice is."""

from dataclasses import dataclass
from typing import Literal

from robot.practice.settings import SCRATCH, From, PracticeConfig


@dataclass(frozen=True)
class ArmOptions(PracticeConfig):
    """An arm practises a task by itself: a script shows how a few times first."""

    task: Literal["peg_insert", "reach"] = "peg_insert"
    robot: str = "virtual-arm"
    start_from: From = SCRATCH
    demonstrations: int = 20
    """How many successes a script shows before practice begins; their time is told beside that of practice."""
    resets: Literal["scripted", "learned"] = "scripted"
    """Who leads back to where an episode begins: a script, or the policy, with the script where it fails."""
    hidden_seed: int | None = None
    """Give the virtual arm friction, backlash, gain, clearance and an offset of its camera that nobody is told, drawn with this
    seed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.demonstrations <= 1000:
            raise ValueError(f"--demonstrations: found {self.demonstrations}, allowed: 0 to 1000")
        if self.resets == "learned" and self.task != "peg_insert":
            raise ValueError(
                f"--resets: found 'learned' with --task {self.task}, allowed: scripted; nothing leads back there"
            )
        if self.hidden_seed is not None and self.hidden_seed < 0:
            raise ValueError(f"--hidden-seed: found {self.hidden_seed}, allowed: 0 or more")
