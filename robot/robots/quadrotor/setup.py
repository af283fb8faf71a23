"""Everything that decides how a flight will go, in one value that goes into the log, so that a log can be replayed."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from policies.array_file import arrays_in
from policies.policy_file import PolicyFile, actor_of, checked_kind, checked_metadata, layers_of_kind, weights_crc
from robot.tasks.track_trajectory import LAP_S
from sim.input_files import from_table, json_object, wrong
from sim.quadrotor.model import QuadrotorParameters

KIND = "quadrotor"
FLIGHT_TASKS = ("hover", "track_trajectory")  # that a mission has a figure for


@dataclass(frozen=True)
class FlightOptions:
    """What a flight is told beside its policy."""

    policy_on: Literal["board", "host"]
    reach_m: float  # the box, about the origin of the drone's estimator, that set-points are kept in: along x and y
    height_max_m: float
    motion_capture: bool = False  # whether the drone is sent its poses
    lap_s: float = LAP_S  # of a figure-of-eight


@dataclass(frozen=True)
class FlightSetup:
    """A flight's inputs besides the readings.

    policy: the whole file, from which its name on board is computed. quadrotor: what it learned to fly, which the host's
    model of the drone is made of. points_m (n, 3): what a hovering policy goes to, from the place of the hand-over.
    """

    policy: PolicyFile
    quadrotor: QuadrotorParameters
    options: FlightOptions
    points_m: np.ndarray

    @property
    def task(self) -> str:
        return str(self.policy.metadata["task"])

    def to_bytes(self) -> bytes:
        """As one .npz, without pickle."""
        plain = {"robot": KIND, "metadata": self.policy.metadata, "quadrotor": asdict(self.quadrotor)} | asdict(
            self.options
        )
        file = io.BytesIO()
        np.savez_compressed(
            file, allow_pickle=False, plain=np.array(json.dumps(plain, sort_keys=True)), weights=self.policy.weights,
            layers=np.array(self.policy.layers), points_m=self.points_m,
        )  # fmt: skip
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes, path: Path = Path("setup")) -> "FlightSetup":
        """The inverse of `to_bytes`. Raises ValueError, naming field and `path`, for what this version cannot have written."""
        arrays = arrays_in(path, data)
        for name in ("plain", "weights", "layers", "points_m"):
            if name not in arrays:
                raise wrong(path, name, "nothing", "an array")
        plain = json_object(path, str(arrays["plain"]), "plain")
        for name in ("robot", "metadata", "quadrotor"):
            if name not in plain or not isinstance(plain[name], str if name == "robot" else dict):
                raise wrong(path, name, "nothing", "text" if name == "robot" else "a table")
        plain.pop("robot")
        told = plain.pop("metadata")
        try:
            layers = layers_of_kind(checked_kind(path, told), arrays["layers"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        metadata = checked_metadata(path, told, layers)
        if metadata["task"] not in FLIGHT_TASKS:
            raise wrong(path, "task", metadata["task"], ", ".join(FLIGHT_TASKS))
        try:
            actor_of(layers, arrays["weights"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if metadata["crc32"] != weights_crc(arrays["weights"]):
            raise wrong(path, "crc32", f"{weights_crc(arrays['weights'])} of the weights", str(metadata["crc32"]))
        points_m = arrays["points_m"]
        if points_m.ndim != 2 or points_m.shape[1] != 3 or not len(points_m) or not np.isfinite(points_m).all():
            raise wrong(path, "points_m", f"shape {points_m.shape}", "(n, 3), finite")
        quadrotor = from_table(path, QuadrotorParameters, plain.pop("quadrotor"), "quadrotor")
        policy = PolicyFile(arrays["weights"], layers, metadata)
        return FlightSetup(policy, quadrotor, from_table(path, FlightOptions, plain), points_m)
