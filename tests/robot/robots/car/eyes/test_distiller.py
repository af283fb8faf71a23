"""A driver that sees learns from one that knows: what it leaves is what it learned."""

import json

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from policies.policy_file import load_policy  # noqa: E402
from robot.robots.car.eyes import distiller as subject  # noqa: E402
from robot.robots.car.eyes.fleet import SeeingFleet  # noqa: E402
from robot.robots.car.eyes.laps import SeeingDriver  # noqa: E402
from robot.robots.car.practice import SHIPPED_POLICY  # noqa: E402
from robot.robots.car.trainer import CarTrainConfig  # noqa: E402
from sim.camera.looks import draw_looks, nominal_lens  # noqa: E402
from sim.tracks.built_in_tracks import built_in  # noqa: E402


def distiller(iterations: int, monkeypatch: pytest.MonkeyPatch, updates: int = 3) -> subject.Distiller:
    monkeypatch.setattr(subject, "UPDATES", updates)
    monkeypatch.setattr(subject, "SEQUENCES", 16)
    looks = draw_looks(4, 0, 32, 16, colour=False)
    fleet, lens = SeeingFleet([built_in("oval")], 16, 0, looks), nominal_lens(32, 16, "any")
    found = subject.Distiller(fleet, lens, load_policy(SHIPPED_POLICY), iterations, 0)
    for _ in range(iterations):
        found.iterate()
    return found


def test_the_actor_and_encoder_that_are_kept_act_as_the_student_did(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = distiller(2, monkeypatch)
    fleet = SeeingFleet([built_in("oval")], 5, 1, learner.fleet.looks)
    found = SeeingDriver(learner.encoder, learner.weights, 5).act(fleet)
    with torch.no_grad():
        embedding = learner.average.encoder(torch.from_numpy(fleet.frames)).numpy()
        stack = subject.Memory(5).with_now(embedding, fleet.observation, fleet.age)
        wanted = learner.average.act(torch.from_numpy(stack))[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    learner = distiller(1, monkeypatch)
    for _ in range(12):
        learner.iterate()
        losses.append(learner.loss)
    assert np.mean(losses[-3:]) < 0.7 * losses[0]


def test_the_same_seed_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (distiller(2, monkeypatch) for _ in range(2))
    assert first.weights.tobytes() == again.weights.tobytes() and first.encoder == again.encoder


def test_the_teacher_s_seats_are_never_the_student_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TAUGHT_ITERATIONS", 0)
    monkeypatch.setattr(subject, "PUSH", np.zeros(2, np.float32))
    learner = distiller(1, monkeypatch)
    told, done = learner.told(learner.fleet.observation), []
    monkeypatch.setattr(learner.fleet, "step", lambda actions: done.append(actions))
    learner._drive()
    seats = learner._taught[:, 0]
    assert seats.sum() == 2
    np.testing.assert_allclose(done[0][seats], told[seats], atol=1e-6)
    assert (np.abs(done[0][~seats] - told[~seats]) > 1e-3).any(1).all()


def test_options_that_eyes_have_no_use_for_are_refused() -> None:
    with pytest.raises(ValueError, match="--eyes: found with --track, --map, --from or --no-randomise"):
        CarTrainConfig(eyes=True, track="oval")


def test_the_encoder_s_file_says_what_it_looks_through(monkeypatch: pytest.MonkeyPatch) -> None:
    session = onnxruntime.InferenceSession(distiller(1, monkeypatch).encoder, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [16, 32, 1]
    lens = json.loads(session.get_modelmeta().custom_metadata_map["lens"])
    assert (lens["width"], lens["height"]) == (32, 16) and len(lens["distortion"]) == 8
