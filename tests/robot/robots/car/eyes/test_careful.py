"""Careful driving by sight: less is trusted, and who asks for too much speed is steered along the middle, until it has shown that it can drive here."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from policies.policy_file import load_policy
from robot.robots.car.eyes.careful import HANDED_OVER, TRUSTED, carefully, drive_carefully
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.laps import drive_laps
from robot.robots.car.eyes.mind import KNOWN_LAPS
from robot.robots.car.eyes.sight import held_back, hold_back
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.robots.car.records import Phase
from robot.safety.supervisor import Mode
from robot.tasks.race_track.by_camera import PATHS_PER_M, SEEN_MAX_M, SPEC
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from tests.robot.robots.car.eyes.goes_round import GoesRound

TO_THE_RIGHT = np.array([[-0.5, 1.0]], np.float32)


def free(metres: float, on_the_left_m: float) -> np.ndarray:
    found = np.full((1, len(PATHS_PER_M)), metres)
    found[:, PATHS_PER_M > 0.0] = on_the_left_m
    return found


def test_who_asks_for_no_more_than_is_allowed_steers_by_himself() -> None:
    slow = np.array([[-0.5, -0.9]], np.float32)
    assert carefully(slow, free(SEEN_MAX_M, SEEN_MAX_M), np.array([1.0])).tolist() == slow.tolist()


def test_the_more_too_fast_he_is_the_more_the_middle_is_steered() -> None:
    steered = [
        float(carefully(TO_THE_RIGHT, free(metres, metres + 0.5), np.array([2.0]))[0, 0])
        for metres in (4.5, 2.5, 1.2, 0.3)
    ]
    assert steered[0] == pytest.approx(-0.5, abs=0.1)
    assert (np.diff(steered) > 0.0).all() and steered[-1] > 0.0


def test_less_is_trusted_than_is_told() -> None:
    action, speed = np.array([[0.0, 1.0]], np.float32), np.array([3.0])
    told = free(2.0, 2.0)
    assert (
        carefully(action, told, speed)[0, 1]
        == held_back(action, TRUSTED * told, speed)[0, 1]
        < held_back(action, told, speed)[0, 1]
    )


def test_what_is_steered_stays_within_what_can_be() -> None:
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (200, 2)).astype(np.float32)
    held = carefully(actions, rng.uniform(0.0, SEEN_MAX_M, (200, len(PATHS_PER_M))) ** 2, rng.uniform(0.0, 6.0, 200))
    assert np.isfinite(held).all() and (np.abs(held) <= 1.0).all() and (held[:, 1] <= actions[:, 1]).all()
    assert HANDED_OVER > 0.0


def test_on_courses_that_it_does_not_know_the_shipped_driver_crashes_much_less() -> None:
    policy, encoder = (
        load_policy(SHIPPED_SEEING_POLICY, SPEC.name, SPEC.observation_size),
        encoder_beside(SHIPPED_SEEING_POLICY),
    )
    courses = [built_in(name) for name in BUILT_IN]
    careful, fast = (
        drive_laps(encoder, policy.weights, courses, 48, 15.0, 0, behind=behind, layers=policy.layers).figures()[
            "crashes"
        ]
        for behind in ("sight, carefully", "sight")
    )
    assert fast > 20 and careful < fast / 3


def test_it_is_careful_until_it_has_driven_clean_laps_and_again_after_a_touch() -> None:
    car = GoesRound()
    car.until(lambda mind: mind.phase is Phase.DEMONSTRATE)
    car.tick()
    assert car.mind.sight.drives is drive_carefully
    car.until(lambda mind: mind.tally.laps_driven == KNOWN_LAPS)
    assert car.mind.sight.drives is drive_carefully
    car.tick()
    assert car.mind.sight.drives is hold_back
    car.hits()
    car.until(lambda mind: mind.mode is Mode.RECOVER)
    car.tick()
    assert car.mind.sight.drives is drive_carefully
