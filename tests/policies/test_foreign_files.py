"""Files of others, and of ours that were cut or changed: one line that names the file and the field, never a traceback."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.actor import weight_count
from policies.array_file import read_arrays, write_arrays, write_bytes_atomically
from policies.policy_file import load_policy, save_policy, weights_crc

LAYERS = (5, 8, 8, 4)
WEIGHTS = np.linspace(-1.0, 1.0, weight_count(LAYERS), dtype=np.float32)


def write(path: Path, metadata: object = None, weights: np.ndarray = WEIGHTS, layers: object = LAYERS) -> Path:
    """A policy file with something wrong in it, but with right checksums."""
    usual = {"task": "race_track", "rate_hz": 10.0, "crc32": weights_crc(weights)}
    if isinstance(metadata, dict):
        metadata = {name: value for name, value in (usual | metadata).items() if value != "absent"}
    text = metadata if isinstance(metadata, str) else json.dumps(usual if metadata is None else metadata)
    write_arrays(path, {"weights": weights, "layers": np.array(layers), "metadata": np.array(text)})
    return path


def test_the_file_is_right_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path / "a.npz")).metadata["rate_hz"] == 10.0


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"task": "absent"}, "task: found nothing, allowed: text"),
        ({"task": 5}, "task: found 5, allowed: text"),
        ({"rate_hz": "absent"}, "rate_hz: found nothing, allowed: a number"),
        ({"rate_hz": "fast"}, "rate_hz: found 'fast', allowed: a number"),
        ({"rate_hz": float("nan")}, "rate_hz: found nan, allowed: a finite number"),
        ({"rate_hz": 0}, "rate_hz: found 0, allowed: more than 0"),
        ({"crc32": None}, "crc32: found None, allowed: a whole number"),
        ({"crc32": 1}, "field crc32 is 1, the weights have"),
        ({"observation": 6}, "observation: found 6, allowed: 5"),
        ({"action": [2]}, r"action: found \[2\], allowed: 2"),
        ({"trained": ["crazyflie"]}, r"trained: found \['crazyflie'\], allowed: a table"),
        ({"median_lap_s": "7"}, "median_lap_s: found '7', allowed: a number"),
        ([1], r"metadata: found \[1\], allowed: a JSON object"),
        ("{", "metadata: not JSON"),
        ("[" * 100_000, "metadata: not JSON"),
    ],
)
def test_metadata(tmp_path: Path, metadata: object, told: str) -> None:
    with pytest.raises(ValueError, match=r"a\.npz: " + told):
        load_policy(write(tmp_path / "a.npz", metadata))


@pytest.mark.parametrize(
    ("weights", "layers", "told"),
    [
        (WEIGHTS.astype(np.float64), LAYERS, r"weights: found float64 of shape \(\d+,\), allowed: float32 \(n,\)"),
        (WEIGHTS[None], LAYERS, r"weights: found float32 of shape \(1, \d+\)"),
        (WEIGHTS[:-1], LAYERS, r"weights have shape"),
        (np.full_like(WEIGHTS, np.nan), LAYERS, "weights are not all finite"),
        (WEIGHTS, (5, 8, 4), r"layers: found int64 of shape \(3,\), allowed: int64 \(4,\)"),
        (WEIGHTS, (5.0, 8.0, 8.0, 4.0), "layers: found float64"),
        (WEIGHTS, (5, 8, 9, 4), r"layers \(5, 8, 9, 4\): need"),
        (WEIGHTS, (5, 1 << 40, 1 << 40, 4), "weights have shape"),
        (WEIGHTS, (-5, 8, 8, 4), "layers"),
    ],
)
def test_arrays(tmp_path: Path, weights: np.ndarray, layers: object, told: str) -> None:
    with pytest.raises(ValueError, match=r"a\.npz: " + told):
        load_policy(write(tmp_path / "a.npz", None, weights, layers))


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def pickled() -> bytes:
    out = io.BytesIO()
    np.savez(out, weights=np.array([{"a": 1}], object))
    return out.getvalue()


def one_array() -> bytes:
    out = io.BytesIO()
    np.save(out, WEIGHTS)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "begins with nothing, allowed: a .npz file of this project"),
        (b"\x08\x0b\x12\x07pytorch", "not an array file: begins with"),
        (one_array(), r"begins with one array \(\.npy\)"),
        (pickled(), "it holds Python objects"),
        (zipped("readme.txt", b"hello"), "readme.txt is no array|not a whole array file"),
        (zipped("weights.npy", b"\x93NUMPY\x01\x00\x08\x00{'descr'"), "not a whole array file"),
    ],
)
def test_files_of_other_kinds(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.npz: .*" + told) as refused:
        load_policy(tmp_path / "a.npz")
    assert "pickle" not in str(refused.value)


def test_a_folder_and_nothing_at_all(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.npz"):
        with pytest.raises(ValueError, match="no such policy file"):
            load_policy(path)
        with pytest.raises(ValueError, match="allowed: a file that can be read"):
            read_arrays(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_bytes_ends_otherwise_than_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.npz"
    save_policy(path, WEIGHTS, LAYERS, "race_track", 10.0)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(whole)
    try:
        np.testing.assert_array_equal(load_policy(path).weights, WEIGHTS)
    except ValueError as error:
        assert str(path) in str(error)


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    write_bytes_atomically(tmp_path / "kept", [b"before"])
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/kept'"):
        write_bytes_atomically(tmp_path / "kept", [b"after"])
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


def test_ctrl_c_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes_atomically(tmp_path / "new", [b"after"])
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "file").touch()
    for path, told in ((tmp_path / "out", "Is a directory"), (tmp_path / "file" / "out", "exists|Not a directory")):
        with pytest.raises(OSError, match=told):
            write_bytes_atomically(path, [b"data"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]
