"""A car with a camera drives in lockstep, and stops when it no longer sees: judged by the simulator's truth."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

from drivers.emulators.virtual_car import VirtualCar
from robot.perception.recompute import recompute
from robot.perception.result import PerceptionReading
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes.mind import EYES_STALE_S, SeeingPipeline
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag
from robot.robots.car.shield.supervision import Reason
from robot.safety.supervisor import Mode
from robot.tasks.race_track.by_camera import SEEN
from tests.robot.robots.car.eyes.seeing_rig import ROBOT, SeeingRig, always, sees_all_free

SPEED_M_S = 2.0
STOPS_WITHIN_S = 1.2  # found, the command's delay, and a brake from 2 m/s
Fault = Callable[[VirtualCar], None]


def vice(name: str) -> tuple[Fault, Fault]:
    return (lambda car: car.fault("camera", vice=name, on=True), lambda car: car.fault("camera", vice=name, on=False))


VICES: dict[str, tuple[Fault, Fault]] = {
    "torn out": (lambda car: car.fault("unplug", device="camera"), lambda car: car.fault("plug", device="camera")),
    "late": (lambda car: car.fault("late_camera", seconds=0.3), lambda car: car.fault("late_camera", seconds=0.0)),
    **{name: vice(name) for name in ("frozen", "black", "covered", "torn", "silent")},
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    path.write_bytes(sees_all_free())
    return path


@pytest.fixture(scope="module")
def rig(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeeingRig]:
    with SeeingRig(encoder, tmp_path_factory.mktemp("run"), always(0.0, SPEED_M_S), "lossless") as rig:
        rig.drive(1.5)
        yield rig


@pytest.mark.parametrize("name", VICES)
def test_it_stops_without_a_new_picture_and_goes_on_with_one(rig: SeeingRig, name: str) -> None:
    begins, ends = VICES[name]
    rig.start(0.3, 0.95 * SPEED_M_S)
    assert rig.mind.mode is Mode.RUN
    begins(rig.car)
    truths = rig.drive(STOPS_WITHIN_S)
    assert abs(truths[-1].v_x) < 0.05 and truths[-1].collisions == truths[0].collisions
    assert rig.mind.mode is Mode.STOP and rig.mind.supervisor.reason in (Reason.EYES_STALE, Reason.EYES_LOST)
    rig.drive(1.0)
    assert rig.mind.mode is Mode.STOP
    ends(rig.car)
    rig.car.fault("put_on_course", s=0.3, lateral=0.0, heading_error=0.0)
    assert max(truth.v_x for truth in rig.drive(3.0)) > 1.0


def test_the_same_readings_give_the_same_bytes(rig: SeeingRig) -> None:
    again = SeeingPipeline(rig.setup)
    for readings, outputs in rig.ticks:
        again.tick(readings)
        assert again.outputs.tobytes() == outputs.tobytes()


def test_pictures_are_new_while_it_drives(rig: SeeingRig) -> None:
    ages = np.array(
        [readings["camera"]["embedding_age_s"] for readings, outputs in rig.ticks if outputs["mode"] == Mode.RUN]
    )
    assert ages.min() >= 0.0 and ages.max() <= EYES_STALE_S


def test_two_drives_are_equal_to_the_byte_and_what_was_seen_is_seen_again(encoder: Path, tmp_path: Path) -> None:
    logs = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with SeeingRig(encoder, folder, always(0.02, SPEED_M_S), "lossless") as rig:
            rig.drive(2.5)
            logs.append(b"".join(readings.tobytes() + outputs.tobytes() for readings, outputs in rig.ticks))
        report = recompute(folder)
        assert report.equal and report.outcome == "equal" and report.frames > 50
    assert logs[0] == logs[1]


@pytest.mark.parametrize("age_s", [-1.0, np.nan, np.inf, EYES_STALE_S + 0.01])
def test_only_a_picture_that_is_new_counts_as_seen(age_s: float) -> None:
    believed = as_believed(ROBOT, load_seeing_car(ROBOT)).packed()
    weights = always(0.0, SPEED_M_S)
    mind = SeeingPipeline(
        PipelineSetup(1, 60.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
    )
    embedding = np.zeros(SEEN, np.float32)
    assert mind.eye_flags(True, PerceptionReading(embedding, 0.05, 1, 7)) == Flag.NONE
    assert mind.eye_flags(True, PerceptionReading(embedding, age_s, 1, 7)) == Flag.EYES_STALE
