"""`robot evaluate`: the policy of a run, without learning: N laps of a car, or a thousand flights of a quadrotor."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot.cli.output import finish, parse
from robot.tasks import find_task, task_names
from robot.views.say import say

LAPS_MAX, EPISODES_MAX, LAP_MAX_S = 1000, 1_000_000, 600.0
JUDGED_SEED = 2_000_003  # starts and drones that no training has seen


@dataclass(frozen=True)
class EvaluateConfig:
    """Drive a policy without learning and without exploring: N laps on the robot or its virtual twin.

    A run that flies a quadrotor has options of its own: robot evaluate RUN --help.
    """

    run: Annotated[str, tyro.conf.Positional] = "shipped"
    """A run's folder (its best.npz, or its policy.npz if there is none), a policy file, or `shipped`."""
    robot: str = "virtual-car"
    track: str = "default"
    map: str = ""
    loop: int = 0
    """Which loop of a map that has several; the terminal names them."""
    start: Annotated[tuple[float, float, float] | None, tyro.conf.arg(metavar="X Y YAW_DEG")] = None
    """Where the car stands on the map, m, m, degrees: looked at first, and verified. A virtual car is put there."""
    laps: int = 10
    clock: Literal["realtime", "lockstep"] = "lockstep"
    seed: int = 0
    hidden_seed: int | None = None
    """Give the virtual car a mass, grip, delay and trim that nobody is told."""
    predictive_brake: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.laps <= LAPS_MAX:
            raise ValueError(f"--laps: found {self.laps}, allowed: 1 to {LAPS_MAX}")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


@dataclass(frozen=True)
class FlightEvaluateConfig:
    """Fly a policy in the simulator, beside a PID and an LQR: a thousand flights of 5 s from fresh starts, nominal and
    under conditions that it did not choose; tables here, a heat map in the run's folder."""

    run: Annotated[str, tyro.conf.Positional]
    """A run's folder, or a policy file."""
    quadrotor: str = ""
    """A quadrotor of `sim/quadrotor/data`, or the path of its TOML file; otherwise the first that it was trained for. What it does on
    each of the Crazyflies is shown besides."""
    episodes: int = 1000
    seed: int = 0
    lap_s: tuple[float, ...] = (5.5, 3.5)
    """A policy that follows paths also flies figures-of-eight in so many seconds a lap ..."""
    waypoints: str = ""
    """... or the smooth path through the points of this file, and back to the first: x y z, m, a line each."""
    video: str = ""
    """Render one flight of each, from the same start, to this .mp4 or .gif file."""

    def __post_init__(self) -> None:
        if not 1 <= self.episodes <= EPISODES_MAX:
            raise ValueError(f"--episodes: found {self.episodes}, allowed: 1 to {EPISODES_MAX}")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")
        if not self.lap_s or not all(0.0 < lap_s <= LAP_MAX_S for lap_s in self.lap_s):
            raise ValueError(f"--lap-s: found {self.lap_s}, allowed: more than 0, at most {LAP_MAX_S:g}")
        if self.video and Path(self.video).suffix not in (".mp4", ".gif"):
            raise ValueError(f"--video: found {self.video!r}, allowed: a name that ends in .mp4 or .gif")


def main(arguments: list[str]) -> int:
    return fly(arguments) if any(flies(argument) for argument in arguments) else drive(arguments)


def policy_of(run: str) -> Path:
    """The best policy of a run's folder, or the file itself."""
    from robot.runtime.run_folder import policy_path

    return policy_path(Path(run)) if Path(run).is_dir() else Path(run)


def flies(argument: str) -> bool:
    """Whether an argument names a run, or a policy, that flies a quadrotor."""
    from policies.policy_file import load_policy

    path = policy_of(argument)
    if argument.startswith("-") or path.suffix != ".npz" or not path.is_file():
        return False
    task = load_policy(path).metadata.get("task")
    return task in task_names() and find_task(task).robot == "quadrotor"


def drive(arguments: list[str]) -> int:
    config, as_json = parse(EvaluateConfig, "evaluate", arguments)
    from robot.practice.best_policy import describe
    from robot.practice.settings import SHIPPED, load_config
    from robot.robots.car.drives import evaluate
    from robot.robots.car.options import CarOptions

    if config.run != SHIPPED and not policy_of(config.run).is_file():
        raise ValueError(f"RUN: found no {policy_of(config.run)}, allowed: {SHIPPED}, a run's folder or a policy file")
    policy = policy_of(config.run)
    wanted = CarOptions(
        robot=config.robot,
        track=config.track,
        map=config.map,
        loop=config.loop,
        start=config.start,
        start_from=str(policy),
        clock=config.clock,
        minutes=10.0 + config.laps,
        seed=config.seed,
        hidden_seed=config.hidden_seed,
        predictive_brake=config.predictive_brake,
    )
    if (Path(config.run) / "setup-1.npz").is_file() and config.track == "default" and not config.map:
        earlier = load_config(Path(config.run), CarOptions)
        start = wanted.start or earlier.start
        wanted = replace(wanted, track=earlier.track, map=earlier.map, loop=wanted.loop or earlier.loop, start=start)
        if config.hidden_seed is None:
            wanted = replace(wanted, hidden_seed=earlier.hidden_seed)
    say(f"policy   {describe(policy)}")
    figures = evaluate(wanted, config.laps) | {"policy": str(policy)}
    for number, lap in enumerate(figures["lap_times_s"], 1):
        say(f"lap {number:3d}   {lap:7.3f} s")
    say(f"median {figures['median_lap_s']} s, {figures['median_ratio']} x the best possible lap, "
        f"{figures['collisions']} collisions in {figures['laps']} laps")  # fmt: skip
    if figures["failure"]:
        say(f"ended early: {figures['failure']}")
    finish(figures, as_json)
    return 0 if figures["laps"] >= config.laps and not figures["failure"] else 1


def fly(arguments: list[str]) -> int:
    config, as_json = parse(FlightEvaluateConfig, "evaluate", arguments)
    from rich.console import Console
    from rich.progress import Progress

    from robot.robots.quadrotor.evaluation.evaluation_plots import tables
    from robot.robots.quadrotor.evaluation.run_evaluation import evaluate_run, load_waypoints
    from robot.robots.quadrotor.evaluation.tracking import tracking_table

    waypoints = load_waypoints(Path(config.waypoints)) if config.waypoints else None
    console = Console(stderr=True)
    with Progress(console=console, disable=as_json, transient=True) as bar:
        task = bar.add_task("flying; the first time ever, compiling", total=1.0)
        figures, judgement = evaluate_run(
            policy_of(config.run), config.quadrotor, JUDGED_SEED + config.seed, config.episodes,
            Path(config.video) if config.video else None, lambda share: bar.update(task, completed=share),
            config.lap_s, waypoints,
        )  # fmt: skip
    for table in tables(judgement, config.episodes):
        console.print(table)
    if figures["task"] == "track_trajectory":
        console.print(tracking_table(figures, config.lap_s, config.waypoints or "figure-of-eight"))
    say(f"heat map {figures['heat_map']}")
    finish(figures, as_json)
    return 0 if figures["survival"] else 1
