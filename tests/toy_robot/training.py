"""What the toy brings to be trained and judged: a search among policies, and arrivals in the simulator."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from policies.actor import Actor, actor_layers, initial_weights
from policies.policy_file import load_policy
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict
from robot.training.trainer import Look, TrainConfig, Trainer, Training
from sim.cma_es import minimise
from tests.toy_robot.emulator import Rail
from tests.toy_robot.task import DECISION_S, LONGEST_S, SPEC, arrived, reward

Act = Callable[[np.ndarray], float]  # a push, of what is seen
STARTS_M = (-0.8, -0.4, 0.4, 0.8)
LAYERS = actor_layers(SPEC.observation_size, SPEC.action_size, (8, 8))


def drive(act: Act, start_m: float) -> tuple[float, float]:
    """What a cart earns on its way home, and how long that takes, s, at most LONGEST_S."""
    rail, earned, time_s = Rail(start_m), 0.0, 0.0
    while not arrived(rail.place_m, rail.speed_m_s) and time_s < LONGEST_S:
        rail.push(act(np.array((rail.place_m, rail.speed_m_s), np.float32)))
        time_s += DECISION_S
        rail.advance(time_s)
        earned += reward(rail.place_m, rail.speed_m_s)
    return earned, time_s


def policy(weights: np.ndarray, layers: tuple[int, ...] = LAYERS) -> Act:
    actor = Actor(layers, weights.astype(np.float32))
    return lambda seen: float(actor.mean(seen)[0])


class Search:
    """The policy that earns most, by CMA-ES."""

    layers = LAYERS

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.weights = initial_weights(LAYERS, self.rng)

    def iterate(self) -> None:
        found, _ = minimise(costs, self.weights.astype(float), 0.3, 16, 10, self.rng)
        self.weights = found.astype(np.float32)


def costs(candidates: np.ndarray) -> np.ndarray:
    return np.array([-sum(drive(policy(weights), at)[0] for at in STARTS_M) for weights in candidates])


def arrivals_s(act: Act) -> list[float]:
    return [drive(act, at)[1] for at in STARTS_M]


def look(weights: np.ndarray) -> Look:
    times_s = arrivals_s(policy(weights))
    mean_s = float(np.mean(times_s))
    return Look(mean_s, {"arrival_s": mean_s if max(times_s) < LONGEST_S else None}, f"home after {mean_s:.1f} s")


def begin(config: TrainConfig) -> Training:
    iterations = max(1, round(10 * config.effort))
    return Training(Search(config.seed), iterations, range(0, iterations + 1, 5), look)


def simulator(config: EvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    of_run = load_policy(path, SPEC.name, SPEC.observation_size)
    act = policy(of_run.weights, of_run.layers)
    times_s = {"policy": arrivals_s(act), "PD": arrivals_s(lambda seen: float(-2.0 * seen.sum()))}
    rows = [
        (f"from {at:+.1f} m", tuple(f"{each[k]:.1f}" for each in times_s.values())) for k, at in enumerate(STARTS_M)
    ]
    figures = {f"{name.lower()}_arrival_s": float(np.mean(each)) for name, each in times_s.items()}
    return Verdict(figures, [Scores("arrivals, s", tuple(times_s), rows)], max(times_s["policy"]) < LONGEST_S)


TRAINER = Trainer(begin, {"arrival_s": max}, "arrival_s")
JUDGE = Judge(simulator)
