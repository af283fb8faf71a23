"""Walls from what a car was told of the room beside it."""

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.robots.car.eyes import rooms
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import embedder
from robot.robots.car.eyes.prior import mean_of
from robot.robots.car.eyes.rooms import Rooms, learned_rooms, with_walls
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH, Memory
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.tasks.race_track.task import SEEN_ROOM
from sim.camera.looks import draw_looks
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course, closed_course, project


def lap_beside(course: Course, aside_m: np.ndarray) -> Course:
    """A lap driven so far to the left of the middle, and what it takes for free."""
    rows = np.arange(0, len(course.x), 8)
    left = np.stack([-np.sin(course.heading[rows]), np.cos(course.heading[rows])], 1)
    points = np.stack([course.x[rows], course.y[rows]], 1) + aside_m[rows, None] * left
    return closed_course("reckoned", points, np.full(len(rows), 0.6), np.full(len(rows), 0.6))


@pytest.mark.parametrize("name", ["oval", "chicane"])
def test_a_lap_beside_the_middle_becomes_the_course_between_the_walls(name: str) -> None:
    course, rng = built_in(name), np.random.default_rng(3)
    aside = 0.4 * np.sin(2.0 * np.pi * np.arange(len(course.x)) / len(course.x) * 3.0)
    lap = lap_beside(course, aside)
    rows, lateral = np.arange(0, len(lap.x), 5), rng.normal(0.0, 0.2, len(np.arange(0, len(lap.x), 5)))
    left = np.stack([-np.sin(lap.heading[rows]), np.cos(lap.heading[rows])], 1)
    at = np.stack([lap.x[rows], lap.y[rows]], 1) + lateral[:, None] * left
    packed, room = course.packed(), []
    for x, y in at:
        row, _, off, _ = project(packed, course.spacing_m, x, y, 0.0, 0, 0, len(packed) - 1)
        room.append((course.width_left[row] - off, course.width_right[row] + off))
    found = with_walls(lap, rows * lap.spacing_m, lateral, np.array(room) + rng.normal(0.0, 0.1, (len(rows), 2)))
    off_m = [
        project(packed, course.spacing_m, x, y, 0.0, 0, 0, len(packed) - 1)[2]
        for x, y in zip(found.x[::10], found.y[::10], strict=True)
    ]
    assert np.median(np.abs(off_m)) < 0.08 and np.max(np.abs(off_m)) < 0.3
    assert abs(found.width_left.mean() - course.width_left.mean()) < 0.08
    assert abs(found.length_m - course.length_m) < 0.5


def test_what_is_told_of_room_is_learned_from_decisions() -> None:
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((2000, 30))
    room = 1.0 + seen[:, :2] @ np.array([[0.2, -0.1], [0.05, 0.2]])
    learned = Rooms(seen[:1000], room[:1000])
    assert np.abs(learned.told(seen[1000:]) - room[1000:]).max() < 0.1


def test_the_shipped_encoder_tells_room_where_it_has_never_been(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("CARS", 24), ("DECISIONS", 150), ("COURSES", 12), ("LOOKS", 32)):
        monkeypatch.setattr(rooms, name, few)
    policy, encoder = load_policy(SHIPPED_SEEING_POLICY), encoder_beside(SHIPPED_SEEING_POLICY)
    learned = learned_rooms(encoder, policy.weights, policy.layers, 0)
    looks = draw_looks(16, 5_000_000, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    fleet, embed, memory, off = SeeingFleet([built_in("bean")], 16, 3, looks), embedder(encoder), Memory(16), []
    for _ in range(60):
        seen = memory.with_now(embed(fleet.frames), fleet.observation, fleet.age)
        off.append(learned.told(seen) - fleet.observation[:, SEEN_ROOM : SEEN_ROOM + 2])
        fleet.step(np.tanh(mean_of(policy.weights, policy.layers, seen)))
    assert np.median(np.abs(np.concatenate(off[10:]))) < 0.16
