"""The learner process takes laps at the transition that they ended with, and goes back when they get worse."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count
from robot.practice import learner as learner_module
from robot.practice.best_policy import make_lap
from robot.practice.learner import LearnerProcess
from robot.practice.settings import SCRATCH, SHIPPED, PracticeConfig
from robot.practice.start import starting_policy
from robot.robots.car.belief.adaptation import Fit
from robot.robots.car.records import TRANSITION
from robot.runtime.run_folder import save_config
from robot.runtime.session_file import SessionFile
from robot.runtime.session_memory import SessionMemory
from sim.car.model import CarParameters

LAYERS = starting_policy(PracticeConfig()).layers


@pytest.fixture
def start_from() -> str:
    return SHIPPED


@pytest.fixture
def shared(tmp_path: Path, start_from: str) -> Iterator[SessionMemory]:
    memory = SessionMemory(tmp_path, LAYERS)
    save_config(tmp_path, PracticeConfig(start_from=start_from, mapless=True, seed=1))
    yield memory
    memory.close()


@pytest.fixture
def learner(tmp_path: Path, shared: SessionMemory) -> LearnerProcess:
    return LearnerProcess(
        SessionFile(str(tmp_path), "virtual-car", shared.names, LAYERS, weight_count(LAYERS), True, "", "", "", True)
    )


def live(learner: LearnerProcess, shared: SessionMemory, lap_s: float, laps: int = 5) -> None:
    """Laps of ten transitions and this time, driven with the weights that the learner had when each began."""
    for _ in range(laps):
        weights = learner.learner.actor_weights()
        for k in range(10):
            transition = np.zeros((), TRANSITION)
            transition["step"] = step = learner.learned
            transition["observation"] = transition["next_observation"] = 0.1
            if k == 9:
                lap = {"practice_s": 1.0 * step, "lap_s": lap_s, "clean": True, "baseline": False}
                shared.rings["laps"].write(make_lap(LAYERS, step, lap, weights))
            learner.learn(transition)


def test_it_goes_back_to_the_policy_of_the_best_laps(learner: LearnerProcess, shared: SessionMemory) -> None:
    live(learner, shared, 8.0)
    best = learner.best.row[2]["weights"].copy()
    live(learner, shared, 9.0, laps=2)
    assert learner.learner.anchored_at == 0
    live(learner, shared, 9.0, laps=1)  # three of the last five are slow
    assert learner.learner.anchored_at == learner.learned
    np.testing.assert_array_equal(learner.learner.anchor_actor, best)
    assert np.abs(learner.learner.actor_weights() - best).max() < 1e-3  # one transition of learning later


@pytest.mark.parametrize("start_from", [SCRATCH])
def test_from_scratch_slow_laps_belong_to_learning(learner: LearnerProcess, shared: SessionMemory) -> None:
    live(learner, shared, 8.0)
    live(learner, shared, 9.0, laps=4)
    assert learner.best.lost
    assert learner.learner.anchored_at == 0


def test_a_lap_waits_for_its_transition(learner: LearnerProcess, shared: SessionMemory) -> None:
    lap = {"practice_s": 9.0, "lap_s": 8.0, "clean": True, "baseline": False}
    shared.rings["laps"].write(make_lap(LAYERS, 1, lap, learner.learner.actor_weights()))
    transition = np.zeros((), TRANSITION)
    learner.learn(transition)
    assert not learner.best.row
    transition["step"] = 1
    learner.learn(transition)
    assert len(learner.best.row) == 1


def test_laps_since_the_last_transition_count_at_the_end(learner: LearnerProcess, shared: SessionMemory) -> None:
    for step in range(5):
        lap = {"practice_s": 9.0, "lap_s": 8.0, "clean": True, "baseline": False}
        shared.rings["laps"].write(make_lap(LAYERS, 7 + step, lap, learner.learner.actor_weights()))
    shared.finish()
    shared.orders.write(stop=1)
    learner.run()
    assert learner.best.median_lap_s == 8.0


class Fitted:
    """What `fit_car` finds after so many decisions, and how often the policy was improved since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, enough: int) -> None:
        self.enough, self.improved_after = enough, list[int]()
        self.lived = 0
        monkeypatch.setattr(learner_module, "fit_car", self.fit)
        monkeypatch.setattr(learner_module, "improve", self.improve)
        monkeypatch.setattr(learner_module, "course_of", lambda *_: None)

    def fit(self, transitions: np.ndarray, nominal: CarParameters) -> Fit | None:
        self.lived = len(transitions)
        return Fit(nominal, nominal, 0.9, 30, 0.04) if len(transitions) >= self.enough else None

    def improve(self, weights: np.ndarray, *_: object) -> np.ndarray:
        self.improved_after.append(self.lived)
        return weights + np.float32(0.01)


@pytest.mark.parametrize(("enough", "after"), [(0, [60, 300]), (75, [80, 300]), (330, [340]), (9999, [])])
def test_the_policy_is_improved_as_soon_as_the_fit_is_there_and_once_more(
    learner: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch, enough: int, after: list[int]
) -> None:
    fitted = Fitted(monkeypatch, enough)
    monkeypatch.setattr(learner.learner, "update", lambda: None)
    before = learner.learner.actor_weights().copy()
    live(learner, shared, 8.0, laps=40)
    assert fitted.improved_after == after
    assert np.abs(learner.learner.actor_weights() - before).max() == pytest.approx(0.01 * len(after), abs=1e-5)


@pytest.mark.parametrize("start_from", [SCRATCH])
def test_from_scratch_nothing_is_fitted(
    learner: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = Fitted(monkeypatch, 0)
    monkeypatch.setattr(learner.learner, "update", lambda: None)
    live(learner, shared, 8.0, laps=10)
    assert fitted.improved_after == []
