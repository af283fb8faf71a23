"""Laps of drivers that see, many cars at once, judged by the simulator's truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnxruntime

from policies.actor import weight_views
from robot.robots.car.eyes.careful import carefully
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, LAYERS, WIDTH, Memory
from robot.robots.car.eyes.shield import InformedShield
from robot.robots.car.eyes.sight import held_back
from robot.tasks.race_track.by_camera import EMBEDDING, SEEN_MAX_M
from robot.tasks.race_track.task import ACTION_SIZE, DECISION_S, SPEED_MAX_M_S, SPEED_MIN_M_S
from sim.camera.looks import draw_looks
from sim.car import kernel
from sim.car.batch import Starts
from sim.car.model import Randomisation, load_parameters
from sim.car.yardstick import lookup_or_compute
from sim.tracks.track import Course

STARTS = Starts(lateral=0.3, heading_rad=0.1, speed_low_m_s=0.5, speed_high_m_s=1.0)
# Of trainings' seeds none comes so far: nobody has trained on these places and textures
LOOKS, LOOKS_SEED = 256, 1_000_000
CRASHED = 1
Behind = Literal["nothing", "the shield told the place", "sight", "sight, carefully"]
BY_SIGHT: dict[Behind, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "sight": held_back,
    "sight, carefully": carefully,
}


def embedder(encoder: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """From frames (n, height, width, channels) uint8 to embeddings (n, size) float32, in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(encoder, options, providers=["CPUExecutionProvider"])

    def embed(frames: np.ndarray) -> np.ndarray:
        embedding: np.ndarray = session.run(["embedding"], {"frame": frames})[0]
        return embedding

    return embed


class SeeingDriver:
    """An encoder in ONNX Runtime, and an actor's mean. slower: a share of the speed that is asked for.

    free_m (n, len(PATHS_PER_M)): what it saw free when it last acted.
    """

    def __init__(
        self, encoder: bytes, weights: np.ndarray, cars: int, slower: float = 1.0, layers: tuple[int, ...] = LAYERS
    ) -> None:
        self._embed = embedder(encoder)
        self._layers, self._memory, self._slower = weight_views(weights, layers), Memory(cars), slower

    def act(self, fleet: SeeingFleet) -> np.ndarray:
        """Actions (n, 2) for what a fleet sees now."""
        seen = self._embed(fleet.frames)
        self.free_m = SEEN_MAX_M * seen[:, EMBEDDING:]
        x = self._memory.with_now(seen, fleet.observation, fleet.age)
        (a, b), (c, d), (e, f) = self._layers
        action = np.tanh((np.tanh(np.tanh(x @ a + b) @ c + d) @ e + f)[:, :ACTION_SIZE])
        speed = self._slower * (SPEED_MIN_M_S + 0.5 * (action[:, 1] + 1.0) * (SPEED_MAX_M_S - SPEED_MIN_M_S))
        action[:, 1] = 2.0 * (speed - SPEED_MIN_M_S) / (SPEED_MAX_M_S - SPEED_MIN_M_S) - 1.0
        clipped: np.ndarray = np.clip(action, -1.0, 1.0)
        return clipped


@dataclass(frozen=True)
class SeenLaps:
    """What came of it. ratios: of every lap from line to line over its course's yardstick; crashes: of all cars."""

    ratios: np.ndarray  # (laps,)
    with_walls: np.ndarray  # (laps,) bool: between walls, or along tape alone
    crashes: np.ndarray  # (cars,) int64
    crashed_at_tape: int
    minutes: float  # of a car
    tape_minutes: float  # of all cars, along tape alone: a smaller share than of the looks, as who crashes gets another
    changed: float  # share of the decisions in which a shield chose another action

    def figures(self) -> dict[str, Any]:
        """Rounded, for `--json`; a ratio is None where there was no lap."""

        def median(ratios: np.ndarray) -> float | None:
            return round(float(np.median(ratios)), 3) if len(ratios) else None

        def rate(crashes: int, minutes: float) -> float | None:
            return round(crashes / minutes, 3) if minutes > 0.0 else None

        total, minutes = int(self.crashes.sum()), len(self.crashes) * self.minutes
        return {
            "ratio": median(self.ratios),
            "ratio_walls": median(self.ratios[self.with_walls]),
            "ratio_tape": median(self.ratios[~self.with_walls]),
            "laps": len(self.ratios),
            "crashes": total,
            "crashes_at_tape": self.crashed_at_tape,
            "crashes_per_car_minute": rate(total, minutes),
            "crashes_per_car_minute_walls": rate(total - self.crashed_at_tape, minutes - self.tape_minutes),
            "crashes_per_car_minute_tape": rate(self.crashed_at_tape, self.tape_minutes),
            "cars_without_crash": round(float((self.crashes == 0).mean()), 3),
            "shield_changed": round(self.changed, 4),
        }


def drive_laps(
    encoder: bytes, weights: np.ndarray, courses: Sequence[Course], cars: int, seconds: float, seed: int,
    slower: float = 1.0, spread: Randomisation = Randomisation(), behind: Behind = "nothing",
    layers: tuple[int, ...] = LAYERS,
) -> SeenLaps:  # fmt: skip
    """Drive on courses with looks, textures and cars that nobody has trained on. A crashed car starts anew somewhere.

    behind: the predictive brake, which knows the place, or one of those that go by what the camera shows: as on board once it has driven
    a course, or carefully, as on board before that.
    """
    looks = draw_looks(LOOKS, LOOKS_SEED + seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    fleet = SeeingFleet(courses, cars, LOOKS_SEED + seed, looks, None, spread, STARTS, decisions_max=1_000_000)
    driver = SeeingDriver(encoder, weights, cars, slower, layers)
    shield = InformedShield(fleet) if behind == "the shield told the place" else None
    best_s = np.array([lookup_or_compute(course, load_parameters()).lap_s for course in courses])
    length_m = np.array([course.length_m for course in courses])
    began, crashes, at_tape, changed = np.full(cars, np.nan), np.zeros(cars, np.int64), 0, 0
    tape_minutes = 0.0
    ratios: list[float] = []
    with_walls: list[bool] = []
    s = fleet.s
    decisions = round(seconds / DECISION_S)
    for k in range(decisions):
        has_walls = fleet.looks.values["wall_height_m"][fleet.look] > 0.0
        actions = driver.act(fleet)
        if shield is not None:
            actions = shield.filtered(actions)
            changed += int(shield.changed.sum())
        elif behind in BY_SIGHT:
            held = BY_SIGHT[behind](actions, driver.free_m, fleet.batch.row(kernel.V_X))
            changed += int((held[:, 1] < actions[:, 1]).sum())
            actions = held
        fleet.step(actions)
        crashed = fleet.end == CRASHED
        crashes += crashed
        tape_minutes += (~has_walls).sum() * DECISION_S / 60.0
        at_tape += int((crashed & ~has_walls).sum())
        began[fleet.end > 0] = np.nan
        left_m = length_m[fleet.course] - s
        for i in np.flatnonzero((fleet.end == 0) & (s - fleet.s > 0.5 * length_m[fleet.course])):
            now = (k + left_m[i] / (left_m[i] + fleet.s[i])) * DECISION_S
            if not np.isnan(began[i]):
                ratios.append((now - began[i]) / best_s[fleet.course[i]])
                with_walls.append(bool(has_walls[i]))
            began[i] = now
        s = fleet.s
    return SeenLaps(np.array(ratios), np.array(with_walls, bool), crashes, at_tape, seconds / 60.0,
                    float(tape_minutes), changed / (decisions * cars))  # fmt: skip
