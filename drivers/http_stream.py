"""An endless answer over HTTP/1.1 (RFC 9112), plain or in chunks, as an ESP32 and the apps of phones send pictures.

Nothing here waits longer than `TcpPort` does, and an answer that is none ends in words: what the camera said, and what to do.
"""

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from drivers.base import LinkLost
from drivers.tcp_port import TcpPort, host_and_port

HEAD_MAX, LINE_MAX = 1 << 14, 1 << 10
SAID = {
    401: "it asks for a name and a password: http://NAME:PASSWORD@HOST/...",
    403: "it refuses this program: does it serve one viewer only, or others than this machine?",
    404: "it has no such path: look up its stream's in its documents (an ESP32-CAM: :81/stream, IP Webcam: /video)",
    503: "it is busy: close other programs that watch it",
}


@dataclass(frozen=True)
class Place:
    """Where a stream is, of its URL."""

    address: str  # HOST:PORT
    path: str
    authorisation: str  # of RFC 7617; empty for none

    @staticmethod
    def of(url: str) -> "Place":
        """Raises ValueError for a URL that is no http://, or whose host is not in numbers."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"source: found {url!r}, allowed: http://HOST:PORT/PATH")
        try:
            host, port = host_and_port(f"{parts.hostname}:{parts.port or 80}", 80)
        except ValueError as error:
            raise ValueError(
                f"source: found {url!r}, allowed: a host in numbers, such as http://192.168.4.1:81/stream"
            ) from error
        word = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Place(f"{host}:{port}", path, b64encode(word.encode()).decode() if word else "")

    def request(self) -> bytes:
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {self.address}", "Accept: multipart/x-mixed-replace, image/jpeg"]
        lines += [f"Authorization: Basic {self.authorisation}"] if self.authorisation else []
        return "\r\n".join([*lines, "", ""]).encode()


class HttpStream:
    """The body of one answer, as it comes. heard: whether its head has."""

    def __init__(self, url: str) -> None:
        self._place = Place.of(url)
        self._port = TcpPort(self._place.address, 80)
        self._begin()

    def _begin(self) -> None:
        self.heard = False
        self._head = self._waiting = b""
        self._chunked = False
        self._left = 0  # of this chunk

    def open(self) -> None:
        """Connect and ask, without waiting for the answer. Raises LinkLost."""
        self._begin()
        self._port.open()
        self._port.write(self._place.request())

    def reconnect(self) -> bool:
        """Try once to connect and ask again. Raises LinkLost if the connection takes nothing."""
        if not self._port.reconnect():
            return False
        self._begin()
        self._port.write(self._place.request())
        return True

    @property
    def trouble(self) -> str:
        return self._port.trouble

    def read(self) -> bytes:
        """What has arrived of the body. Raises LinkLost: the connection is gone, or what answers is no stream."""
        data = self._port.read()
        if not self.heard:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                if len(head) > HEAD_MAX or (head and not head.startswith(b"HTTP/"[: len(head)])):
                    raise self.give_up("what answers there does not speak HTTP")
                return b""
            self._understand(head)
        return self._dechunked(data) if self._chunked else data

    def _understand(self, head: bytes) -> None:
        status, *lines = head.decode("latin-1").split("\r\n")
        _, _, told = status.partition(" ")
        code = told[:3]
        if code != "200":
            more = SAID.get(int(code), "") if code.isdecimal() else ""
            raise self.give_up(f"it answers {told!r}" + (f": {more}" if more else ""))
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        kind = fields.get("content-type", "")
        if kind.startswith("text/"):
            raise self.give_up(f"it answers with a page ({kind}): the stream has another path")
        self._chunked = "chunked" in fields.get("transfer-encoding", "").lower()
        self.heard = True

    def _dechunked(self, data: bytes) -> bytes:
        """RFC 9112, 7.1."""
        self._waiting += data
        body = b""
        while self._waiting:
            if self._left == 0:
                line, end, rest = self._waiting.lstrip(b"\r\n").partition(b"\r\n")
                if not end:
                    if len(line) > LINE_MAX:
                        raise self.give_up("its chunks have no lengths")
                    break
                try:
                    self._left = int(line.split(b";")[0], 16)
                except ValueError:
                    raise self.give_up(f"its chunks' lengths are none: {line[:20]!r}") from None
                if self._left <= 0:
                    raise self.give_up("it has ended its stream")
                self._waiting = rest
            piece = self._waiting[: self._left]
            body, self._waiting, self._left = body + piece, self._waiting[len(piece) :], self._left - len(piece)
        return body

    def give_up(self, why: str) -> LinkLost:
        """Close a connection that is of no use, and say why."""
        return self._port.give_up(why)

    def close(self) -> None:
        """Never raises."""
        self._port.close()
