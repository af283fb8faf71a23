"""A driver that sees, taught one course: it comes nearer to its teacher there, and looks are chosen by what was seen."""

from dataclasses import replace

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.robots.car.belief.simulated import simulate
from robot.robots.car.eyes import taught_here as module
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import STARTS, embedder
from robot.robots.car.eyes.prior import mean_of
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH, Memory
from robot.robots.car.eyes.taught_here import as_it_may_be, looks_like_here, taught_here, teacher_here
from robot.robots.car.practice import SHIPPED_POLICY, SHIPPED_SEEING_POLICY
from robot.tasks.race_track.by_camera import EMBEDDING
from sim.camera.looks import Looks, draw_looks
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in

POLICY, ENCODER, TEACHER = (
    load_policy(SHIPPED_SEEING_POLICY),
    encoder_beside(SHIPPED_SEEING_POLICY),
    load_policy(SHIPPED_POLICY),
)
COURSE, LAYERS = built_in("oval"), POLICY.layers


def driven(looks: Looks, look: int, others: np.ndarray) -> tuple[np.ndarray, float]:
    """Embeddings (n, EMBEDDING) of cars that the shipped driver drives in one look, and how far others would be off the teacher."""
    fleet = SeeingFleet([COURSE], 4, 11, looks, starts=STARTS)
    embed, memory, seen, off = embedder(ENCODER), Memory(4), [], []
    for k in range(60):
        fleet.look[:] = look
        now = embed(fleet.frames)
        stack = memory.with_now(now, fleet.observation, fleet.age)
        told = np.tanh(mean_of(TEACHER.weights, TEACHER.layers, fleet.observation))
        if k > 10:
            seen.append(now[:, :EMBEDDING])
            off.append(np.square(np.tanh(mean_of(others, LAYERS, stack)) - told).mean())
        fleet.step(np.tanh(mean_of(POLICY.weights, LAYERS, stack)))
    return np.concatenate(seen), float(np.mean(off))


def test_looks_are_those_that_give_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("LOOKS", 24), ("LIKE_HERE", 4), ("LOOKED_DECISIONS", 50)):
        monkeypatch.setattr(module, name, few)
    looks = draw_looks(24, module.LOOKS_SEED, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    for here in np.flatnonzero(looks.values["wall_height_m"] > 0.0)[:3]:
        found = looks_like_here(driven(looks, here, POLICY.weights)[0], COURSE, ENCODER, POLICY.weights, LAYERS, 0)
        assert len(found) == 4 and len(found.lenses) == 4
        assert looks.values[here] in found.values and (found.values["wall_height_m"] > 0.0).sum() >= 3


def test_it_comes_nearer_to_its_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("CARS", 16), ("ITERATIONS", 30)):
        monkeypatch.setattr(module, name, few)
    looks = draw_looks(24, module.LOOKS_SEED, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    look = int(np.flatnonzero(looks.values["wall_height_m"] > 0.0)[0])
    car = load_parameters()
    taught = taught_here(COURSE, car, TEACHER.weights, looks, ENCODER, POLICY.weights, LAYERS, 0)
    assert driven(looks, look, taught)[1] < 0.8 * driven(looks, look, POLICY.weights)[1]


def test_it_is_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("CARS", 8), ("ITERATIONS", 2), ("FIRST_AVERAGED", 1)):
        monkeypatch.setattr(module, name, few)
    looks = draw_looks(4, module.LOOKS_SEED, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    given = POLICY.weights.copy()
    one, other = (
        taught_here(COURSE, load_parameters(), TEACHER.weights, looks, ENCODER, POLICY.weights, LAYERS, 5).tobytes()
        for _ in range(2)
    )
    assert one == other and (given == POLICY.weights).all()


def test_a_course_that_is_not_well_known_is_driven_as_it_may_be() -> None:
    courses = as_it_may_be(COURSE)
    widths = sorted({round(float(course.width_left.mean()), 2) for course in courses})
    assert widths == [0.9, 1.0, 1.1] and len(courses) == 9
    lengths = [course.length_m for course in courses]
    assert max(lengths) - min(lengths) > 0.8  # inwards and outwards by a tenth of a metre


def test_its_teacher_is_faster_there_with_a_car_that_grips_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEACHERS_ITERATIONS", 150)
    car = replace(load_parameters(), front_grip_share=0.8, rear_grip_share=0.8)

    def way_m(weights: np.ndarray) -> float:
        """Of cars that are told their place, by all that they do in 20 s; who crashes loses what he was paid."""
        lived = simulate(COURSE, weights, TEACHER.layers, [car] * 6, None, 200, (0.0,), 1)
        return float(lived["reward"].sum(dtype=np.float64))

    taught = teacher_here(COURSE, car, TEACHER.weights, 0)
    assert way_m(taught) > 1.01 * way_m(TEACHER.weights)
