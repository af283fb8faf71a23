"""Whether a peg is in, by pictures: fitted to some episodes, judged by others, and asked in the place of what the task says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from policies.actor import Actor
from policies.array_file import write_arrays
from policies.policy_file import load_policy
from robot.perception.result import PerceptionReading
from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY, encoder_beside
from robot.robots.arm.eyes.frame_classifier_file import read_frame_classifier, write_frame_classifier
from robot.robots.arm.eyes.frame_success import COUNT, SHIPPED, features, succeeded
from robot.robots.arm.eyes.labelled_frames import simulated_frames
from robot.robots.arm.eyes.mind import SeeingInsertionMind
from robot.robots.arm.eyes.wrist_eyes import EYES_FRESH_S
from robot.robots.arm.eyes.wrist_view import FEATURES, SIZE, TOLD
from robot.robots.arm.success import write_classifier
from robot.robots.arm.training.success_fit import judge
from robot.runtime.episodes import Outcome
from robot.tasks.peg_insert import SIZE as SEEN
from robot.tasks.peg_insert import STEP_COST
from tests.robot.robots.arm.arm_bench import setup


def weights_of(number: int) -> np.ndarray:
    """That take a picture for a success where a number of its embedding is positive."""
    weights = np.zeros(COUNT)
    weights[1 + number] = 1.0
    return weights


def test_it_goes_by_what_is_told_and_by_features_and_not_by_how_sure_they_are() -> None:
    embedding = np.zeros(SIZE, np.float32)
    embedding[TOLD + FEATURES :] = 1.0
    assert not succeeded(weights_of(TOLD), embedding)
    embedding[TOLD] = 0.1
    assert succeeded(weights_of(TOLD), embedding)
    assert features(np.stack([embedding] * 3)).shape == (3, COUNT)


def test_the_mind_asks_it_where_one_is_told() -> None:
    policy = load_policy(SHIPPED_SEEING_POLICY)
    told = replace(setup("peg_insert_by_camera"), success=tuple(weights_of(TOLD).tolist()))
    mind = SeeingInsertionMind(told, Actor(policy.layers, policy.weights))
    embedding, seen = np.zeros(SIZE, np.float32), np.zeros(SEEN, np.float32)
    for feature, outcome, reward in ((-0.1, Outcome.RUNNING, -STEP_COST), (0.1, Outcome.SUCCESS, 1.0 - STEP_COST)):
        embedding[TOLD] = feature
        mind.eyes.reading, mind.eyes.blind = PerceptionReading(embedding.copy(), 0.01, 1, 1), False
        assert mind.judge(seen) == (reward, outcome)


@pytest.mark.parametrize(("points", "age_s"), [(0, np.inf), (12, 0.01), (SIZE, EYES_FRESH_S), (SIZE, np.nan)])
def test_without_a_new_picture_of_its_encoder_nothing_is_a_success(points: int, age_s: float) -> None:
    policy = load_policy(SHIPPED_SEEING_POLICY)
    told = replace(setup("peg_insert_by_camera"), success=(1.0,) * COUNT)  # to which all that it is shown is one
    mind = SeeingInsertionMind(told, Actor(policy.layers, policy.weights))
    readings = np.zeros((), mind.records.readings)
    readings["camera"]["points"], readings["camera"]["embedding_age_s"] = SIZE, 0.01
    mind.see(readings)
    assert mind.judge(np.zeros(SEEN, np.float32))[1] is Outcome.SUCCESS
    readings["camera"]["points"], readings["camera"]["embedding_age_s"] = points, age_s
    mind.see(readings)
    assert mind.judge(np.zeros(SEEN, np.float32)) == (-STEP_COST, Outcome.RUNNING)


def test_the_shipped_one_is_seldom_wrong_on_arms_and_looks_that_it_has_not_met() -> None:
    encoder = encoder_beside(SHIPPED_SEEING_POLICY)
    judged = judge(read_frame_classifier(SHIPPED, encoder), simulated_frames(77, encoder, 16, 100), features)
    assert judged.false_positive_rate < 0.01 and judged.found > 0.5


def test_a_classifier_of_servo_readings_is_none_of_pictures(tmp_path: Path) -> None:
    write_classifier(tmp_path / "success.npz", np.zeros(COUNT + 2))
    with pytest.raises(ValueError, match=f"weights: found .*, allowed: {COUNT} finite numbers"):
        read_frame_classifier(tmp_path / "success.npz", b"")


def test_a_classifier_goes_with_the_encoder_that_it_was_fitted_to(tmp_path: Path) -> None:
    path = tmp_path / "success.npz"
    write_frame_classifier(path, np.arange(COUNT) / 7.0, b"an encoder")
    assert (read_frame_classifier(path, b"an encoder") == np.arange(COUNT) / 7.0).all()
    with pytest.raises(
        ValueError,
        match=rf"{path}: encoder: found that of CRC-32 0x[0-9a-f]+, allowed: 0x[0-9a-f]+, as of the policy's encoder\.onnx",
    ):
        read_frame_classifier(path, b"another one")
    write_classifier(path, np.zeros(COUNT))
    with pytest.raises(ValueError, match=f"{path}: encoder: found none, allowed: 0x"):
        read_frame_classifier(path, b"an encoder")
    for wrong in (np.zeros(2, np.uint32), np.float64(3.0)):
        write_arrays(path, {"weights": np.zeros(COUNT), "encoder": wrong})
        with pytest.raises(ValueError, match="encoder: found none"):
            read_frame_classifier(path, b"an encoder")
