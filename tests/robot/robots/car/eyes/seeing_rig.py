"""A virtual car with a camera in lockstep: emulated devices, the process that perceives, and the control loop in the test's own process."""

from pathlib import Path
from types import TracebackType

import numpy as np
from typing_extensions import Self

from drivers.camera import CameraSettings
from drivers.emulators.virtual_car import Truth, VirtualCarConfig, start_virtual_car
from policies.actor import weight_count, weight_views
from robot.perception.frames import Kept
from robot.perception.process import PerceptionFile
from robot.perception.start import PerceptionProcess
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes.devices import devices
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import HEIGHT, LAYERS, WIDTH
from robot.robots.car.setup import PipelineSetup
from robot.runtime.clock import LockstepClock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.session_file import SessionFile
from robot.tasks.race_track.by_camera import EMBEDDING, PATHS_PER_M
from robot.tasks.race_track.task import TICK_S, action_for

ROBOT = "virtual-camera-car"


def always(steer_rad: float, speed_m_s: float) -> np.ndarray:
    """Weights of a policy that does the same whatever it sees."""
    weights = np.zeros(weight_count(LAYERS), np.float32)
    weight_views(weights, LAYERS)[-1][1][:2] = np.arctanh(action_for(steer_rad, speed_m_s))
    return weights


def sees_all_free() -> bytes:
    """An encoder that tells of free ways whatever it is shown: an untrained one tells this and that."""
    import torch

    from policies.encoder import Encoder, onnx_file

    torch.manual_seed(0)
    encoder = Encoder(HEIGHT, WIDTH, 1, EMBEDDING, len(PATHS_PER_M))
    torch.nn.init.constant_(encoder.ways_out.bias, 20.0)
    return onnx_file(encoder)


class SeeingRig:
    """As a context manager. ticks: (READINGS, OUTPUTS) of all so far."""

    def __init__(self, encoder: Path, folder: Path, weights: np.ndarray, keep: Kept = "none") -> None:
        self.car = start_virtual_car(VirtualCarConfig(track="oval", clock="lockstep", seed=1, camera_seed=1))
        told = {"driver": "camera", **vars(CameraSettings(f"pipe:{self.car.camera_path}", late_s=0.15))}
        self.perception = PerceptionProcess(
            PerceptionFile(told, str(encoder), "", "", keep, str(folder)),
            folder,
            lambda name, code: None,
            lockstep=True,
        )
        session = SessionFile(
            str(folder), ROBOT, "car", "race_track_by_camera", {}, LAYERS, len(weights), True,
            str(self.car.directory / "lockstep"), self.car.ports, False, perception=self.perception.place,
        )  # fmt: skip
        self.clock = LockstepClock(session.clock_socket)
        self.devices = devices(session, self.clock)
        believed = as_believed(ROBOT, load_seeing_car(ROBOT)).packed()
        self.setup = PipelineSetup(
            1, 600.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=self.perception.version
        )  # fmt: skip
        self.mind = SeeingPipeline(self.setup)
        self.ticks: list[tuple[np.ndarray, np.ndarray]] = []
        for device in self.devices.values():
            device.open()
        self.loop = ControlLoop(self.clock, self.devices, self.mind, np.zeros((), RECORDS.readings), 1, TICK_S)
        self.loop.start()

    def drive(self, duration_s: float) -> list[Truth]:
        """So long; how things really were after each tick."""
        truths = []
        for _ in range(round(duration_s / TICK_S)):
            self.loop.wait()
            self.loop.run_tick(0, False, 0, 0.0, (0.0, 0.0))
            self.ticks.append((self.loop.readings.copy(), self.loop.outputs.copy()))
            truths.append(self.car.truth())
        return truths

    def start(self, s: float, speed_m_s: float) -> None:
        """Set the car down on the course, and let it drive until it is fast."""
        self.drive(0.5)
        self.car.fault("put_on_course", s=s, lateral=0.0, heading_error=0.0)
        while self.drive(TICK_S)[0].v_x < speed_m_s:
            assert self.ticks[-1][0]["time_s"] < 120.0, "it does not drive"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for device in self.devices.values():
            device.close()
        self.perception.close()
        self.clock.close()
        self.car.close()
