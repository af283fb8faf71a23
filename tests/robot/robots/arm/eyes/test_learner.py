"""An encoder learns where the hole is. What comes of a whole training is in docs/experiments/wrist.md; here that it learns, and keeps to its words."""

import numpy as np
import pytest

pytest.importorskip("torch")

from policies.policy_file import load_policy
from robot.robots.arm.eyes import learner as module
from robot.robots.arm.eyes.learner import WristLearner
from robot.robots.arm.eyes.moments import IN_ASIDE_M, IN_M, draw_moments
from robot.robots.arm.eyes.wrist_view import HEIGHT, SIZE, TOLD, WIDTH
from robot.robots.arm.training.labelled import SHIPPED_POLICY
from sim.camera.wrist_looks import draw_wrist_looks, nominal_wrist_lens


def learner(seed: int) -> WristLearner:
    looks = draw_wrist_looks(8, seed, WIDTH, HEIGHT)
    return WristLearner(looks, nominal_wrist_lens(WIDTH, HEIGHT), load_policy(SHIPPED_POLICY), 3, seed)


def test_it_learns_and_the_same_seed_gives_the_same_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWN", 256)
    monkeypatch.setattr(module, "UPDATES", 12)
    monkeypatch.setattr(module, "HELD", 64)
    encoders, losses = [], []
    for _ in range(2):
        one = learner(1)
        for _ in range(3):
            one.iterate()
            losses.append(one.loss)
        errors = one.calibrate()
        assert all(np.isfinite(value) for value in errors.values()) and one.sureness.shape == (TOLD,)
        encoders.append(one.encoder)
    assert losses[2] < losses[0]
    assert encoders[0] == encoders[1] and len(encoders[0]) > 10_000


def test_moments_are_labelled_by_where_the_peg_is_and_some_are_of_each_kind() -> None:
    moments = draw_moments(2000, np.random.default_rng(3))
    off = np.einsum("nij,ni->nj", moments.frame, moments.pose[:, :3] - moments.place)
    assert off[:, 2] == pytest.approx(moments.height_m)
    inside = (off[:, 2] < -IN_M) & (np.hypot(off[:, 0], off[:, 1]) < IN_ASIDE_M)
    assert (inside == moments.within).all() and 0.05 < moments.within.mean() < 0.3
    assert (moments.height_m > 0.04).mean() > 0.1 and (np.abs(moments.height_m) < 0.0005).mean() > 0.1
    assert len(learner(1).encoder_net(module.torch.zeros((1, HEIGHT, WIDTH, 1), dtype=module.torch.uint8))[0]) == SIZE
