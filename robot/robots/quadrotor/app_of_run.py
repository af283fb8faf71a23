"""From a run's folder to the app that a Crazyflie flies it with."""

from pathlib import Path

from firmware_export.arithmetic import Kernel
from firmware_export.crazyflie_app import AppPath, check, write_app
from policies.policy_file import EVERY_KIND, load_policy
from robot.runtime.run_folder import policy_path
from robot.tasks import track_trajectory
from robot.tasks.network_of_run import network_of_run
from sim.quadrotor.model import quadrotors_named

USUAL = "crazyflie_2_1"  # the drone that most people have
ANY = "any"  # quadrotor


def figure_of_eight(lap_s: float = track_trajectory.LAP_S, size_m: float = track_trajectory.SIZE_M) -> AppPath:
    """The figure-of-eight of `track_trajectory`, as the app has it."""
    path = track_trajectory.figure_of_eight(lap_s, size_m)
    return AppPath(track_trajectory.amplitudes(path), lap_s, track_trajectory.WARM_UP_S, track_trajectory.PREVIEW_S)


def write_app_of_run(run: Path, folder: Path, drone: str = "", kernel: Kernel = "fma") -> list[Path]:
    """Write the app of a run (or of a policy file) to `folder`; returns its files.

    drone: which quadrotor will fly it, a name in `sim/quadrotor/data` or a file; otherwise the one of `learned_with`. A policy that tracks
    trajectories gets the figure-of-eight. Raises ValueError as `write_app` does.
    """
    network = network_of_run(run)
    path = figure_of_eight() if network.task == "track_trajectory" else None
    check(network, path)
    learned = learned_with(run, drone)
    return write_app(folder, network, drone or learned, kernel, path, learned)


def trained_for(run: Path) -> str:
    """What a run's policy was trained for: a quadrotor, the FLEET of `sim.quadrotor.model`, or ANY. Raises ValueError if the
    policy does not say."""
    path = policy_path(run) if run.is_dir() else run
    trained = load_policy(path, kinds=EVERY_KIND).metadata.get("trained", {})
    if trained.get("fleet"):
        return ANY
    if "quadrotor" not in trained:
        raise ValueError(f"{path}: found no field trained.quadrotor, allowed: a policy of robot train")
    return str(trained["quadrotor"])


def learned_with(run: Path, drone: str = "") -> str:
    """The quadrotor with which a run's policy has learned to fly a drone (a name in `sim/quadrotor/data`, or "" for any).

    A policy of a fleet has flown each of its airframes, one for ANY whatever there is; without a wish it is that of USUAL.
    """
    trained = trained_for(run)
    if trained == ANY:
        return drone or USUAL
    learned = quadrotors_named(trained)
    return learned[0] if len(learned) == 1 else drone if drone in learned else USUAL
