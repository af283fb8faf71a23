"""How a policy that flies does: a thousand flights in the simulator, beside a PID and an LQR, or flights on devices."""

import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import try_writing, write_bytes_atomically
from policies.policy_file import EVERY_KIND, PolicyFile, load_policy
from robot.evaluation.judge import Scores, Verdict
from robot.robots.quadrotor.app_of_run import USUAL
from robot.robots.quadrotor.drone_file import load_drone
from robot.robots.quadrotor.evaluation.choosing import choose
from robot.robots.quadrotor.evaluation.evaluation import Conditions, Pilot, evaluate
from robot.robots.quadrotor.evaluation.fleet_flights import disturbed
from robot.robots.quadrotor.evaluation.heat_map import heat_map
from robot.robots.quadrotor.evaluation.judgement import NOMINAL, airframe_name, judge, pilots_for
from robot.robots.quadrotor.evaluation.long_flights import fly_long
from robot.robots.quadrotor.evaluation.long_flights import in_words as long_in_words
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent, pilot_of
from robot.robots.quadrotor.evaluation.scores import judgement_scores, tracking_scores
from robot.robots.quadrotor.evaluation.tracking import pilots_for as tracking_pilots_for
from robot.robots.quadrotor.evaluation.tracking import tracking_figures
from robot.robots.quadrotor.evaluation.video import check_format, frames, save_video
from robot.robots.quadrotor.judge import FlightEvaluateConfig
from robot.robots.quadrotor.run_mission import run_mission
from robot.robots.quadrotor.training.recipes import LATENCY_S, task_for
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import hover, track_trajectory
from robot.views.say import say
from sim.input_files import from_table, read_text, shown, wrong
from sim.quadrotor.model import CRAZYFLIES, Q_X, Q_Y, QUADROTORS, STEP_S, load_parameters, quadrotors_named

SIMULATED, LONG, ON_DEVICES = 1000, 64, 1  # flights: of 5 s, of a minute, whole ones
JUDGED_SEED = 2_000_003  # starts and drones that no training has seen
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


def in_simulator(config: FlightEvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    """Fly the policy and its rivals; heatmap.png is drawn beside the policy.

    Raises ValueError for a file that is no policy, an unknown quadrotor, or waypoints for a policy that hovers.
    """
    if config.choose:
        return choose(path, config.quadrotor or USUAL, config.seed, config.episodes, progress)
    policy = load_policy(path, kinds=EVERY_KIND)
    trained = trained_with(path, policy)
    task, seed, episodes = task_for(trained), JUDGED_SEED + config.seed, config.episodes or SIMULATED
    follows = task is track_trajectory
    if config.waypoints and not follows:
        raise ValueError(f"--waypoints: found a policy for {trained.task}, allowed: one that follows paths")
    waypoints = load_waypoints(Path(config.waypoints)) if config.waypoints else None
    name = config.quadrotor or quadrotors_named(trained.quadrotor)[0]
    others = [other for other in (QUADROTORS if trained.fleet else CRAZYFLIES) if other != name]
    conditions = Conditions(load_parameters(name), starts=task.STARTS)
    network = pilot_of(policy.weights, policy.layers, task)
    quadrotor = conditions.quadrotor
    pilots = tracking_pilots_for(network, quadrotor) if follows else pilots_for(network, quadrotor, task)
    try_writing(path.parent)
    if config.video:
        check_format(Path(config.video))
        try_writing(Path(config.video).parent)
    expected_s = LATENCY_S if trained.algorithm == "gradient" else 0.0
    judgement = judge(pilots, conditions, others, expected_s, seed, episodes, task, progress)

    drawn = path.parent / "heatmap.png"
    data = io.BytesIO()
    title = f"{trained.task}, {name.replace('_', ' ')}: flights to the end, %, where one quantity is another"
    heat_map(judgement, title).savefig(data, format="png", dpi=120)
    write_bytes_atomically(drawn, [data.getvalue()])
    nominal = judgement.conditions[NOMINAL]
    figures: dict[str, Any] = {
        "run": str(path.parent), "task": trained.task, "quadrotor": name, "episodes": episodes, **nominal["policy"],
        "airframes": {
            other: (nominal if other == name else judgement.conditions[airframe_name(other)])["policy"]
            for other in (name, *others)
        },
        "conditions": judgement.conditions, "breakdown": judgement.breakdown, "heat_map": str(drawn),
    }  # fmt: skip
    tables, remarks = judgement_scores(judgement, episodes), [f"heat map {drawn}"]
    if isinstance(network, Recurrent) and task is hover:
        found = fly_long(network, disturbed(quadrotor, seed, LONG), seed).figures()
        figures |= found
        remarks.append(f"for a minute: {long_in_words(found)}")
    if follows:
        figures |= tracking_figures(pilots, conditions, seed, laps_s=config.lap_s, waypoints=waypoints)
        tables.append(tracking_scores(figures, config.lap_s, config.waypoints or "figure-of-eight"))
        for other in others:
            elsewhere = Conditions(load_parameters(other), starts=task.STARTS)
            figures["airframes"][other] |= tracking_figures({"policy": network}, elsewhere, seed, laps_s=config.lap_s,
                                                            waypoints=waypoints)  # fmt: skip
    if config.video:
        save_video(Path(config.video), frames(filmed(pilots, conditions, seed, task), quadrotor))
        figures["video"] = config.video
    return Verdict(figures, tables, bool(figures["survival"]), remarks)


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


def on_devices(config: FlightEvaluateConfig, path: Path) -> Verdict:
    """Whole flights of a drone, or of its virtual twin: take-off, task, landing. Raises LinkLost if no drone answers."""
    if config.choose:
        quadrotor = config.quadrotor or load_drone(config.robot).quadrotor or USUAL
        return choose(path, quadrotor, config.seed, config.episodes, lambda share: None)
    flights: list[dict[str, Any]] = []
    wanted = config.episodes or ON_DEVICES
    for number in range(wanted):
        say(f"flight {number + 1} of {wanted}")
        flights.append(run_mission(path, config.robot, "board", 0.0, config.seed + number, config,
                                   lambda phase, share: None, quadrotor=config.quadrotor))  # fmt: skip
        if flights[-1]["interrupted"]:
            break
    errors = [flight["position_error_m"] for flight in flights if flight["position_error_m"] is not None]
    good = [bool(flight["landed"] and not flight["trouble"]) for flight in flights]
    figures = {
        "run": str(path.parent), "task": flights[0]["task"], "quadrotor": flights[0]["quadrotor"],
        "episodes": len(flights), "survival": sum(good) / len(good),
        "position_error_m": float(np.mean(errors)) if errors else None, "flights": flights,
    }  # fmt: skip
    rows = [(f"flight {number}", (in_words(flight),)) for number, flight in enumerate(flights, 1)]
    scores = Scores(f"{len(flights)} flights of {config.robot}: error, mean and most, cm", ("policy",), rows)
    passed = len(flights) == wanted and all(good)
    return Verdict(figures, [scores], passed, interrupted=bool(flights[-1]["interrupted"]))


def in_words(flight: dict[str, Any]) -> str:
    """A flight in a table."""
    if flight["trouble"]:
        return str(flight["trouble"])
    if flight["position_error_m"] is None:
        return "it did not fly"
    errors = f"{100 * flight['position_error_m']:.1f}  {100 * flight['position_error_max_m']:.1f}"
    return errors if flight["landed"] else f"{errors}  NOT known to have landed"
