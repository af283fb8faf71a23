"""An I2C bus as a Unix socket, for `drivers/i2c_bus.py`: a transfer is answered while its sender waits, as on a real one."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from drivers.unix_socket import listen

TIMEOUT_S = 0.01  # that a stuck bus costs its user
MESSAGE_MAX = 256


class I2CLine:
    """A bus at a path. transfer: address, data, bytes to read -> bytes read; raises OSError as Linux does.

    lock: is held while a transfer is under way.
    """

    def __init__(self, path: Path, transfer: Callable[[int, bytes, int], bytes], lock: threading.Lock) -> None:
        self.name = str(path)
        self._path, self._transfer, self._lock = path, transfer, lock
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self.plug()

    def plug(self) -> None:
        """The bus appears: an adapter on USB is plugged in."""
        if self._listener is None:
            self._listener = listen(self._path, socket.SOCK_SEQPACKET)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def unplug(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._path.unlink()
        for end in (listener, *self._ends):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # its other side has gone
                continue
            finally:
                end.close()
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            self._ends.append(end)
            threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        with end:
            try:
                while message := end.recv(MESSAGE_MAX):
                    end.sendall(self._answer(message))
            except OSError:
                return

    def _answer(self, message: bytes) -> bytes:
        try:
            with self._lock:
                return b"\0" + self._transfer(message[0], message[2:], message[1])
        except OSError as error:
            if isinstance(error, TimeoutError):
                time.sleep(TIMEOUT_S)
            return bytes([error.errno or 0])

    def read(self) -> bytes:
        """Nothing comes but transfers."""
        return b""

    def write(self, data: bytes) -> None:
        """A bus speaks when it is asked."""

    def flush(self) -> None:
        """Nothing waits on a bus."""

    def baud(self) -> int:
        return 0
