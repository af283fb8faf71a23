"""The link that asks again: a device made of a socket, which the tests let answer, stay silent or vanish."""

import socket
import time
from collections.abc import Iterator

import cflib.crtp
import pytest
from cflib.crtp.crtpstack import CRTPPacket
from cflib.crtp.exceptions import WrongUriType
from hypothesis import given
from hypothesis import strategies as st

from drivers import crazyflie_link
from drivers.crazyflie_link import RepeatingUdpLink, use_repeating_links

READ_PARAMETER_7 = b"\x2d\x07\x00"
ITS_VALUE = b"\x2d\x07\x00\x00\x2a"
SET_POINT = b"\x7c\x07" + bytes(16)
LOG_DATA = b"\x5e\x01\x00\x00\x00\x2a"


class Bench:
    """A link and the socket at its other end."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.device.bind(("127.0.0.1", 0))
        self.device.settimeout(1.0)
        self.link = RepeatingUdpLink()
        self.link.connect(f"udp://127.0.0.1:{self.device.getsockname()[1]}", None, self.errors.append)

    def ask(self, datagram: bytes) -> None:
        self.link.send_packet(CRTPPacket(datagram[0], datagram[1:]))

    def arrived(self) -> bytes:
        datagram, self.host = self.device.recvfrom(64)
        return datagram

    def answer(self, datagram: bytes) -> None:
        self.device.sendto(datagram, self.host)

    def received(self, wait_s: float = 0.3) -> bytes | None:
        packet = self.link.receive_packet(wait_s)
        return None if packet is None else bytes((packet.header,)) + bytes(packet.data)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.link.close()
    made.device.close()


def test_a_question_goes_out_until_it_is_answered(bench: Bench) -> None:
    bench.ask(READ_PARAMETER_7)
    assert bench.arrived() == READ_PARAMETER_7
    assert bench.received() is None  # meanwhile it asks again
    assert bench.arrived() == READ_PARAMETER_7
    bench.answer(ITS_VALUE)
    assert bench.received() == ITS_VALUE
    repeated = bench.link.repeated
    assert bench.received() is None
    assert bench.link.repeated == repeated >= 1


def test_an_answer_that_comes_twice_is_handed_on_once(bench: Bench) -> None:
    bench.ask(READ_PARAMETER_7)
    bench.arrived()
    bench.answer(ITS_VALUE)
    bench.answer(ITS_VALUE)
    assert bench.received() == ITS_VALUE
    assert bench.received() is None


def test_an_old_confirmation_does_not_confirm_a_new_value(bench: Bench) -> None:
    bench.ask(b"\x2e\x07\x00\x01")
    bench.arrived()
    bench.ask(b"\x2e\x07\x00\x00")
    bench.arrived()
    bench.answer(b"\x2e\x07\x00\x01")
    assert bench.received() == b"\x2e\x07\x00\x01"
    bench.received()
    assert bench.arrived() == b"\x2e\x07\x00\x00"


def test_what_nobody_asked_for_passes(bench: Bench) -> None:
    bench.ask(SET_POINT)
    assert bench.arrived() == SET_POINT
    for unasked in (LOG_DATA, LOG_DATA, b"\x2f\x01\x07\x00\x05"):
        bench.answer(unasked)
        assert bench.received() == unasked


def test_set_points_are_sent_once(bench: Bench) -> None:
    bench.ask(SET_POINT)
    bench.arrived()
    assert bench.received() is None
    bench.device.settimeout(0.1)
    with pytest.raises(TimeoutError):
        bench.arrived()


def test_a_vanished_device_is_an_error_of_the_receiving_side(bench: Bench) -> None:
    bench.device.close()
    for _ in range(3):
        bench.ask(SET_POINT)
    assert bench.errors == []
    assert bench.received() is None
    assert "refused" in bench.errors[0]


def test_a_question_that_stays_open_is_an_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crazyflie_link, "GIVE_UP_S", 0.2)
    bench.ask(READ_PARAMETER_7)
    assert bench.received(1.0) is None
    assert "no answer" in bench.errors[0]


def test_waiting_ends_in_time_and_with_the_link(bench: Bench) -> None:
    began = time.monotonic()
    assert bench.received(0.1) is None
    assert 0.1 <= time.monotonic() - began < 0.4
    bench.link.close()
    assert bench.link.receive_packet(-1) is None


@pytest.mark.parametrize("uri", ["udp://", "udp://127.0.0.1", "radio://0/80", "/dev/no-such-port"])
def test_other_addresses_are_left_to_other_links(uri: str) -> None:
    with pytest.raises(WrongUriType):
        RepeatingUdpLink().connect(uri, None, None)


def test_cflib_takes_it_for_udp_and_knows_it_once() -> None:
    use_repeating_links()
    use_repeating_links()
    assert cflib.crtp.CLASSES[0] is RepeatingUdpLink
    assert cflib.crtp.CLASSES.count(RepeatingUdpLink) == 1


@given(datagrams=st.lists(st.binary(min_size=1, max_size=63), max_size=20))
def test_no_datagram_makes_it_stumble_or_answers_what_was_not_asked(datagrams: list[bytes]) -> None:
    link = RepeatingUdpLink()
    link.send_packet(CRTPPacket(READ_PARAMETER_7[0], READ_PARAMETER_7[1:]))
    for datagram in datagrams:
        link._wanted(datagram)
    answered = any(bytes((datagram[0] & 0xF3,)) + datagram[1:3] == b"\x21\x07\x00" for datagram in datagrams)
    assert link._wanted(ITS_VALUE) is not answered
