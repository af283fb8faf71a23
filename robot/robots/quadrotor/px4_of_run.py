"""From a run's folder to the module that PX4 flies it with."""

from pathlib import Path

from firmware_export.arithmetic import Kernel
from firmware_export.px4_module import check, write_px4_module
from robot.robots.quadrotor.app_of_run import ANY, learned_with, trained_for
from robot.tasks.network_of_run import network_of_run
from sim.quadrotor.model import quadrotors_named

USUAL = "x500"  # the frame that PX4's documentation builds


def write_px4_of_run(run: Path, folder: Path, quadrotor: str = "", kernel: Kernel = "fma") -> list[Path]:
    """Write the module of a run (or of a policy file) to `folder`; returns its files.

    quadrotor: which will fly it, a name in `sim/quadrotor/data` or a file; otherwise the one it was trained for, or of a policy for any
    USUAL. Raises ValueError as `write_px4_module` does, and for a quadrotor that the policy has not learned to fly: no thrust is scaled here.
    """
    network = network_of_run(run)
    check(network)
    trained = trained_for(run)
    if trained != ANY and quadrotor and quadrotor not in quadrotors_named(trained):
        raise ValueError(
            f"--drone: found {quadrotor}, allowed with this policy: {', '.join(quadrotors_named(trained))}"
        )
    wished = quadrotor or (USUAL if trained == ANY else "")
    flies = "any quadrotor" if trained == ANY else ", ".join(quadrotors_named(trained))
    return write_px4_module(folder, network, learned_with(run, wished), kernel, flies)
