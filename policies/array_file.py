"""Named arrays in one file: .npz without pickle, with a CRC-32 over all of it, written beside and renamed."""

import contextlib
import errno
import io
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from sim.input_files import read_bytes

CRC_FIELD = "crc32"
TRIAL_BYTES = 1 << 16  # about what a run without a log leaves
ZIP_MAGIC = b"PK"
# What np.load raises for bytes that are no .npz, or were cut or changed.
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, KeyError, OSError, SyntaxError, TypeError,
              tokenize.TokenError, NotImplementedError, RuntimeError, OverflowError, MemoryError)  # fmt: skip


def checksum(arrays: dict[str, np.ndarray]) -> int:
    """CRC-32 over names, types, shapes and bytes of the arrays, in the order of their names."""
    crc = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), crc)
        crc = zlib.crc32(array.tobytes(), crc)
    return crc


def write_bytes_atomically(path: Path, chunks: list[bytes]) -> None:
    """Write a file so that at any moment it is either the old one or the new one, on the disk.

    Raises OSError, which names the file, if the disk is full, say; then nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error
    try:
        with beside.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise named(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()  # gone, unless writing failed or was interrupted


def try_writing(folder: Path) -> None:
    """Write a nameless file in a folder, made for it if there is none: to find out before long work that its result has
    no place. What was made is gone afterwards.

    Raises OSError, which names the folder.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error
    except OSError as error:
        raise named(error, folder) from error
    finally:  # Ctrl-C included
        for place in made:
            with contextlib.suppress(OSError):  # not made, or somebody has put something into it meanwhile
                place.rmdir()


def named(error: OSError, path: Path) -> OSError:
    """The same error for this file: writing to an open file raises one that names none."""
    return OSError(error.errno, error.strerror, str(path))


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays to `path` (any suffix), with their checksum."""
    write_bytes_atomically(path, [array_bytes(arrays)])


def array_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The arrays as the bytes of a file, with their checksum."""
    whole = io.BytesIO()
    np.savez(whole, allow_pickle=False, **arrays, **{CRC_FIELD: np.uint32(checksum(arrays))})  # type: ignore[arg-type]
    return whole.getvalue()


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file. Raises ValueError, naming the file and what was found, if it is not whole."""
    arrays = arrays_in(path, read_bytes(path))
    if CRC_FIELD not in arrays:
        raise ValueError(f"{path}: no field {CRC_FIELD}, found {sorted(arrays)}")
    crc = arrays.pop(CRC_FIELD)
    if crc.shape != () or crc.dtype.kind != "u":
        raise ValueError(f"{path}: field {CRC_FIELD} is {crc.dtype} of shape {crc.shape}, allowed: one uint32")
    stored, found = int(crc), checksum(arrays)
    if stored != found:
        raise ValueError(f"{path}: field {CRC_FIELD} is {stored:#010x}, the contents have {found:#010x}")
    return arrays


def arrays_in(path: Path, data: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes of a .npz file, without their checksum compared. Raises ValueError as `read_arrays`."""
    if not data.startswith(ZIP_MAGIC):
        kinds = {b"\x93NUMPY": "one array (.npy)", b"": "nothing"}
        found = kinds.get(data[:6], f"{data[:8]!r}")
        raise ValueError(f"{path}: not an array file: begins with {found}, allowed: a .npz file of this project")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except UNREADABLE as error:
        told = "it holds Python objects" if "allow_pickle" in str(error) else str(error)
        raise ValueError(f"{path}: not a whole array file: {told}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{path}: {name} is no array, allowed: a .npz file of this project")
    return arrays
