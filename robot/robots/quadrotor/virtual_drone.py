"""A virtual Crazyflie that carries the policy of a run: the exported app, compiled for this computer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, VirtualCrazyflieConfig, start_virtual_crazyflie
from firmware_export.crazyflie_app import build_for_host
from robot.robots.quadrotor.app_of_run import learned_with, write_app_of_run
from robot.robots.quadrotor.flown import Place
from robot.robots.quadrotor.setup_drone.hidden_drone import hidden_drone
from sim.scratch_folder import scratch_folder


@contextmanager
def virtual_drone(
    run: Path,
    loss: float = 0.0,
    seed: int = 0,
    quadrotor: str = "",
    positioning: str = "",
    wiring_seed: int | None = None,
) -> Iterator[VirtualCrazyflie]:
    """A drone with the run's policy on board, until the block ends.

    loss: share of datagrams that is lost, each way. quadrotor: which one it is; empty: as `learned_with` says.
    positioning: its system; empty: the usual one. wiring_seed: it is
    the hidden drone of that seed. Raises ValueError for a policy that a Crazyflie cannot fly.
    """
    config = VirtualCrazyflieConfig(quadrotor=quadrotor or learned_with(run), loss=loss, seed=seed)
    if wiring_seed is not None:
        config = msgspec.structs.replace(hidden_drone(wiring_seed).config, loss=loss, seed=seed)
    if positioning:
        config = msgspec.structs.replace(config, positioning=positioning)
    with start_with_policy(run, config, quadrotor) as drone:
        yield drone


def start_with_policy(run: Path, config: VirtualCrazyflieConfig, quadrotor: str = "") -> VirtualCrazyflie:
    """The virtual drone of a configuration, with the run's policy on board; see `write_app_of_run`."""
    with scratch_folder("policy-app") as folder:
        write_app_of_run(run, folder, quadrotor)
        app = str(build_for_host(folder))
        return start_virtual_crazyflie(msgspec.structs.replace(config, app=app))  # it loads a copy of the app


def true_place(drone: VirtualCrazyflie) -> Place:
    """Where the drone really is; for judges."""
    truth = drone.truth()
    return Place(truth.time_s, np.array([truth.x, truth.y, truth.z]))
