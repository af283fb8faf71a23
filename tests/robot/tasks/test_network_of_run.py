"""What the exports are told about a task's numbers is what its `observe` computes."""

from pathlib import Path

import numpy as np
import pytest

import policies
from policies.actor import actor_layers, initial_weights
from policies.fields import Field
from policies.policy_file import save_policy
from robot.tasks import hover, recover, track_trajectory
from robot.tasks.network_of_run import network_of_run
from robot.tasks.race_track import task as race_track
from sim.quadrotor.model import rotation_matrix


def normalised(fields: tuple[Field, ...], raw: dict[str, list[float]]) -> np.ndarray:
    """Raw numbers of every field, normalised and joined."""
    assert list(raw) == [field.name for field in fields]
    parts = [(np.array(raw[field.name]) - field.offset) * field.scale for field in fields]
    assert [len(part) for part in parts] == [field.size for field in fields]
    return np.concatenate(parts)


STATE = (0.1, -0.2, 0.3, 0.5, 0.5, -0.5, 0.5, 1.0, -2.0, 3.0, 10.0, -20.0, 30.0, 0.5, 0.5, 0.5, 0.5)


def raw_at_rest() -> dict[str, list[float]]:
    return {
        "position_error": [0.1, -0.2, 0.3],
        "rotation": list(rotation_matrix.py_func(*STATE[3:7])),
        "velocity_error": [1.0, -2.0, 3.0],
        "angular_rate": [10.0, -20.0, 30.0],
    }


@pytest.mark.parametrize("task", [hover, recover])
def test_a_hovering_drones_fields(task: object) -> None:
    out = np.zeros(hover.OBSERVATION_SIZE)
    hover.observe.py_func(STATE, 0.0, out, 0, 0, 1)
    np.testing.assert_allclose(out, normalised(hover.OBSERVATION_FIELDS, raw_at_rest()))
    assert task.OBSERVATION_FIELDS is hover.OBSERVATION_FIELDS  # type: ignore[attr-defined]


def test_a_tracking_drones_fields() -> None:
    path = track_trajectory.figure_of_eight().astype(np.float64)
    memory, own, stride = np.concatenate([path, np.zeros(track_trajectory.OBSERVATION_SIZE)]), np.uintp(0), np.uintp(1)
    track_trajectory.observe(STATE, 3.0, memory, own, np.uintp(len(path)), stride)
    position, velocity, _ = track_trajectory.set_point(path, own, stride, 3.0)
    ahead = [track_trajectory.set_point(path, own, stride, 3.0 + 0.1 * k)[2] for k in range(4)]
    raw = raw_at_rest()
    raw["position_error"] = list(np.array(STATE[:3]) - position)
    raw["velocity_error"] = list(np.array(STATE[7:10]) - velocity)
    raw["path_acceleration"] = list(np.concatenate(ahead))
    np.testing.assert_allclose(memory[len(path) :], normalised(track_trajectory.OBSERVATION_FIELDS, raw), rtol=1e-5)


def test_a_cars_fields() -> None:
    """On a straight course 1.5 m wide to the left and 1 m to the right, half a metre left of its centre, askew."""
    n, heading, lateral = 100, 0.3, 0.5
    x, zero = 0.1 * np.arange(n), np.zeros(n)
    table = race_track.preview_table(x, zero, zero, zero, np.full(n, 1.5), np.full(n, 1.0), 0.1, closed=False)
    out = np.zeros(race_track.OBSERVATION_SIZE)
    race_track.observe(2.0, -0.5, 1.5, 0.2, 4.0, 0.1, -0.2, 0.3, -0.4, 1.0, lateral, heading, table, 0, n, 0.1, out)
    ahead = np.stack([race_track.PREVIEW_M, np.full(race_track.N_POINTS, -lateral)], axis=1)
    turned = ahead @ np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    raw = {
        "speed": [2.0], "sideways_speed": [-0.5], "yaw_rate": [1.5], "steer_command": [0.2], "speed_command": [4.0],
        "last_action": [0.1, -0.2], "action_before": [0.3, -0.4], "room": [1.0, 1.5],
        "heading_error_sine": [np.sin(heading)], "heading_error_cosine": [np.cos(heading)],
    }  # fmt: skip
    for number, (forward, left) in enumerate(turned):
        raw |= {f"preview_{number}_x": [forward], f"preview_{number}_y": [left]}
    raw |= {"widths_ahead": [1.5, 1.0] * race_track.N_WIDTHS, "curvature_ahead": [0.0] * race_track.N_CURVATURES}
    np.testing.assert_allclose(out, normalised(race_track.OBSERVATION_FIELDS, raw), atol=1e-6)


def test_a_cars_actions() -> None:
    steer, speed = race_track.ACTION_FIELDS
    raw = race_track.target(0.4, -0.7)
    np.testing.assert_allclose(
        [(raw[0] - steer.offset) * steer.scale, (raw[1] - speed.offset) * speed.scale], [0.4, -0.7]
    )


def test_a_run_becomes_a_network(tmp_path: Path) -> None:
    layers = actor_layers(hover.OBSERVATION_SIZE + 4 * 16, 4)
    weights = initial_weights(layers, np.random.default_rng(0))
    save_policy(tmp_path / "policy.npz", weights, layers, "hover", 100.0)
    network = network_of_run(tmp_path)
    assert (network.sizes, network.history, network.task, network.rate_hz) == ((82, 64, 64, 4), 16, "hover", 100.0)
    assert network_of_run(tmp_path / "policy.npz").sha256 == network.sha256
    save_policy(tmp_path / "policy.npz", weights, layers, "juggle", 100.0)
    with pytest.raises(ValueError, match=r"policy.npz: field task is 'juggle', allowed: race_track, hover, "):
        network_of_run(tmp_path)


def test_a_policy_that_has_to_be_told_its_robot_says_what_makes_one_that_has_not() -> None:
    path = Path(policies.__file__).parent / "shipped" / "told_quadrotor.npz"
    with pytest.raises(
        ValueError, match=r"told_quadrotor.npz: history: .*`robot evaluate --choose` leaves one that is not"
    ):
        network_of_run(path)
