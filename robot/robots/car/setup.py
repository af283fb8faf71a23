"""Everything that decides how a pipeline will behave, in one value that goes into the log, so that a log can be replayed."""

import hashlib
import io
import json
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from policies.array_file import arrays_in
from sim.distance_field import OccupancyGrid
from sim.input_files import checked, json_object, wrong
from sim.tracks.track import Course

PartT = TypeVar("PartT")
KIND = "car"
COURSE_COLUMNS = ("x", "y", "heading", "curvature", "width_left", "width_right")


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
    proved: bool = False  # whether an earlier life has driven the first metres, and found nothing wrong
    demo_lap_s: float = 0.0  # when the demonstration was driven in an earlier session
    practice_done_s: float = 0.0
    baseline_laps: int = 0  # laps that the policy drives as it came, before weights are taken and noise is added
    step: int = 0  # transitions that earlier sessions of this run made
    episode: int = 0
    measured_speed: bool = (
        True  # by the wheels; otherwise lidar or camera tell it (estimation/lidar_speed.py, floor_speed.py)
    )
    encoder: int | None = None  # version that the policy of a car with a camera takes; such a car has no lidar
    told: tuple[float, float, float] | None = None  # where the car is said to stand: x, y (m), yaw (rad); verified

    def to_bytes(self) -> bytes:
        """As one .npz, without pickle."""
        plain = {k: v for k, v in self.__dict__.items() if k not in ("car", "weights", "grid", "course", "layers")}
        plain["robot"] = KIND
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
            for name in COURSE_COLUMNS:
                arrays[f"course_{name}"] = getattr(self.course, name)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, plain=np.array(json.dumps(plain, sort_keys=True)), **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes, path: Path = Path("setup")) -> "PipelineSetup":
        """The inverse of `to_bytes`. Raises ValueError, naming field and `path`, for what this version cannot have written."""
        arrays = arrays_in(path, data)
        for name in ("plain", "car", "weights", "layers"):
            if name not in arrays:
                raise wrong(path, name, "nothing", "an array")
        plain = json_object(path, str(arrays["plain"]), "plain")
        grid, course = plain.pop("grid", None), plain.pop("course", None)
        plain.pop("robot", KIND)
        known = {field.name for field in fields(PipelineSetup)} - {"car", "weights", "layers", "grid", "course"}
        for name in plain.keys() - known:
            raise wrong(path, name, "it", ", ".join(sorted(known)))
        hints = get_type_hints(PipelineSetup)
        return from_parts(path, PipelineSetup, {
            **{name: checked(path, name, value, hints[name]) for name, value in plain.items()},
            "car": arrays["car"],
            "weights": arrays["weights"],
            "layers": tuple(int(n) for n in arrays["layers"].reshape(-1)),
            "grid": None if grid is None else grid_of(path, grid, arrays),
            "course": None if course is None else course_of(path, course, arrays),
        })  # fmt: skip

    def digest(self) -> str:
        """A short name for this setup."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]


def grid_of(path: Path, plain: Any, arrays: dict[str, np.ndarray]) -> OccupancyGrid:
    """The map in a setup's arrays."""
    for name in ("grid_shape", "grid_occupied"):
        if name not in arrays:
            raise wrong(path, name, "nothing", "an array")
    shape = tuple(int(n) for n in arrays["grid_shape"].reshape(-1))
    packed = arrays["grid_occupied"]
    if len(shape) != 2 or min(shape) < 3 or packed.dtype != np.uint8 or packed.size != -(-shape[0] * shape[1] // 8):
        raise wrong(path, "grid_occupied", f"{packed.size} bytes for {shape} cells", "a bit a cell")
    occupied = np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape).astype(bool)
    return from_parts(path, OccupancyGrid, {"occupied": occupied, **plain})


def course_of(path: Path, plain: Any, arrays: dict[str, np.ndarray]) -> Course:
    """The course in a setup's arrays."""
    columns = {name: arrays.get(f"course_{name}") for name in COURSE_COLUMNS}
    for name, column in columns.items():
        if column is None or column.ndim != 1 or len(column) != len(columns["x"]) or column.dtype != np.float64:  # type: ignore[arg-type]
            raise wrong(path, f"course_{name}", "no such array", "float64, as many as course_x")
    return from_parts(path, Course, {**plain, **columns})


def from_parts(path: Path, kind: type[PartT], values: dict[str, Any]) -> PartT:
    """The dataclass with these fields. Raises ValueError for a field that is missing, or that this version has not."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in values.keys() - known.keys():
        raise wrong(path, name, "it", ", ".join(known))
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise wrong(path, name, "nothing", "a field of this version")
    return kind(**values)
