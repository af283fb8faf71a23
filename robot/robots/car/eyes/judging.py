"""`robot evaluate RUN` of a driver that sees: the built-in tracks with places, looks and cars that nobody has trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from policies.policy_file import PolicyFile
from robot.evaluation.judge import Scores, Verdict
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.laps import Behind, drive_laps
from robot.robots.car.judge import CarEvaluateConfig
from robot.robots.car.world import load_world
from sim.car.model import Randomisation
from sim.tracks.built_in_tracks import BUILT_IN, built_in

CARS, SECONDS = 48, 60.0
SLOWER = 0.7
BEHIND: dict[str, tuple[str, Behind]] = {  # by their keys in the figures: in words, and what of `drive_laps`
    "careful": ("its own sight, as on a course that it does not know", "sight, carefully"),
    "sight": ("its own sight, as on one that it has driven", "sight"),
    "shield": ("the shield told the place", "the shield told the place"),
}
CONDITIONS: dict[str, tuple[float, Randomisation]] = {
    "hidden cars": (1.0, Randomisation()),
    "nominal car": (1.0, Randomisation(0.0, 0.0, 0.0, 0.0)),
    f"hidden cars at {SLOWER} of the speed": (SLOWER, Randomisation()),
}


def in_simulator(
    config: CarEvaluateConfig, path: Path, policy: PolicyFile, progress: Callable[[float], None]
) -> Verdict:
    """Laps of 48 cars for a minute in each condition, by truth: alone, behind each of the two shields by what it sees that a car with a camera
    has, and behind one that knows the place.

    The first condition's figures are those of `--json`; `careful`, `sight` and `shield` hold what the same cars do behind each.
    """
    encoder = encoder_beside(path)
    named = config.track != "default" or config.map
    courses = [load_world(config.track, config.map, config.loop).course] if named else list(map(built_in, BUILT_IN))
    found: dict[str, dict[str, Any]] = {}
    for k, (name, (slower, spread)) in enumerate(CONDITIONS.items()):

        def driven(behind: Behind, slower: float = slower, spread: Randomisation = spread) -> dict[str, Any]:
            laps = drive_laps(
                encoder, policy.weights, courses, CARS, SECONDS, config.seed, slower, spread, behind, policy.layers
            )
            return laps.figures()

        found[name] = driven("nothing") | {key: driven(behind) for key, (_, behind) in BEHIND.items()}
        progress((k + 1) / len(CONDITIONS))
    first = next(iter(found.values()))
    rows = []
    for name, each in found.items():
        rows += [(name, cells(each)), *((f"{name}, {how}", cells(each[key])) for key, (how, _) in BEHIND.items())]
    title = f"{', '.join(course.name for course in courses)}, seen by a camera"
    lines = [
        f"{each['ratio']} x the best possible lap, {each['crashes_per_car_minute']} crashes a car-minute, {how}"
        for how, each in (("alone", first), *((f"behind {how}", first[key]) for key, (how, _) in BEHIND.items()))
    ]
    lines.append(
        "the shield knows place, latency and trim by truth, as a car with a lidar does; a camera alone does not tell them"
    )
    figures = {"run": str(path.parent), "policy": str(path), **first, "conditions": found}
    return Verdict(figures, [Scores(title, ("walls", "tape", "crashes/min"), rows)], first["ratio"] is not None, lines)


def cells(figures: dict[str, Any]) -> tuple[str, str, str]:
    """One row of the table."""
    return f"{figures['ratio_walls']}", f"{figures['ratio_tape']}", f"{figures['crashes_per_car_minute']:.2f}"
