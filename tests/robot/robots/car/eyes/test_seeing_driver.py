"""What a driver that sees remembers, and what it may know."""

import numpy as np

from robot.robots.car.eyes.seeing_driver import LAYERS, SEEN_PLACES, Memory
from robot.tasks.race_track.by_camera import EMBEDDING, FELT_PLACES, FRAME_SIZE, STACK
from robot.tasks.race_track.task import OBSERVATION_SIZE, SPEC


def test_what_it_feels_tells_no_place() -> None:
    felt = {name for name, places in SPEC.seen.items() if set(range(OBSERVATION_SIZE)[places]) & set(FELT_PLACES)}
    assert felt == {"speed", "yaw_rate", "steer_command", "speed_command", "last_action", "action_before"}
    assert sorted([*FELT_PLACES, *SEEN_PLACES]) == list(range(OBSERVATION_SIZE))


def test_the_newest_decision_comes_first_and_a_start_has_no_past() -> None:
    memory = Memory(2)
    observation = np.zeros((2, OBSERVATION_SIZE), np.float32)
    for k, age in enumerate(([0, 0], [1, 1], [2, 0])):
        stack = memory.with_now(np.full((2, EMBEDDING), k, np.float32), observation, np.array(age))
    assert stack.shape == (2, LAYERS[0]) == (2, STACK * FRAME_SIZE)
    seen = stack.reshape(2, STACK, FRAME_SIZE)[:, :, 0]
    assert seen.tolist() == [[2.0, 1.0, 0.0], [2.0, 2.0, 2.0]]
