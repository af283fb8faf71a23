"""What `robot evaluate` does with a policy that flies: judge it, draw the heat map beside it, render a flight."""

import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import try_writing, write_bytes_atomically
from policies.policy_file import PolicyFile, load_policy
from robot.robots.quadrotor.evaluation.evaluation import Conditions, Network, Pilot, evaluate
from robot.robots.quadrotor.evaluation.evaluation_plots import heat_map
from robot.robots.quadrotor.evaluation.judgement import NOMINAL, Judgement, airframe_name, judge, pilots_for
from robot.robots.quadrotor.evaluation.tracking import LAPS_S, tracking_figures
from robot.robots.quadrotor.evaluation.tracking import pilots_for as tracking_pilots_for
from robot.robots.quadrotor.evaluation.video import check_format, frames, save_video
from robot.robots.quadrotor.training.recipes import LATENCY_S, task_for
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import track_trajectory
from sim.input_files import from_table, read_text, shown, wrong
from sim.quadrotor.model import CRAZYFLIES, Q_X, Q_Y, STEP_S, load_parameters, quadrotors_named

VIDEO_STARTS = 24  # of which the most tilted one is shown


def trained_with(path: Path, policy: PolicyFile) -> FlightTrainConfig:
    """The settings that a policy was trained with; the usual ones where its file does not say.

    Raises ValueError, naming file and field, for settings that no training of this version has.
    """
    known = {field.name for field in fields(FlightTrainConfig)}
    stored = {name: value for name, value in policy.metadata.get("trained", {}).items() if name in known}
    config = from_table(path, FlightTrainConfig, {"task": policy.metadata["task"]} | stored, "trained")
    if abs(policy.metadata["rate_hz"] * STEP_S - 1.0) > 1e-6:
        raise wrong(path, "rate_hz", shown(policy.metadata["rate_hz"]), f"{1.0 / STEP_S:g}, at which drones decide")
    return config


def load_waypoints(path: Path) -> np.ndarray:
    """Points x y z, m, one a line, separated by spaces or commas: (n, 3). Raises ValueError naming file and fault."""
    text = read_text(path)
    try:
        points = np.loadtxt(io.StringIO(text.replace(",", " ")), ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not len(points):
        raise ValueError(f"{path}: found no points, allowed: x y z, m, a line each")
    if points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"{path}: found {points.shape[1]} numbers a line, allowed: finite x y z, m")
    return points


def evaluate_run(path: Path, quadrotor: str, seed: int, episodes: int, video: Path | None,
                 progress: Callable[[float], None] = lambda share: None, laps_s: tuple[float, ...] = LAPS_S,
                 waypoints: np.ndarray | None = None) -> tuple[dict[str, Any], Judgement]:  # fmt: skip
    """The figures of the verb's last line, and what they were made of; heatmap.png is drawn beside the policy.

    laps_s, waypoints: what a policy that follows paths flies besides, see `tracking_figures`. Raises ValueError for a
    file that is no policy, an unknown quadrotor, or waypoints for a policy that hovers.
    """
    policy = load_policy(path)
    config = trained_with(path, policy)
    task = task_for(config)
    if waypoints is not None and task is not track_trajectory:
        raise ValueError(f"--waypoints: found a policy for {config.task}, allowed: one that follows paths")
    name = quadrotor or quadrotors_named(config.quadrotor)[0]
    others = [other for other in CRAZYFLIES if other != name]
    conditions = Conditions(load_parameters(name), starts=task.STARTS)
    network = Network(policy.weights, policy.layers, task)
    follows = task is track_trajectory
    pilots = (
        tracking_pilots_for(network, conditions.quadrotor)
        if follows
        else pilots_for(network, conditions.quadrotor, task)
    )
    try_writing(path.parent)
    if video is not None:
        check_format(video)
        try_writing(video.parent)
    expected_s = LATENCY_S if config.algorithm == "gradient" else 0.0
    judgement = judge(pilots, conditions, others, expected_s, seed, episodes, task, progress)

    drawn = path.parent / "heatmap.png"
    data = io.BytesIO()
    title = f"{config.task}, {name.replace('_', ' ')}: flights to the end, %, where one quantity is another"
    heat_map(judgement, title).savefig(data, format="png", dpi=120)
    write_bytes_atomically(drawn, [data.getvalue()])
    figures: dict[str, Any] = {
        "run": str(path.parent), "task": config.task, "quadrotor": name, "episodes": episodes,
        **judgement.conditions[NOMINAL]["policy"],
        "airframes": {
            other: judgement.conditions[NOMINAL if other == name else airframe_name(other)]["policy"]
            for other in (name, *others)
        },
        "conditions": judgement.conditions, "breakdown": judgement.breakdown, "heat_map": str(drawn),
    }  # fmt: skip
    if follows:
        figures |= tracking_figures(pilots, conditions, seed, laps_s=laps_s, waypoints=waypoints)
        for other in others:
            figures["airframes"][other] |= tracking_figures(
                {"policy": network}, Conditions(load_parameters(other), starts=task.STARTS), seed, laps_s=laps_s,
                waypoints=waypoints,
            )  # fmt: skip
    if video is not None:
        save_video(video, frames(filmed(pilots, conditions, seed, task), conditions.quadrotor))
        figures["video"] = str(video)
    return figures, judgement


def filmed(
    pilots: dict[str, Pilot], conditions: Conditions, seed: int, task: Any
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """One flight of each pilot, from the same start: states (decisions, N_STATE) and actions (decisions, N_ROTORS)."""
    flights = {
        name: evaluate(pilot, conditions, seed, VIDEO_STARTS, task, VIDEO_STARTS) for name, pilot in pilots.items()
    }
    first = next(iter(flights.values())).states[0]
    shown = int(np.argmax(first[:, Q_X] ** 2 + first[:, Q_Y] ** 2))
    return {name: (flown.states[:, shown], flown.actions[:, shown]) for name, flown in flights.items()}
