"""Policy files: they keep what was saved, and a damaged or foreign one is refused with a line that says why."""

import json

import numpy as np
import pytest

from policies.actor import actor_layers, initial_weights, weight_views
from policies.array_file import write_arrays
from policies.policy_file import load_policy, save_policy, weights_crc

LAYERS = actor_layers(50, 2)
WEIGHTS = initial_weights(LAYERS, np.random.default_rng(0))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "race_track.npz"
    save_policy(path, WEIGHTS, LAYERS, "race_track", 10.0, ratio=1.02, made_by="train")
    return path


def test_what_was_saved_comes_back(path):
    policy = load_policy(path, task="race_track", observation_size=50)
    np.testing.assert_array_equal(policy.weights, WEIGHTS)
    assert policy.layers == LAYERS
    assert policy.metadata == {
        "task": "race_track", "observation": 50, "action": 2, "rate_hz": 10.0, "crc32": weights_crc(WEIGHTS),
        "ratio": 1.02, "made_by": "train",
    }  # fmt: skip
    action, memory = policy.actor().step(np.zeros(50, np.float32), np.zeros(0, np.float32))
    assert action.shape == (2,) and memory.shape == (0,)


def test_the_same_policy_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.npz"
    save_policy(again, WEIGHTS, LAYERS, "race_track", 10.0, ratio=1.02, made_by="train")
    assert again.read_bytes() == path.read_bytes()


def test_no_other_file_is_left_beside_it(path):
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_found(path, share):
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * share)] ^= 4
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"race_track\.npz"):
        load_policy(path)


def test_a_truncated_file_is_found(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"race_track\.npz"):
        load_policy(path)


def test_changed_weights_are_found_even_in_a_well_formed_file(path):
    metadata = load_policy(path).metadata
    changed = WEIGHTS.copy()
    changed[7] += 1e-6
    arrays = {"weights": changed, "layers": np.array(LAYERS), "metadata": np.array(json.dumps(metadata))}
    write_arrays(path, arrays)
    with pytest.raises(ValueError, match="crc32"):
        load_policy(path)


def test_another_task_or_observation_is_refused(path):
    with pytest.raises(ValueError, match="task is 'race_track', wanted 'hover'"):
        load_policy(path, task="hover")
    with pytest.raises(ValueError, match="sees 50 numbers, the task gives 20"):
        load_policy(path, observation_size=20)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such policy file"):
        load_policy(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.npz"):
        load_policy(tmp_path / "text.npz")
    write_arrays(tmp_path / "other.npz", {"a": np.zeros(3)})
    with pytest.raises(ValueError, match="not a policy file"):
        load_policy(tmp_path / "other.npz")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="finite"):
        save_policy(tmp_path / "bad.npz", np.full_like(WEIGHTS, np.nan), LAYERS, "race_track", 10.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_finite_weights_whose_sums_are_not_are_refused(path, layer):
    huge = WEIGHTS.copy()
    matrix, _ = weight_views(huge, LAYERS)[layer]
    matrix[: len(matrix) // 2], matrix[len(matrix) // 2 :] = 3e38, -3e38
    save_policy(path, huge, LAYERS, "race_track", 10.0)
    with pytest.raises(ValueError, match=r"weights: found numbers whose sums reach .*, allowed: sums below 3.4e\+38"):
        load_policy(path)
