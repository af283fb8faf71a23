"""What a car's run has reached, beside what every robot's has."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from drivers.emulators.virtual_car import Truth
from robot.practice.progress import Progress
from robot.runtime.episodes import Outcome


@dataclass
class CarProgress(Progress):
    """Its episodes are laps, its resets recoveries."""

    SIGNED: ClassVar[tuple[str, ...]] = ("trim_rad",)
    demo_lap_s: float = 0.0
    proved: bool = False  # the car has shown that it is wired as its file says
    trim_rad: float = 0.0
    latency_s: float = 0.05
    collisions: list[dict[str, Any]] = field(default_factory=list)
    places_lost: list[dict[str, Any]] = field(
        default_factory=list
    )  # by a car with a camera, which drove a new first lap then
    true_collisions: int = 0
    people_hit: int = 0  # by the virtual car, and how fast it was at the worst touch
    people_worst_m_s: float = 0.0

    def note(self, event: dict[str, Any]) -> None:
        """Take in one event of the car's mind."""
        if event["kind"] == "lap":
            outcome = Outcome.SUCCESS if event["clean"] else Outcome.TAKEN_OVER
            super().note(event | {"kind": "episode", "merit": event["lap_s"], "outcome": outcome.word})
        elif event["kind"] == "recovery":
            super().note(event | {"kind": "reset"})
        elif event["kind"] == "collision":
            self.collisions.append(event)
        elif event["kind"] == "place_lost":
            self.places_lost.append(event)
        elif event["kind"] == "proved":
            self.proved = not event["wrong"]
        elif event["kind"] == "calibration":
            self.demo_lap_s = event["demo_lap_s"]
            self.trim_rad = event["trim_rad"]
            self.latency_s = event["latency_s"]
        else:
            super().note(event)

    def judge(self, truth: Truth) -> None:
        """Add up what the virtual car really touched in a session."""
        self.true_collisions += int(truth.collisions)
        self.people_hit += int(truth.people_hit)
        self.people_worst_m_s = max(self.people_worst_m_s, truth.people_worst_m_s)
