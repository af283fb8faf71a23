"""A policy for tests that fly one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from robot.robots.quadrotor.training import training
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.training.train import train


@pytest.fixture(scope="session")
def brief_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run of a brief training to hover."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "JUDGED_FLIGHTS", 64)
        patch.setattr(training, "CHECK_FLIGHTS", 64)
        config = FlightTrainConfig(quadrotor="crazyflie_2_0", seed=3, effort=0.2)
        yield Path(train(config, root=tmp_path_factory.mktemp("runs"))["run"])
