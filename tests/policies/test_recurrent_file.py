"""Files of policies with memory: their kind is in the file, and who cannot use it refuses it by name."""

import json
from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count as feed_forward_count
from policies.array_file import read_arrays, write_arrays
from policies.policy_file import EVERY_KIND, load_policy, save_policy, weights_crc
from policies.recurrent_actor import RecurrentActor, RecurrentLayers, initial_weights

LAYERS = RecurrentLayers(22, 16, 16, 4)
WEIGHTS = initial_weights(LAYERS, np.random.default_rng(0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "any.npz"
    save_policy(path, WEIGHTS, LAYERS, "hover", 100.0, trained={"quadrotor": "any"})
    return path


def rewritten(path: Path, metadata: dict | None = None, **arrays: np.ndarray | None) -> Path:
    """The file with other arrays and metadata, and with right checksums."""
    found = read_arrays(path)
    about = json.loads(str(found["metadata"])) | (metadata or {})
    whole = found | {"metadata": np.array(json.dumps(about))} | arrays
    write_arrays(path, {name: array for name, array in whole.items() if array is not None})
    return path


def test_what_was_saved_comes_back(path: Path) -> None:
    policy = load_policy(path, task="hover", kinds=EVERY_KIND)
    assert policy.layers == LAYERS and isinstance(policy.layers, RecurrentLayers)
    assert (policy.kind, policy.inputs, policy.actions) == ("recurrent", 22, 4)
    assert policy.metadata["kind"] == "recurrent" and policy.metadata["action"] == 4
    assert isinstance(policy.actor(), RecurrentActor)
    np.testing.assert_array_equal(policy.weights, WEIGHTS)


def test_who_knows_no_memory_refuses_it_by_name(path: Path) -> None:
    with pytest.raises(ValueError, match=r"any\.npz: kind: found 'recurrent', allowed: feed_forward"):
        load_policy(path)


def test_an_older_reader_finds_no_layers_and_says_what_it_found(path: Path) -> None:
    assert sorted(read_arrays(path)) == ["metadata", "recurrent_layers", "weights"]


def test_a_kind_of_a_later_version_is_refused_by_name(path: Path) -> None:
    with pytest.raises(ValueError, match="kind: found 'transformer', allowed: feed_forward, recurrent"):
        load_policy(rewritten(path, {"kind": "transformer"}), kinds=EVERY_KIND)
    with pytest.raises(ValueError, match=r"kind: found \['recurrent'\], allowed"):
        load_policy(rewritten(path, {"kind": ["recurrent"]}), kinds=EVERY_KIND)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"recurrent_layers": None, "layers": np.array(LAYERS)}, "recurrent_layers: found nothing, but"),
        (
            {"recurrent_layers": np.array([22, 16, 16])},
            r"recurrent_layers: found int64 of shape \(3,\), allowed: int64",
        ),
        ({"recurrent_layers": np.array([22, 16, 16, 5])}, r"weights have shape \(2100,\), recurrent layers .* need"),
        ({"recurrent_layers": np.array([22, 16, -16, 4])}, "1 or more"),
        ({"weights": np.full(2100, 3e38, np.float32)}, "weights: found numbers whose sums reach"),
        ({"weights": WEIGHTS + np.float32(1e-6)}, "field crc32 is"),
        ({"weights": WEIGHTS.astype(np.float64)}, "weights: found float64"),
        ({"recurrent_layers": None}, "no field layers"),
    ],
)
def test_a_foreign_one_is_refused(path: Path, arrays: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load_policy(rewritten(path, **arrays), kinds=EVERY_KIND)


def test_sizes_told_besides_must_be_those_of_the_layers(path: Path) -> None:
    with pytest.raises(ValueError, match="action: found 2, allowed: 4"):
        load_policy(rewritten(path, {"action": 2}), kinds=EVERY_KIND)


def test_layers_of_the_other_kind_are_refused(path: Path) -> None:
    weights = np.zeros(feed_forward_count((22, 16, 16, 4)), np.float32)
    arrays = {"recurrent_layers": None, "layers": np.array((22, 16, 16, 4)), "weights": weights}
    with pytest.raises(ValueError, match="recurrent_layers: found nothing"):
        load_policy(rewritten(path, {"crc32": weights_crc(weights)}, **arrays), kinds=EVERY_KIND)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_found(path: Path, share: float) -> None:
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * share)] ^= 4
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"any\.npz"):
        load_policy(path, kinds=EVERY_KIND)
