"""Named arrays in one file: .npz without pickle, with a CRC-32 over all of it, written beside and renamed."""

import io
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

CRC_FIELD = "crc32"


def checksum(arrays: dict[str, np.ndarray]) -> int:
    """CRC-32 over names, types, shapes and bytes of the arrays, in the order of their names."""
    crc = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), crc)
        crc = zlib.crc32(array.tobytes(), crc)
    return crc


def write_bytes_atomically(path: Path, chunks: list[bytes]) -> None:
    """Write a file so that at any moment it is either the old one or the new one, on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays to `path` (any suffix), with their checksum."""
    whole = io.BytesIO()
    np.savez(whole, allow_pickle=False, **arrays, **{CRC_FIELD: np.uint32(checksum(arrays))})  # type: ignore[arg-type]
    write_bytes_atomically(path, [whole.getvalue()])


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file. Raises ValueError, naming the file and what was found, if it is not whole."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise ValueError(f"{path}: not a whole array file: {error}") from error
    if CRC_FIELD not in arrays:
        raise ValueError(f"{path}: no field {CRC_FIELD}, found {sorted(arrays)}")
    stored = int(arrays.pop(CRC_FIELD))
    found = checksum(arrays)
    if stored != found:
        raise ValueError(f"{path}: field {CRC_FIELD} is {stored:#010x}, the contents have {found:#010x}")
    return arrays
