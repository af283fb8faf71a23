"""What the toy brings to be trained and judged: a search among policies, and arrivals in the simulator."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from policies.actor import Actor, actor_layers, initial_weights, weight_views
from policies.policy_file import load_policy
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict
from robot.training.trainer import Look, TrainConfig, Trainer, Training
from tests.toy_robot.emulator import DRAG_KG_S, MASS_KG, PUSH_MAX_N, STEP_S
from tests.toy_robot.task import DECISION_S, LONGEST_S, SPEC, arrived, reward

STARTS_M = np.array([-0.8, -0.4, 0.4, 0.8])
CANDIDATES, KEPT = 32, 8
LAYERS = actor_layers(SPEC.observation_size, SPEC.action_size, (8, 8))


def drive(act: Callable[[np.ndarray], np.ndarray], carts: int = len(STARTS_M)) -> tuple[np.ndarray, np.ndarray]:
    """Rewards (carts,), and times until the cart has arrived, s, or LONGEST_S. act: observations (carts, 2) to pushes."""
    place_m, speed_m_s, paid, arrival_s = (
        np.resize(STARTS_M, carts),
        np.zeros(carts),
        np.zeros(carts),
        np.full(carts, LONGEST_S),
    )
    for decision in range(round(LONGEST_S / DECISION_S)):
        push_n = PUSH_MAX_N * np.clip(act(np.stack([place_m, speed_m_s], axis=1)), -1.0, 1.0)
        for _ in range(round(DECISION_S / STEP_S)):
            speed_m_s = speed_m_s + STEP_S * (push_n - DRAG_KG_S * speed_m_s) / MASS_KG
            place_m = place_m + STEP_S * speed_m_s
        seen = list(zip(place_m, speed_m_s, strict=True))
        paid += [reward(*cart) for cart in seen]
        home = np.array([arrived(*cart) for cart in seen])
        arrival_s[home] = np.minimum(arrival_s[home], DECISION_S * (decision + 1))
    return paid, arrival_s


class Search:
    """Cross-entropy: draw last layers, keep the best, draw the next ones around them."""

    layers = LAYERS

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.actor = initial_weights(LAYERS, self.rng)
        self.mean, self.std = np.zeros(LAYERS[-2]), np.ones(LAYERS[-2])

    @property
    def weights(self) -> np.ndarray:
        weight_views(self.actor, LAYERS)[-1][0][:, 0] = self.mean
        return self.actor.copy()

    def iterate(self) -> None:
        drawn = self.mean + self.std * self.rng.standard_normal((CANDIDATES, len(self.mean)))
        last = np.repeat(drawn, len(STARTS_M), axis=0)

        def act(seen: np.ndarray) -> np.ndarray:
            for matrix, bias in weight_views(self.actor, LAYERS)[:-1]:
                seen = np.tanh(seen @ matrix + bias)
            return np.tanh((seen * last).sum(axis=1))

        paid = drive(act, len(last))[0].reshape(CANDIDATES, -1).sum(axis=1)
        best = drawn[np.argsort(-paid)[:KEPT]]
        self.mean, self.std = best.mean(axis=0), best.std(axis=0) + 0.02


def arrivals(weights: np.ndarray) -> np.ndarray:
    """Times from each of STARTS_M, s."""
    actor = Actor(LAYERS, weights)
    return drive(lambda seen: np.array([actor.mean(one.astype(np.float32))[0] for one in seen]))[1]


def look(weights: np.ndarray) -> Look:
    arrival_s = float(arrivals(weights).mean())
    return Look(arrival_s, {"arrival_s": arrival_s}, f"home after {arrival_s:.1f} s")


def iterations(config: TrainConfig) -> int:
    return max(1, round(10 * config.effort))


def judged(weights: np.ndarray, folder: Path) -> dict[str, float | None]:
    times = arrivals(weights)
    return {"arrival_s": float(times.mean()) if times.max() < LONGEST_S else None}


def begin(config: TrainConfig) -> Training:
    return Training(Search(config.seed), iterations(config), range(0, iterations(config) + 1, 5), look, judged)


def simulator(config: EvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    times = {
        "policy": arrivals(load_policy(path, SPEC.name, SPEC.observation_size).weights),
        "PD": drive(lambda seen: -2.0 * seen[:, 0] - 2.0 * seen[:, 1])[1],
    }
    rows = [(f"from {at:+.1f} m", tuple(f"{each[k]:.1f}" for each in times.values())) for k, at in enumerate(STARTS_M)]
    figures = {f"{name.lower()}_arrival_s": float(each.mean()) for name, each in times.items()}
    return Verdict(figures, [Scores("arrivals, s", tuple(times), rows)], bool(times["policy"].max() < LONGEST_S))


def devices(config: EvaluateConfig, path: Path) -> Verdict:
    raise ValueError(f"--robot: found {config.robot}, allowed: none, a cart is judged in the simulator")


TRAINER = Trainer(
    TrainConfig, iterations, lambda config: None, begin, lambda figures: [], {"arrival_s": max}, "arrival_s"
)
JUDGE = Judge(EvaluateConfig, simulator, devices)
