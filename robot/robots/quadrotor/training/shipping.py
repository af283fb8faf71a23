"""The shipped policies for any quadrotor, made again, byte by byte on the same machine:

    python -m robot.robots.quadrotor.training.shipping policies/shipped/any_quadrotor.npz
    python -m robot.robots.quadrotor.training.shipping policies/shipped/told_quadrotor.npz

They are those of `robot train --task hover --fleet any --seed 6`, and of `--told --seed 0`, without what the clock and the run's
folder add.
"""

import sys
from dataclasses import replace
from pathlib import Path

from policies.policy_file import EVERY_KIND, load_policy, save_policy
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.training.train import train
from sim.scratch_folder import scratch_folder

CONFIG = FlightTrainConfig(task="hover", fleet="any", seed=6)
CONFIGS = {"any_quadrotor.npz": CONFIG, "told_quadrotor.npz": replace(CONFIG, told=True, seed=0)}
OF_THE_RUN = ("compile_s", "wall_s", "run")


def ship(run: Path, path: Path) -> None:
    """Write the policy of a run without what another run of the same options would have otherwise."""
    policy = load_policy(run / "policy.npz", kinds=EVERY_KIND)
    trained = {name: value for name, value in policy.metadata["trained"].items() if name not in OF_THE_RUN}
    save_policy(
        path, policy.weights, policy.layers, policy.metadata["task"], policy.metadata["rate_hz"], trained=trained
    )


if __name__ == "__main__":
    with scratch_folder("shipping") as folder:
        file = Path(sys.argv[1])
        ship(Path(train(CONFIGS[file.name], root=folder)["run"]), file)
