"""Sockets of this machine by their paths, however long these are."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short_address(path: Path | str) -> Iterator[str]:
    """Another name of a socket's path, while it is bound or connected to: the system allows 107 bytes, folders may be
    deeper."""
    path = Path(path)
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket that others can connect to by this path."""
    listener = socket.socket(socket.AF_UNIX, kind)
    with short_address(path) as address:
        listener.bind(address)
    listener.listen()
    return listener


def connect(path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A connection to the socket at this path. Raises ConnectionError if nobody is there."""
    end = socket.socket(socket.AF_UNIX, kind)
    try:
        with short_address(path) as address:
            end.connect(address)
    except OSError as error:
        end.close()
        raise ConnectionError(f"{path}: {error.strerror}: the emulated device is gone") from error
    return end
