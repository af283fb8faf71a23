"""Everything that decides how a pipeline will behave, in one value that goes into the log, so that a log can be replayed."""

import hashlib
import io
import json
from dataclasses import asdict, dataclass, replace

import numpy as np

from sim.distance_field import OccupancyGrid
from sim.track import Course


@dataclass(frozen=True)
class PipelineSetup:
    """The pipeline's inputs besides the readings.

    car: `CarParameters.packed()` of the car that the robot believes to be. weights: the actor's, float32, `layers` its
    sizes. trim_rad, latency_s: as calibrated; the demonstration measures both anew.
    """

    seed: int
    practice_s: float
    laps: int  # stop after so many laps; 0: when the time is up
    explore: bool
    predictive_brake: bool
    demonstrate: bool
    keyboard: bool
    car: np.ndarray
    layers: tuple[int, ...]
    weights: np.ndarray
    grid: OccupancyGrid | None
    course: Course | None
    trim_rad: float = 0.0
    latency_s: float = 0.05
    demo_lap_s: float = 0.0  # when the demonstration was driven in an earlier session
    practice_done_s: float = 0.0
    baseline_laps: int = 0  # laps that the policy drives as it came, before weights are taken and noise is added
    step: int = 0  # transitions that earlier sessions of this run made
    episode: int = 0
    told: tuple[float, float, float] | None = None  # where the car is said to stand: x, y (m), yaw (rad); verified

    def to_bytes(self) -> bytes:
        """As one .npz, without pickle."""
        plain = {k: v for k, v in self.__dict__.items() if k not in ("car", "weights", "grid", "course", "layers")}
        arrays = {"car": self.car, "weights": self.weights, "layers": np.array(self.layers)}
        if self.grid is not None:
            arrays |= {
                "grid_occupied": np.packbits(self.grid.occupied),
                "grid_shape": np.array(self.grid.occupied.shape),
            }
            plain["grid"] = {
                k: v for k, v in asdict(replace(self.grid, occupied=np.zeros((1, 1)))).items() if k != "occupied"
            }
        if self.course is not None:
            plain["course"] = {"name": self.course.name, "spacing_m": self.course.spacing_m}
            for name in ("x", "y", "heading", "curvature", "width_left", "width_right"):
                arrays[f"course_{name}"] = getattr(self.course, name)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, plain=np.array(json.dumps(plain, sort_keys=True)), **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "PipelineSetup":
        """The inverse of `to_bytes`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = dict(file)
        plain = json.loads(str(arrays["plain"]))
        grid, course = plain.pop("grid", None), plain.pop("course", None)
        if grid is not None:
            shape = tuple(arrays["grid_shape"])
            occupied = np.unpackbits(arrays["grid_occupied"], count=shape[0] * shape[1]).reshape(shape).astype(bool)
            grid = OccupancyGrid(occupied=occupied, **grid)
        if course is not None:
            names = ("x", "y", "heading", "curvature", "width_left", "width_right")
            course = Course(**course, **{name: arrays[f"course_{name}"] for name in names})
        if plain.get("told") is not None:
            plain["told"] = tuple(plain["told"])
        return PipelineSetup(
            **plain,
            car=arrays["car"],
            weights=arrays["weights"],
            layers=tuple(int(n) for n in arrays["layers"]),
            grid=grid,
            course=course,
        )

    def digest(self) -> str:
        """A short name for this setup."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]
