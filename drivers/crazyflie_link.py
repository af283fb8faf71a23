"""A link for cflib: CRTP over UDP, on which a question is asked again until it is answered.

One datagram holds one CRTP packet (www.bitcraze.io/documentation/repository/crazyflie-firmware/master/functional-areas/
crtp): a byte with port and channel, then at most 30 bytes. On radio and USB the hardware repeats what was lost. UDP does
not, and cflib's own driver for it sends every question once: one lost datagram, and connecting never ends. It also
reports errors from within cflib's lock for sending, where those who clean up wait for that lock.

Here every question (tables of contents, log blocks, parameters, memories, high-level commands) goes out every AGAIN_S
until an answer repeats its first bytes; second answers are dropped, because cflib would take them for those of later
questions. Set-points and log data pass as they are. Errors are reported by the thread that receives.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlparse

import cflib.crtp
from cflib.crtp.crtpdriver import CRTPDriver
from cflib.crtp.crtpstack import CRTPPacket
from cflib.crtp.exceptions import WrongUriType

AGAIN_S = 0.05
GIVE_UP_S = 5.0  # a device that leaves a question open for so long is gone
WAKE_S = 0.02  # how often the receiving thread looks for questions to repeat, and whether the link was closed

PORT_AND_CHANNEL = 0xF3  # of a packet's first byte; the bits between them mean nothing here
# How many bytes of a question come back in its answer, by port and channel.
REPEATED = {
    (2, 0): 3,  # parameters: table of contents
    (2, 1): 2,  # read
    (2, 2): 30,  # write: all, so that an old answer does not confirm a new value
    (2, 3): 3,  # extended types, and more
    (4, 0): 2,  # memories: what there is
    (4, 1): 5,  # read
    (4, 2): 5,  # write
    (5, 0): 3,  # log: table of contents
    (5, 1): 2,  # blocks
    (8, 0): 3,  # high-level commander
    (13, 1): 1,  # versions
    (15, 1): 0,  # "Bitcraze Crazyflie"
}
VALUE_UPDATED = b"\x23\x01"  # a parameter that changed by itself comes as such an answer without a question
SET_BY_NAME = b"\x23\x00"  # answered in another form, and never waited for


@dataclass
class Question:
    """A packet that awaits its answer. Times are those of `time.monotonic`."""

    datagram: bytes
    again_s: float
    give_up_s: float


def asked(datagram: bytes) -> bytes | None:
    """What the answer to this packet will begin with; None for a packet that has none."""
    repeated = REPEATED.get((datagram[0] >> 4, datagram[0] & 3))
    plain = bytes((datagram[0] & PORT_AND_CHANNEL,)) + datagram[1:]
    if repeated is None or plain.startswith((VALUE_UPDATED, SET_BY_NAME)):
        return None
    return plain[: 1 + repeated]


class RepeatingUdpLink(CRTPDriver):
    """The link of `udp://host:port`."""

    def __init__(self) -> None:
        CRTPDriver.__init__(self)
        self.needs_resending = False  # of cflib, which repeats less than half of what it asks
        self.repeated = 0  # datagrams that were sent again
        self._socket: socket.socket | None = None
        self._on_error: Callable[[str], None] | None = None
        self._refused = ""
        self._open_questions: dict[bytes, Question] = {}
        self._lock = threading.Lock()

    def connect(
        self, uri: str, radio_link_statistics_callback: object, link_error_callback: Callable[[str], None] | None
    ) -> None:
        """Open the link. Raises WrongUriType, by which cflib looks for another driver, and OSError for no such host."""
        place = urlparse(uri)
        if place.scheme != "udp" or place.hostname is None or place.port is None:
            raise WrongUriType(f"{uri}: not udp://host:port")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(WAKE_S)
        self._socket.connect((place.hostname, place.port))
        self._on_error = link_error_callback

    def send_packet(self, pk: CRTPPacket) -> None:
        """Send now; a question, again until it is answered. Never raises: `receive_packet` reports what went wrong."""
        datagram = bytes((pk.header,)) + bytes(pk.data)
        question = asked(datagram)
        if question is not None:
            now = time.monotonic()
            with self._lock:
                self._open_questions[question] = Question(datagram, now + AGAIN_S, now + GIVE_UP_S)
        self._transmit(datagram)

    def receive_packet(self, wait: float = 0) -> CRTPPacket | None:
        """The next packet; None if there is none within `wait` seconds. Below 0: waits for ever."""
        until_s = time.monotonic() + wait
        while self._socket is not None:
            self._ask_again()
            if self._refused and self._on_error is not None:
                trouble, self._refused = self._refused, ""
                self._on_error(trouble)
                return None
            datagram = self._receive()
            if datagram and self._wanted(datagram):
                return CRTPPacket(datagram[0], datagram[1:])
            if wait >= 0.0 and time.monotonic() >= until_s:
                return None
        return None

    def close(self) -> None:
        """Close the link."""
        link, self._socket = self._socket, None
        self._on_error = None
        if link is not None:
            link.close()

    def get_name(self) -> str:
        """What cflib calls this kind of link."""
        return "udp"

    def get_status(self) -> str:
        """For people."""
        return f"{self.repeated} packets sent again"

    def scan_interface(self, address: object = None) -> list[list[str]]:
        """Nothing announces itself on UDP."""
        return []

    def _transmit(self, datagram: bytes) -> None:
        link = self._socket
        if link is None:
            return
        try:
            link.send(datagram)
        except OSError as error:
            self._refused = f"cannot send: {error.strerror or error}"

    def _receive(self) -> bytes:
        link = self._socket
        if link is None:
            return b""
        try:
            return link.recv(64)
        except TimeoutError:
            return b""
        except OSError as error:  # refused by the other end's kernel, or closed by another thread
            if self._socket is not None:
                self._refused = f"cannot receive: {error.strerror or error}"
            return b""

    def _wanted(self, datagram: bytes) -> bool:
        """Whether to hand a packet on: anything but an answer that nobody waits for any more."""
        if asked(datagram) is None:
            return True
        plain = bytes((datagram[0] & PORT_AND_CHANNEL,)) + datagram[1:]
        with self._lock:
            answered = [question for question in self._open_questions if plain.startswith(question)]
            for question in answered:
                del self._open_questions[question]
        return bool(answered)

    def _ask_again(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [question for question in self._open_questions.values() if question.again_s <= now]
            for question in due:
                question.again_s = now + AGAIN_S
                if question.give_up_s <= now:
                    self._refused = f"no answer for {GIVE_UP_S:.0f} s"
        for question in due:
            self.repeated += 1
            self._transmit(question.datagram)


def use_repeating_links() -> None:
    """Let cflib open `udp://` by this link, and everything else as ever."""
    if RepeatingUdpLink not in cflib.crtp.CLASSES:
        cflib.crtp.init_drivers()
        cflib.crtp.CLASSES.insert(0, RepeatingUdpLink)
