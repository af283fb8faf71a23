"""The learner process takes laps at the transition that they ended with; what it learns drives where it proves faster."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count
from policies.policy_file import load_policy
from policies.replay import write_segment
from robot.practice import learner as learner_module
from robot.practice.learner import LearnerProcess
from robot.practice.settings import SCRATCH, SHIPPED
from robot.practice.start import starting_policy
from robot.robots.car import world
from robot.robots.car.belief import adaptation
from robot.robots.car.belief.adaptation import Fit
from robot.robots.car.options import CarOptions
from robot.robots.car.records import TRANSITION
from robot.robots.car.robot import ROBOT
from robot.runtime.episodes import Outcome, make_episode
from robot.runtime.run_folder import save_config
from robot.runtime.session_file import SessionFile
from robot.runtime.session_memory import SessionMemory
from sim.car.model import CarParameters
from tests.robot.practice import own_rewards

LAYERS = starting_policy(CarOptions()).layers


@pytest.fixture
def start_from() -> str:
    return SHIPPED


@pytest.fixture
def reward() -> str:
    return ""


@pytest.fixture
def shared(tmp_path: Path, start_from: str, reward: str) -> Iterator[SessionMemory]:
    memory = SessionMemory(tmp_path, ROBOT, "race_track", LAYERS)
    save_config(tmp_path, CarOptions(start_from=start_from, mapless=True, seed=1, reward=reward))
    yield memory
    memory.close()


@pytest.fixture
def learner(tmp_path: Path, shared: SessionMemory) -> LearnerProcess:
    return LearnerProcess(
        SessionFile(
            str(tmp_path),
            "virtual-car",
            "car",
            "race_track",
            shared.names,
            LAYERS,
            weight_count(LAYERS),
            True,
            "",
            {},
            True,
        )
    )


@pytest.fixture
def quick(learner: LearnerProcess, monkeypatch: pytest.MonkeyPatch) -> LearnerProcess:
    """It changes its actor without computing for long."""

    def update() -> None:
        for actor in (learner.learner.actor, learner.learner.average_actor):
            actor += np.float32(1e-4)

    monkeypatch.setattr(learner.learner, "update", update)
    return learner


def live(learner: LearnerProcess, shared: SessionMemory, lap_s: float, laps: int = 5) -> None:
    """Laps of ten transitions and this time, driven with the weights that the learner had published when each began."""
    for _ in range(laps):
        weights = learner.driving.copy()
        for k in range(10):
            if k == 9:
                lap = {
                    "practice_s": 1.0 * learner.learned,
                    "merit": lap_s,
                    "outcome": Outcome.SUCCESS,
                    "baseline": False,
                }
                shared.rings["episodes"].write(make_episode(LAYERS, learner.learned, lap, weights))
            learner.learn(transition_of(learner.learned))


def transition_of(step: int) -> np.ndarray:
    transition = np.zeros((), TRANSITION)
    transition["step"] = step
    transition["observation"] = transition["next_observation"] = 0.1
    return transition


@pytest.mark.parametrize("reward", [f"{own_rewards.__name__}:for_speed:3"])
def test_a_reward_of_ones_own_pays_what_is_lived_and_what_was(learner: LearnerProcess) -> None:
    """And neither a champion of the task's merit nor a simulator of its reward has a say in it."""
    lived = np.stack([transition_of(step) for step in range(6)])
    lived["next_observation"][:, 1] = np.arange(6)
    lived["reward"], lived["demonstration"] = -9.0, [0, 1, 0, 1, 0, 0]
    (learner.folder / "replay").mkdir()
    write_segment(learner.folder / "replay" / "0.seg", lived[:4])
    prior = learner.learner.prior
    learner.catch_up()
    for transition in lived[4:]:
        learner.learn(transition)
    assert prior.reward[: prior.size].tolist() == [3.0, 9.0]
    assert learner.learner.practice.reward[:4].tolist() == [0.0, 6.0, 12.0, 15.0]
    assert learner.champion is None and learner.adaptation is None
    learner.save()
    again = LearnerProcess(learner.session)
    again.catch_up()  # by the checkpoint
    assert again.learner.practice.reward[:2].tolist() == [0.0, 6.0]


def published(shared: SessionMemory) -> np.ndarray:
    newest = shared.mailbox.read(0)
    assert newest is not None
    return newest.vector


def test_it_learns_while_the_champion_drives(learner: LearnerProcess, shared: SessionMemory) -> None:
    came = learner.learner.actor_weights()
    live(learner, shared, 8.0)
    np.testing.assert_array_equal(published(shared), came)
    assert np.any(learner.learner.actor_weights() != came)


def test_what_it_learned_drives_where_it_proves_faster(quick: LearnerProcess, shared: SessionMemory) -> None:
    came = quick.learner.actor_weights()
    live(quick, shared, 8.0, laps=6)
    challenger = quick.driving
    assert np.any(challenger != came)
    live(quick, shared, 7.9, laps=1)
    np.testing.assert_array_equal(published(shared), challenger)
    live(quick, shared, 7.9, laps=5)
    assert quick.champion is not None
    np.testing.assert_array_equal(quick.champion.weights, challenger)
    np.testing.assert_array_equal(quick.learner.anchor_actor, challenger)
    quick.save()
    np.testing.assert_array_equal(load_policy(quick.folder / "policy.npz").weights, challenger)


def test_where_it_does_not_it_goes_on_from_the_champion(quick: LearnerProcess, shared: SessionMemory) -> None:
    came = quick.learner.actor_weights()
    live(quick, shared, 8.0, laps=6)
    assert quick.learner.anchored_at == 0
    live(quick, shared, 9.0, laps=1)
    assert quick.learner.anchored_at == quick.learned
    np.testing.assert_array_equal(quick.learner.anchor_actor, came)
    np.testing.assert_array_equal(published(shared), came)


def test_a_collision_takes_the_wheel_from_a_challenger(quick: LearnerProcess, shared: SessionMemory) -> None:
    came = quick.learner.actor_weights()
    live(quick, shared, 8.0, laps=6)
    assert np.any(quick.driving != came)
    transition = transition_of(quick.learned)
    transition["terminated"] = 1
    quick.learn(transition)
    np.testing.assert_array_equal(quick.driving, came)


def test_a_successor_knows_the_champion(quick: LearnerProcess, shared: SessionMemory) -> None:
    came = quick.learner.actor_weights()
    live(quick, shared, 8.0, laps=6)  # its challenger drives
    quick.save()
    successor = LearnerProcess(quick.session)
    successor.catch_up()
    np.testing.assert_array_equal(successor.driving, came)
    np.testing.assert_array_equal(published(shared), came)
    np.testing.assert_array_equal(successor.learner.actor_weights(), quick.learner.actor_weights())


@pytest.mark.parametrize("start_from", [SCRATCH])
def test_from_scratch_slow_laps_belong_to_learning(quick: LearnerProcess, shared: SessionMemory) -> None:
    live(quick, shared, 8.0)
    live(quick, shared, 9.0, laps=4)
    assert quick.learner.anchored_at == 0
    np.testing.assert_array_equal(published(shared), quick.learner.actor_weights())


def test_a_lap_waits_for_its_transition(learner: LearnerProcess, shared: SessionMemory) -> None:
    lap = {"practice_s": 9.0, "merit": 8.0, "outcome": Outcome.SUCCESS, "baseline": False}
    shared.rings["episodes"].write(make_episode(LAYERS, 1, lap, learner.learner.actor_weights()))
    transition = np.zeros((), TRANSITION)
    learner.learn(transition)
    assert not learner.best.row
    transition["step"] = 1
    learner.learn(transition)
    assert len(learner.best.row) == 1


def test_laps_since_the_last_transition_count_at_the_end(learner: LearnerProcess, shared: SessionMemory) -> None:
    for step in range(5):
        lap = {"practice_s": 9.0, "merit": 8.0, "outcome": Outcome.SUCCESS, "baseline": False}
        shared.rings["episodes"].write(make_episode(LAYERS, 7 + step, lap, learner.learner.actor_weights()))
    shared.finish()
    shared.orders.write(stop=1)
    learner.run()
    assert learner.best.median == 8.0


class Fitted:
    """What `fit_car` finds after so many decisions, and how often the policy was improved since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, enough: int) -> None:
        self.enough, self.improved_after = enough, list[int]()
        self.lived = 0
        monkeypatch.setattr(adaptation, "fit_car", self.fit)
        monkeypatch.setattr(adaptation, "improve", self.improve)
        monkeypatch.setattr(world, "course_of", lambda *_: None)

    def fit(self, transitions: np.ndarray, nominal: CarParameters) -> Fit | None:
        self.lived = len(transitions)
        return Fit(nominal, nominal, (0.9, 0.8), (0.01, 0.01), 30, 0.04) if len(transitions) >= self.enough else None

    def improve(self, weights: np.ndarray, *_: object) -> np.ndarray:
        self.improved_after.append(self.lived)
        return weights + np.float32(0.01)


@pytest.mark.parametrize(("enough", "after"), [(0, [60, 300]), (75, [80, 300]), (330, [340]), (9999, [])])
def test_the_policy_is_improved_as_soon_as_the_fit_is_there_and_once_more(
    learner: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch, enough: int, after: list[int]
) -> None:
    fitted = Fitted(monkeypatch, enough)
    monkeypatch.setattr(learner.learner, "update", lambda: None)
    before = learner.driving
    for k in range(50):  # whoever drives is faster than who drove before
        live(learner, shared, 8.0 - 0.01 * k, laps=1)
    assert fitted.improved_after == after
    assert np.abs(learner.driving - before).max() == pytest.approx(0.01 * len(after), abs=1e-5)


def test_an_improved_policy_is_saved_at_once(
    quick: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fitted(monkeypatch, 0)
    saved_after = list[int]()
    monkeypatch.setattr(learner_module, "CHECKPOINT_EVERY_S", 1e9)
    monkeypatch.setattr(quick.learner, "save", lambda _: saved_after.append(quick.learned))
    for step in range(80):
        shared.rings["transitions"].write(transition_of(step))
    shared.finish()
    shared.orders.write(stop=1)
    quick.run()
    assert saved_after == [60, 80]
    belief = json.loads((quick.folder / "belief.json").read_text())
    assert (belief["front_grip_share"], belief["rear_grip_share"]) == (0.9, 0.8)


@pytest.mark.parametrize(("belief", "improved_after"), [({}, [401]), ({"front_grip_share": 0.9}, [])])
def test_a_successor_makes_up_for_a_fit_that_its_predecessor_died_over(
    quick: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch, belief: dict[str, float],
    improved_after: list[int],
) -> None:  # fmt: skip
    fitted, stored = Fitted(monkeypatch, 0), np.array([transition_of(step) for step in range(400)])
    monkeypatch.setattr(learner_module, "load_folder", lambda _: stored)
    quick.belief = belief
    quick.catch_up()
    quick.learn(transition_of(400))
    assert fitted.improved_after == improved_after


@pytest.mark.parametrize("start_from", [SCRATCH])
def test_from_scratch_nothing_is_fitted(
    learner: LearnerProcess, shared: SessionMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = Fitted(monkeypatch, 0)
    monkeypatch.setattr(learner.learner, "update", lambda: None)
    live(learner, shared, 8.0, laps=10)
    assert fitted.improved_after == []
