"""`robot evaluate RUN` of a driver that sees: the built-in tracks with places, looks and cars that nobody has trained on."""

from collections.abc import Callable
from pathlib import Path

from policies.policy_file import PolicyFile
from robot.evaluation.judge import Scores, Verdict
from robot.robots.car.eyes.laps import drive_laps, encoder_beside
from robot.robots.car.judge import CarEvaluateConfig
from robot.robots.car.world import load_world
from sim.car.model import Randomisation
from sim.tracks.built_in_tracks import BUILT_IN, built_in

CARS, SECONDS = 48, 60.0
SLOWER = 0.7
CONDITIONS: dict[str, tuple[float, Randomisation]] = {
    "hidden cars": (1.0, Randomisation()),
    "nominal car": (1.0, Randomisation(0.0, 0.0, 0.0, 0.0)),
    f"hidden cars at {SLOWER} of the speed": (SLOWER, Randomisation()),
}


def in_simulator(
    config: CarEvaluateConfig, path: Path, policy: PolicyFile, progress: Callable[[float], None]
) -> Verdict:
    """Laps of 48 cars for a minute in each condition, by truth. The first condition's figures are those of `--json`."""
    encoder = encoder_beside(path)
    named = config.track != "default" or config.map
    courses = [load_world(config.track, config.map, config.loop).course] if named else list(map(built_in, BUILT_IN))
    found = {}
    for k, (name, (slower, spread)) in enumerate(CONDITIONS.items()):
        laps = drive_laps(encoder, policy.weights, courses, CARS, SECONDS, config.seed, slower, spread)
        found[name] = laps.figures()
        progress((k + 1) / len(CONDITIONS))
    first = next(iter(found.values()))
    rows = [(name, (f"{each['ratio']}", f"{each['crashes_per_car_minute']:.2f}")) for name, each in found.items()]
    title = f"{', '.join(course.name for course in courses)}, seen by a camera"
    lines = [f"{first['ratio']} x the best possible lap, {first['crashes_per_car_minute']} crashes a car-minute"]
    figures = {"run": str(path.parent), "policy": str(path), **first, "conditions": found}
    return Verdict(figures, [Scores(title, ("ratio", "crashes/min"), rows)], first["ratio"] is not None, lines)
