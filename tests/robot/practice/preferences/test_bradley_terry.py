"""What a script prefers by the task's reward becomes a reward that orders clips as the task's does, and that a robot practises by."""

import re
from pathlib import Path

import numpy as np
import pytest

from policies.array_file import read_arrays, write_arrays
from policies.replay import transition_dtype
from robot.practice.preferences import preferred as plug_in
from robot.practice.preferences.bradley_terry import PAID, Preferred, TooFew, fit, load_preferred, save_preferred
from robot.practice.preferences.clips import clip_count, clip_of, draw_pairs, held_out
from robot.practice.reward import OwnReward
from tests.robot.practice.preferences.made_preferences import better, drives, preferred
from tests.toy_robot.joining import join
from tests.toy_robot.practised import figures_of
from tests.toy_robot.task import DECISION_S

COUNT = clip_count(DECISION_S)


@pytest.fixture(scope="module")
def transitions() -> np.ndarray:
    return drives()


@pytest.fixture(scope="module")
def fitted(transitions: np.ndarray) -> Preferred:
    found, judged = fit(transitions, preferred(transitions, draw_pairs(Path(), transitions, COUNT)))
    assert judged.accuracy > 0.9 and judged.held_out > 30 and judged.pairs > 100
    return found


def test_it_orders_what_it_has_never_seen_as_the_task_does(fitted: Preferred) -> None:
    others = drives(seed=1)
    pairs = draw_pairs(Path(), others, COUNT)
    right = []
    for pair in pairs:
        said, clips = better(others, pair), (clip_of(others, pair.left), clip_of(others, pair.right))
        if said != "same":
            left, other = (fitted.scores(clip).mean() for clip in clips if clip is not None)
            right.append((left > other) == (said == "left"))
    assert np.mean(right) > 0.9 and len(right) > 100


def test_what_is_preferred_against_the_task_is_paid_against_it(transitions: np.ndarray) -> None:
    turned = {"left": "right", "right": "left", "same": "same"}
    pairs = preferred(transitions, draw_pairs(Path(), transitions, COUNT))
    found, judged = fit(transitions, {pair: turned[said] for pair, said in pairs.items()})  # type: ignore[misc]
    assert judged.accuracy > 0.9
    assert np.corrcoef(found.pay(transitions), transitions["reward"])[0, 1] < -0.8


def test_it_pays_at_most_nothing_and_at_worst_no_more_than_that(fitted: Preferred, transitions: np.ndarray) -> None:
    far = transitions[:2].copy()
    far["next_observation"] *= 100.0
    paid = fitted.pay(np.concatenate([transitions, far]))
    assert paid.max() == 0.0 and paid.min() == -PAID and paid[-2:].tolist() == [-PAID, -PAID]
    assert np.corrcoef(fitted.pay(transitions), transitions["reward"])[0, 1] > 0.8


def test_pairs_that_judge_are_of_episodes_that_nothing_is_fitted_to(transitions: np.ndarray) -> None:
    """Whatever is said of them, the same is fitted."""
    said = preferred(transitions, draw_pairs(Path(), transitions, COUNT))
    other = {
        pair: "left" if held_out(int(clip["episode"][0])) else better
        for pair, better in said.items()
        if (clip := clip_of(transitions, pair.left)) is not None
    }
    first, second = fit(transitions, said), fit(transitions, other)  # type: ignore[arg-type]
    assert (first[0].weights == second[0].weights).all() and first[1].accuracy > second[1].accuracy


def test_where_both_are_always_the_same_nothing_is_learned(transitions: np.ndarray) -> None:
    pairs = draw_pairs(Path(), transitions, COUNT)
    with pytest.raises(TooFew, match=r"preferences\.json: found 0 pairs to fit to and 0 to judge by"):
        fit(transitions, dict.fromkeys(pairs, "same"))
    with pytest.raises(TooFew, match="found 23 pairs to fit to and 7 to judge by"):
        fit(transitions, dict.fromkeys(pairs[:30], "left"))


def test_a_file_of_it_is_whole_or_refused(fitted: Preferred, transitions: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "reward.npz"
    save_preferred(path, fitted)
    assert (load_preferred(path).pay(transitions) == fitted.pay(transitions)).all()
    arrays = read_arrays(path)
    for name, value in (
        ("weights", np.zeros(3)),
        ("middle", np.full(3, np.nan)),
        ("spread", np.zeros(3)),
        ("best", arrays["worst"]),
    ):
        write_arrays(path, arrays | {name: value})
        with pytest.raises(ValueError, match=rf"{re.escape(str(path))}: .*{name}.*: found"):
            load_preferred(path)


def test_as_a_plug_in_it_takes_the_file_and_refuses_another_task(
    fitted: Preferred, transitions: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "reward.npz"
    save_preferred(path, fitted)
    named = f"{plug_in.__name__}:pay:{path}"
    assert (OwnReward(named)(transitions)["reward"] == fitted.pay(transitions).astype(np.float32)).all()
    with pytest.raises(
        ValueError, match="found 9 numbers a decision, allowed: 3, as of the task that it was fitted for"
    ):
        OwnReward(named)(np.zeros(2, transition_dtype(7, 2)))
    with pytest.raises(ValueError, match=r"--reward: .* raised (FileNotFoundError|ValueError): .*nothing\.npz"):
        OwnReward(f"{plug_in.__name__}:pay:{tmp_path / 'nothing.npz'}")(transitions)


def test_a_robot_learns_by_it_what_was_preferred(
    fitted: Preferred, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    save_preferred(tmp_path / "reward.npz", fitted)
    told = figures_of(f"--task toy --robot toy --clock lockstep --minutes 2 --reward {plug_in.__name__}:pay:reward.npz")
    assert told["merit_last"] < 0.75 * told["merit_first"] and told["failures"] < told["episodes"]
