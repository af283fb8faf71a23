"""`robot evaluate`: the best policy of a run, without learning, over N laps."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot.cli.output import finish, parse, say


@dataclass(frozen=True)
class EvaluateConfig:
    """Drive a policy without learning and without exploring: N laps on the robot or its virtual twin."""

    run: Annotated[str, tyro.conf.Positional] = "shipped"
    """A run's folder (its best.npz, or its policy.npz if there is none), a policy file, or `shipped`."""
    robot: str = "virtual-car"
    track: str = "default"
    map: str = ""
    laps: int = 10
    clock: Literal["realtime", "lockstep"] = "lockstep"
    seed: int = 0
    hidden_seed: int | None = None
    """Give the virtual car a mass, grip, delay and trim that nobody is told."""
    predictive_brake: bool = True

    def __post_init__(self) -> None:
        if self.laps < 1:
            raise ValueError(f"--laps: found {self.laps}, allowed: 1 or more")


def main(arguments: list[str]) -> int:
    config, as_json = parse(EvaluateConfig, "evaluate", arguments)
    from robot.practice.best_policy import describe, policy_path
    from robot.practice.run import evaluate
    from robot.practice.settings import PracticeConfig, load_config

    run = Path(config.run)
    policy = policy_path(run) if run.is_dir() else run
    wanted = PracticeConfig(
        robot=config.robot,
        track=config.track,
        map=config.map,
        start_from=str(policy),
        clock=config.clock,
        minutes=10.0 + config.laps,
        seed=config.seed,
        hidden_seed=config.hidden_seed,
        predictive_brake=config.predictive_brake,
    )
    if (run / "setup-1.npz").is_file() and config.track == "default" and not config.map:
        earlier = load_config(run)
        wanted = replace(wanted, track=earlier.track, map=earlier.map)
        if config.hidden_seed is None:
            wanted = replace(wanted, hidden_seed=earlier.hidden_seed)
    say(f"policy   {describe(policy)}")
    figures = evaluate(wanted, config.laps) | {"policy": str(policy)}
    for number, lap in enumerate(figures["lap_times_s"], 1):
        say(f"lap {number:3d}   {lap:7.3f} s")
    say(f"median {figures['median_lap_s']} s, {figures['median_ratio']} x the best possible lap, "
        f"{figures['collisions']} collisions in {figures['laps']} laps")  # fmt: skip
    finish(figures, as_json)
    return 0 if figures["laps"] >= config.laps else 1
