"""The paths that drones follow, and what the task says about a drone that does."""

import math

import numpy as np
import pytest

from robot.tasks import track_trajectory as task
from sim.quadrotor.model import N_STATE, STEP_S

ONE, START = np.uintp(1), np.uintp(0)


def on_the_path(path: np.ndarray, time_s: float) -> np.ndarray:
    """The state of a level drone that is exactly where the path asks for."""
    position, velocity, _ = task.set_point(path, START, ONE, time_s)
    state = np.zeros(N_STATE)
    state[:3], state[3], state[7:10] = position, 1.0, velocity
    return state


def observed(path: np.ndarray, state: np.ndarray, time_s: float) -> np.ndarray:
    memory = np.concatenate([path, np.zeros(task.OBSERVATION_SIZE, np.float32)])
    task.observe.py_func(tuple(state), time_s, memory, START, np.uintp(task.PATH_SIZE), ONE)
    return memory[task.PATH_SIZE :] / task.OBSERVATION_SCALE


def test_a_figure_of_eight_has_its_size_and_comes_back_after_a_lap():
    asked = task.set_points(task.figure_of_eight(lap_s=3.5), 900)
    assert np.abs(asked[:, :3]).max(axis=0) == pytest.approx([1.0, 0.5, 0.0], abs=1e-3)
    assert asked[300] == pytest.approx(asked[650], abs=2e-4)
    assert np.linalg.norm(asked[300] - asked[475]) > 1.0


def test_every_path_begins_at_rest_at_the_origin():
    for path in (task.figure_of_eight(), task.random_path(np.random.default_rng(0))):
        assert task.set_points(path, 1)[0, :6] == pytest.approx(np.zeros(6), abs=1e-6)


def test_velocity_and_acceleration_are_derivatives_of_the_position():
    asked = task.set_points(task.random_path(np.random.default_rng(1), speed_m_s=1.0), 600).astype(float)
    warm = round(task.WARM_UP_S / STEP_S)
    for first in (0, 3):
        slope = (asked[2:, first : first + 3] - asked[:-2, first : first + 3]) / (2.0 * STEP_S)
        away = np.abs(np.arange(1, 599) - warm) > 1  # where the warm-up ends, the acceleration jumps
        assert slope[away] == pytest.approx(asked[1:-1, first + 3 : first + 6][away], abs=0.02)


def test_random_paths_keep_to_their_speed_and_to_the_greatest_acceleration():
    rng = np.random.default_rng(2)
    for _ in range(20):
        asked = random_lap(task.random_path(rng))
        assert math.sqrt((asked[:, 3:6] ** 2).sum(axis=1).mean()) < 1.02 * task.SPEED_HIGH_M_S
        assert math.sqrt((asked[:, 6:] ** 2).sum(axis=1).mean()) < 1.02 * task.ACCELERATION_HIGH_M_S2
    asked = random_lap(task.random_path(rng, speed_m_s=0.7))
    assert math.sqrt((asked[:, 3:6] ** 2).sum(axis=1).mean()) == pytest.approx(0.7, rel=0.02)


def random_lap(path: np.ndarray) -> np.ndarray:
    """One lap at full speed."""
    warm, lap = round(task.WARM_UP_S / STEP_S), round(2.0 * math.pi / float(path[0]) / STEP_S)
    return task.set_points(path, warm + lap)[warm:]


def test_a_path_passes_through_its_waypoints_in_order():
    points = np.array([[0.5, 0.0, 1.0], [1.5, 0.0, 1.2], [1.5, 1.0, 1.0], [0.5, 1.0, 0.8]])
    asked = task.set_points(task.through_waypoints(points, lap_s=6.0), 801)[:, :3] + points[0]
    passed = [int(np.linalg.norm(asked - point, axis=1)[150:].argmin()) + 150 for point in points[1:]]
    assert passed == sorted(passed)
    for point in points:
        assert np.linalg.norm(asked - point, axis=1).min() < 0.01


def test_of_paths_through_the_waypoints_the_one_of_least_snap_does_not_stray():
    line = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    asked = task.set_points(task.through_waypoints(line, lap_s=6.0), 801)
    assert asked[:, 0].min() > -1e-3
    assert asked[:, 0].max() < 1.001


@pytest.mark.parametrize("shape", [(1, 3), (14, 3), (4, 2)])
def test_waypoints_that_no_path_can_pass_are_refused(shape):
    with pytest.raises(ValueError, match="points: found shape"):
        task.through_waypoints(np.random.default_rng(0).random(shape), 5.0)


def test_a_drone_on_the_path_sees_no_error_and_the_accelerations_ahead():
    path = task.figure_of_eight(3.5)
    asked = task.set_points(path, 400)
    seen = observed(path, on_the_path(path, 3.0), 3.0)
    assert seen[[0, 1, 2, 12, 13, 14]] == pytest.approx(np.zeros(6), abs=1e-5)
    assert seen[task.ACCELERATION :] == pytest.approx(asked[[300, 310, 320, 330], 6:].reshape(-1), abs=1e-3)


def test_an_episode_ends_away_from_the_set_point_wherever_that_is():
    path = task.figure_of_eight(3.5)
    state = on_the_path(path, 3.4)
    assert np.abs(state[:3]).max() > task.BOX_M
    assert not task.ends(tuple(state), 3.4, path, START, ONE)
    state[2] += 1.01 * task.BOX_M
    assert task.ends(tuple(state), 3.4, path, START, ONE)


def test_a_drone_on_the_path_is_paid_more_than_one_beside_it():
    path = task.figure_of_eight(3.5)

    def pay(state: np.ndarray) -> float:
        return task.reward(tuple(state), (0.0,) * 4, 0.0, task.REWARD_WEIGHTS, 3.0, path, START, ONE)

    on, beside, slower = (on_the_path(path, 3.0) for _ in range(3))
    beside[0] += 0.3
    slower[7:10] *= 0.5
    assert pay(on) > max(pay(beside), pay(slower))


def test_places_are_the_set_points_of_every_lane():
    rng = np.random.default_rng(3)
    paths = np.stack([task.random_path(rng) for _ in range(6)])
    out = np.empty((2, 3, 3), np.float32)
    task.places(np.ascontiguousarray(paths.reshape(2, 3, -1).transpose(0, 2, 1)), 2.5, out)
    expected = [task.set_points(path, 251)[250, :3] for path in paths]
    assert out.transpose(0, 2, 1).reshape(6, 3) == pytest.approx(np.array(expected), abs=1e-5)
