"""What simulated cars with cameras live through elsewhere is what the learner of a real one can learn from."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from policies.actor import Actor, initial_weights, weight_count
from policies.encoder import Encoder, onnx_file
from robot.robots.car.eyes import prior
from robot.robots.car.eyes.seeing_driver import HEIGHT, LAYERS, WIDTH
from robot.tasks.race_track.by_camera import EMBEDDING, FRAME_SIZE, PATHS_PER_M, SPEC


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    (tmp_path / "encoder.onnx").write_bytes(onnx_file(Encoder(HEIGHT, WIDTH, 1, EMBEDDING, len(PATHS_PER_M))))
    return tmp_path / "policy.npz"


def test_its_transitions_are_chains_of_what_the_policy_saw_and_did(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in (("CARS", 4), ("DECISIONS", 40), ("COURSES", 1), ("LOOKS", 4)):
        monkeypatch.setattr(prior, name, few)
    monkeypatch.setattr(prior, "TRIED", (0.0,))
    weights = initial_weights(LAYERS, np.random.default_rng(0))
    found = prior.drive_elsewhere(policy, weights, LAYERS, 0)
    assert found["observation"].shape == (160, SPEC.observation_size) and weight_count(LAYERS) == len(weights)
    actor, follows = Actor(LAYERS, weights), found["episode"][1:] == found["episode"][:-1]
    assert np.allclose([actor.mean(seen) for seen in found["observation"][:30]], found["action"][:30], atol=1e-5)
    assert (found["next_observation"][:-1][follows] == found["observation"][1:][follows]).all()
    assert follows.sum() > 100 and not (found["terminated"] & found["truncated"]).any()
    assert (found["terminated"][:-1][follows] == 0).all() and (found["reward"][found["terminated"] == 1] < -5.0).all()
    stacked = found["observation"].reshape(-1, 3, FRAME_SIZE)
    later = np.flatnonzero(follows)[1:40] + 1
    inner = [k for k in later if found["episode"][k] == found["episode"][k - 1]]
    assert all((stacked[k, 1] == stacked[k - 1, 0]).all() for k in inner)


def test_it_is_the_same_again(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("CARS", 2), ("DECISIONS", 6), ("COURSES", 1), ("LOOKS", 4)):
        monkeypatch.setattr(prior, name, few)
    weights = initial_weights(LAYERS, np.random.default_rng(0))
    assert (
        prior.drive_elsewhere(policy, weights, LAYERS, 3).tobytes()
        == prior.drive_elsewhere(policy, weights, LAYERS, 3).tobytes()
    )
