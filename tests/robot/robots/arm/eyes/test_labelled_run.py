"""A classifier of pictures from a person's labels: what a label says of which picture, and what comes of it."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.arm.eyes.frame_classifier_file import read_frame_classifier
from robot.robots.arm.eyes.frame_success import features
from robot.robots.arm.eyes.labelled_run import IN_S, MISSED, NEEDED, OUT_M, OUT_S, of_labelled_run, shows
from robot.robots.arm.eyes.labels import Label, save_labels
from robot.robots.arm.eyes.seen_episodes import SeenEpisode
from robot.robots.arm.eyes.wrist_view import SIZE, TOLD
from robot.robots.arm.training.labelled import Labelled
from robot.robots.arm.training.success_fit import fit
from robot.robots.arm.training.success_training import train_success
from tests.robot.robots.arm.eyes.labelled_bench import make_run

TAKEN_S = np.array([-OUT_S - 0.1, -OUT_S + 0.1, -OUT_S + 0.2, -0.01, IN_S[0], IN_S[1], IN_S[1] + 0.1])
AWAY_M = np.array([0.0, OUT_M + 0.001, OUT_M - 0.001, 0.0, 0.0, 0.001, OUT_M + 0.001])


@pytest.mark.parametrize(
    ("judged", "label", "expected"),
    [
        ("success", "success", [0, 0, -1, -1, 1, 1, -1]),
        ("time-out", "success", [-1, 0, -1, -1, 1, 1, -1]),  # it went in when nobody noticed
        ("success", "failure", [0] * 7),  # the judge was wrong
        ("time-out", "failure", [0] * 7),
        ("success", "unsure", [-1] * 7),
    ],
)
def test_what_a_label_says_of_a_picture(judged: str, label: Label, expected: list[int]) -> None:
    episode = SeenEpisode(1, judged, 3.0, 0.0, 0.01, np.zeros((len(TAKEN_S), 28), np.float32), TAKEN_S, AWAY_M)
    assert shows(episode, label).tolist() == expected


def test_labels_and_not_the_judge_teach_it_to_tell_a_peg_that_is_in(tmp_path: Path) -> None:
    outcomes = ["success"] * 40 + ["time-out"] * 20
    shown = [True] * 30 + [False] * 10 + [False] * 20  # ten times the judge was wrong
    run = make_run(tmp_path / "run", outcomes, "none", shown)
    save_labels(run, {number: "success" if within else "failure" for number, within in enumerate(shown, 1)})
    told = of_labelled_run(run)
    assert (
        told.within.any()
        and (told.seen[told.within][:, TOLD] > 0.0).all()
        and (told.seen[~told.within][:, TOLD] < 0.0).all()
    )
    figures = train_success(str(run), seed=0, root=tmp_path / "runs", eyes=True)
    assert (figures["false_positive_rate"], figures["episodes"]) == (0.0, 15) and figures["found"] > 0.5
    weights = read_frame_classifier(Path(figures["file"]), (run / ENCODER_FILE).read_bytes())
    assert not (features(told.seen[~told.within]) @ weights > 0.0).any()


def test_few_labels_miss_a_success_sooner_than_they_take_something_else_for_one() -> None:
    """Though the two kinds are well apart: the highest of few episodes says little of the next."""
    rng = np.random.default_rng(0)
    seen = rng.uniform(-0.5, 0.5, (4000, SIZE)).astype(np.float32)
    within = np.arange(4000) % 20 == 19
    seen[:, TOLD] = np.where(within, 0.8, 0.0) + 0.05 * rng.standard_normal(4000)
    told = Labelled(seen, within, np.arange(4000) // 20)
    (usual, _), (strict, _) = fit(told, 0, features), fit(told, 0, features, MISSED)
    assert (usual[1:] == strict[1:]).all() and strict[0] < usual[0]
    calibrating = np.random.default_rng([0, 0xF17]).permutation(np.arange(200))[100:150]
    part = told.of(calibrating)
    found = features(part.seen[part.within]) @ strict > 0.0
    assert found.mean() == pytest.approx(1.0 - MISSED, abs=0.02)


def test_too_few_labels_are_refused_with_how_many_are_needed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ["success"] * 5 + ["time-out"] * 3, "none")
    with pytest.raises(ValueError, match=f"found {run} without labels.json, allowed with --eyes: simulated, or a run"):
        train_success(str(run), seed=0, root=tmp_path / "runs", eyes=True)
    save_labels(run, {1: "success", 2: "success", 3: "unsure", 6: "failure"})
    with pytest.raises(
        ValueError, match=rf"2 labelled episodes that show the peg in and 3 that show it out .* {NEEDED} of each"
    ):
        train_success(str(run), seed=0, root=tmp_path / "runs", eyes=True)
