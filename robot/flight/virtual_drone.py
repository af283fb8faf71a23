"""A virtual Crazyflie that carries the policy of a run: the exported app, compiled for this computer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, VirtualCrazyflieConfig, start_virtual_crazyflie
from firmware_export.crazyflie_app import build_for_host
from robot.crazyflie_app_of_run import trained_for, write_app_of_run
from robot.flight.flown import Place


@contextmanager
def virtual_drone(run: Path, loss: float = 0.0, seed: int = 0, external: bool = False) -> Iterator[VirtualCrazyflie]:
    """The drone that the run's policy was trained for, with that policy on board, until the block ends.

    loss: share of datagrams that is lost, each way. external: it has no positioning of its own.
    Raises ValueError for a policy that a Crazyflie cannot fly.
    """
    with tempfile.TemporaryDirectory(prefix="policy-app-") as folder:
        write_app_of_run(run, Path(folder))
        app = str(build_for_host(Path(folder)))
        config = VirtualCrazyflieConfig(quadrotor=trained_for(run), app=app, loss=loss, seed=seed, external=external)
        with start_virtual_crazyflie(config) as drone:
            yield drone


def true_place(drone: VirtualCrazyflie) -> Place:
    """Where the drone really is; for judges."""
    truth = drone.truth()
    return Place(truth.time_s, np.array([truth.x, truth.y, truth.z]))
