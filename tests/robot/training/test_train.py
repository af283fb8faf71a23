"""One training, whatever the robot: what it keeps, what it leaves, what ends it."""

import csv
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from policies.actor import actor_layers, weight_count
from policies.policy_file import load_policy
from robot.runtime import joining
from robot.tasks import hover
from robot.training import trainer as module
from robot.training.train import best_of, checks, train
from robot.training.trainer import Check, Look, TrainConfig, Trainer, Training, find_trainer

LAYERS = actor_layers(3, 1, (4, 4))
SCORES = [3.0, 1.0, 2.0, 1.0, 5.0]


class Counting:
    """A learner whose weights say how often it iterated."""

    layers = LAYERS

    def __init__(self) -> None:
        self.count = 0

    @property
    def weights(self) -> np.ndarray:
        return np.full(weight_count(LAYERS), self.count, np.float32)

    def iterate(self) -> None:
        self.count += 1


def look(weights: np.ndarray) -> Look:
    count = int(weights[0])
    return Look(SCORES[count], {"error_m": 0.5 * count}, f"{count}")


def begin(config: TrainConfig) -> Training:
    return Training(Counting(), 4, range(5), look, judged=lambda weights, folder: {"error_m": float(weights[0])},
                    pictures=lambda found, best: {"found.txt": f"{len(found)} {best.iteration}".encode()})  # fmt: skip


TRAINER = Trainer(begin, {"error_m": max}, "error_m")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer in place of the quadrotor's."""
    monkeypatch.setattr("robot.training.train.find_trainer", lambda kind: TRAINER)


def test_the_best_check_is_kept_the_latest_of_equals() -> None:
    found = list(checks(begin(TrainConfig()), 0.0))
    assert [check.iteration for check in found] == [0, 1, 2, 3, 4]
    assert best_of(found).iteration == 3


@pytest.mark.usefixtures("counting")
def test_the_runs_folder_has_the_best_policy_and_all_checks(tmp_path: Path) -> None:
    shown: list[Check] = []
    figures = train(TrainConfig("hover", seed=5), shown.append, tmp_path)
    folder = Path(figures["run"])
    assert figures["error_m"] == 3.0 and "interrupted" not in figures and len(shown) == 5
    policy = load_policy(folder / "policy.npz")
    assert (policy.weights == 3.0).all() and policy.layers == LAYERS
    assert policy.metadata["rate_hz"] == hover.SPEC.rate_hz
    assert policy.metadata["trained"] | {"task": "hover", "seed": 5, "error_m": 3.0} == policy.metadata["trained"]
    assert (folder / "found.txt").read_text() == "5 3"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == [f"{score:.5f}" for score in SCORES]
    assert [float(row["error_m"]) for row in rows] == [0.0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize(("after", "kept"), [(0, 0), (2, 1)])
def test_ctrl_c_keeps_the_best_policy_so_far(tmp_path: Path, after: int, kept: int) -> None:
    def interrupt(check: Check) -> None:
        if check.iteration == after:
            raise KeyboardInterrupt

    figures = train(TrainConfig("hover"), interrupt, tmp_path)
    assert figures["interrupted"] and figures["error_m"] == kept


def test_options_of_another_robot_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--task: found hover, which a quadrotor does"):
        train(TrainConfig("hover"), root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_trainer_joins_through_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("counter", f"{__name__}:TRAINER", module.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: TRAINER)
    monkeypatch.setattr(joining, "entry_points", lambda group: [point] if group == module.ENTRY_POINTS else [])
    assert find_trainer("counter") is TRAINER
    with pytest.raises(
        ValueError, match=r"found 'boat', allowed: a folder of robot/robots with a trainer\.py, counter"
    ):
        find_trainer("boat")
