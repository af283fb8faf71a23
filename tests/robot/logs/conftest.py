"""Made-up runs: records of a log without a robot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot.logs.writer import LogWriter, next_part
from robot.robots.car.records import OUTPUTS, READINGS, RECORDS
from robot.runtime.events import make_event, make_weights
from robot.shared_memory.mailbox import Weights

WEIGHTS_SIZE = 7
SETUP = b"what the pipeline started from"


@pytest.fixture
def make_readings() -> Callable[..., np.ndarray]:
    """Readings of `count` ticks from `first`; every field of every tick is different from its neighbours."""

    def make(count: int, first: int = 0) -> np.ndarray:
        rng = np.random.default_rng(first)
        readings = np.zeros(count, READINGS)
        readings["tick"] = np.arange(first, first + count)
        readings["time_s"] = 0.02 * readings["tick"]
        readings["motor"]["erpm_speed_m_s"] = rng.normal(2.0, 0.5, count)
        readings["motor"]["values_age_s"] = np.inf
        readings["lidar"]["points"] = 80
        readings["lidar"]["distance_m"][:, :80] = rng.uniform(0.5, 5.0, (count, 80))
        return readings

    return make


@pytest.fixture
def respond() -> Callable[[np.ndarray], np.ndarray]:
    """Outputs of a made-up pipeline that has no memory: a few functions of the readings."""

    def respond_(readings: np.ndarray) -> np.ndarray:
        outputs = np.zeros(len(readings), OUTPUTS)
        outputs["tick"], outputs["time_s"] = readings["tick"], readings["time_s"]
        outputs["estimate"]["v_x"] = readings["motor"]["erpm_speed_m_s"]
        outputs["observation"] = readings["lidar"]["distance_m"][:, :50]
        return outputs

    return respond_


@pytest.fixture
def write_part(make_readings: Callable[..., np.ndarray], respond: Callable) -> Callable[..., Path]:
    """Write ticks first .. first + count - 1 into the folder's next part, `per_chunk` of them in a chunk."""

    def write(folder: Path, count: int = 100, first: int = 0, per_chunk: int = 10, close: bool = True) -> Path:
        readings = make_readings(count, first)
        log = LogWriter(next_part(folder), RECORDS, WEIGHTS_SIZE)
        log.add_setup(0, SETUP)
        log.add_events(make_event("start", first, 0.02 * first, seed=1)[None])
        vector = np.arange(WEIGHTS_SIZE, dtype=np.float32)
        log.add_weights(make_weights(Weights(3, 40, 0.5, vector), first, 0.02 * first)[None])
        for start in range(0, count, per_chunk):
            log.add_readings(readings[start : start + per_chunk])
            log.add_outputs(respond(readings[start : start + per_chunk]))
            log.flush()
        if close:
            log.close()
        return log.path

    return write
