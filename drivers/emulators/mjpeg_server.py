"""A camera on the network as an ESP32-CAM and the apps of phones are: JPEGs in a multipart/x-mixed-replace answer over HTTP.

Written from RFC 2046 and RFC 9112, from the example `CameraWebServer` of Espressif's Arduino core (chunks, a boundary of digits,
X-Timestamp, :81/stream, one viewer) and from what IP Webcam and mjpg-streamer send (no chunks, lengths or none, a boundary that
is declared with its dashes, or not at all).
"""

import socket
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field

import cv2

from drivers.emulators.image_sensor import ImageSensor

BOUNDARY = "123456789000000000000987654321"
SEND_BUFFER = 1 << 17  # a Wi-Fi module has less: what finds no room is not sent


@dataclass
class HttpVices:
    """status: other than 200 refuses. boundary: as it is declared; the parts have BOUNDARY's. password: NAME:PASSWORD that is
    asked for. quality: of the JPEGs."""

    status: str = "200 OK"
    content_type: str = f"multipart/x-mixed-replace;boundary={BOUNDARY}"
    boundaries: bool = True
    lengths: bool = True
    chunked: bool = True
    stamps: bool = True
    password: str = ""
    viewers: int = 1
    quality: int = 80


@dataclass
class Viewer:
    """A connection. asked: what it has sent; watching: it was answered 200."""

    end: socket.socket
    asked: bytes = b""
    watching: bool = False


@dataclass
class MjpegServer:
    """Serves on this machine's own address; `advance` moves its time, and does all its work."""

    sensor: ImageSensor
    http: HttpVices = field(default_factory=HttpVices)
    port: int = 0

    def __post_init__(self) -> None:
        self._listener: socket.socket | None = None
        self._viewers: list[Viewer] = []
        self.plug()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    def plug(self) -> None:
        """Power and Wi-Fi are there."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def unplug(self) -> None:
        """It is gone, and its connections with it."""
        self.hang_up()
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def hang_up(self) -> None:
        """Drop every connection."""
        for viewer in self._viewers:
            viewer.end.close()
        self._viewers = []

    def advance(self, time_s: float) -> None:
        """Answer who asks, and send what the camera has taken by now."""
        self._accept()
        for viewer in list(self._viewers):
            self._listen(viewer)
        for viewer in list(self._viewers):
            if not viewer.watching and b"\r\n\r\n" in viewer.asked:
                self._answer(viewer)
        for shot in self.sensor.shots(time_s):
            jpeg = cv2.imencode(".jpg", shot.frame, (cv2.IMWRITE_JPEG_QUALITY, self.http.quality))[1].tobytes()
            self.send_part(jpeg[: len(jpeg) // 2] if shot.torn else jpeg, shot.taken_s)

    def send_part(self, data: bytes, taken_s: float) -> None:
        """One part of the stream."""
        http = self.http
        head = f"\r\n--{BOUNDARY}\r\n" if http.boundaries else ""
        head += "Content-Type: image/jpeg\r\n"
        head += f"Content-Length: {len(data)}\r\n" if http.lengths else ""
        head += f"X-Timestamp: {int(taken_s)}.{int(1e6 * (taken_s % 1.0)):06d}\r\n" if http.stamps else ""
        self.say(f"{head}\r\n".encode())
        self.say(data)

    def say(self, data: bytes) -> None:
        """Send something to all that watch."""
        framed = f"{len(data):x}\r\n".encode() + data + b"\r\n" if self.http.chunked else data
        for viewer in [each for each in self._viewers if each.watching]:
            self._send(viewer, framed)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while self._listener is not None:
                end, _ = self._listener.accept()
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
                self._viewers.append(Viewer(end))

    def _listen(self, viewer: Viewer) -> None:
        """Take in what it asks, or that it has gone."""
        try:
            data = viewer.end.recv(1 << 12)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        viewer.asked += data
        if not data:
            self._drop(viewer)

    def _answer(self, viewer: Viewer) -> None:
        http, status = self.http, self.http.status
        if http.password and b"Basic " + b64encode(http.password.encode()) not in viewer.asked:
            status = "401 Unauthorized"
        elif sum(each.watching for each in self._viewers) >= http.viewers:
            status = "503 Service Unavailable"
        if status != "200 OK":
            self._send(viewer, f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            self._drop(viewer)
            return
        encoding = "Transfer-Encoding: chunked\r\n" if http.chunked else ""
        self._send(viewer, f"HTTP/1.1 200 OK\r\nContent-Type: {http.content_type}\r\n{encoding}\r\n".encode())
        viewer.watching = True

    def _send(self, viewer: Viewer, data: bytes) -> None:
        sent = 0
        with suppress(OSError):
            sent = viewer.end.send(data)
        if sent < len(
            data
        ):  # it has gone, or does not keep up; half a part is sent: what follows would not be understood
            self._drop(viewer)

    def _drop(self, viewer: Viewer) -> None:
        viewer.end.close()
        self._viewers = [each for each in self._viewers if each is not viewer]
