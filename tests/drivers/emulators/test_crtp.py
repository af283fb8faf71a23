import numpy as np
import pytest

from drivers.emulators.crtp import FaultyLink, LinkFaults, Packet, Port, decoded


def link(seed: int = 0, **faults: float) -> FaultyLink:
    return FaultyLink(LinkFaults(**faults), np.random.default_rng(seed))


def numbered(count: int) -> list[bytes]:
    return [k.to_bytes(2, "big") for k in range(count)]


def test_the_header_holds_port_channel_and_two_bits_of_the_link():
    assert Packet(Port.LOG, 2, b"\x01").encoded() == b"\x5e\x01"
    assert decoded(b"\x5e\x01") == Packet(5, 2, b"\x01")


def test_packets_longer_than_the_radios_are_no_packets():
    with pytest.raises(ValueError, match="31 bytes, allowed: at most 30"):
        Packet(Port.LOG, 2, bytes(31)).encoded()
    assert decoded(bytes(32)) is None
    assert decoded(b"") is None


def test_a_good_link_delivers_everything_in_order():
    good = link()
    for datagram in numbered(100):
        good.send(datagram, 0.5)
    assert good.arrived(0.4) == []
    assert good.arrived(0.5) == numbered(100)
    assert good.arrived(9.0) == []


def test_a_link_loses_and_doubles_the_share_asked_for():
    bad = link(loss=0.1, duplicate=0.2)
    for datagram in numbered(10_000):
        bad.send(datagram, 0.0)
    out = bad.arrived(0.0)
    assert len(set(out)) == pytest.approx(9000, abs=120)
    assert len(out) - len(set(out)) == pytest.approx(1800, abs=150)


def test_late_datagrams_are_overtaken_but_come():
    slow = link(late=0.5, late_s=0.05)
    for k, datagram in enumerate(numbered(200)):
        slow.send(datagram, 0.001 * k)
    out = slow.arrived(0.3)
    assert sorted(out) == numbered(200)
    assert out != numbered(200)
    assert out.index(numbered(200)[0]) < 60


def test_the_seed_decides_what_is_lost():
    def survivors(seed: int) -> list[bytes]:
        bad = link(seed, loss=0.3)
        for datagram in numbered(100):
            bad.send(datagram, 0.0)
        return bad.arrived(0.0)

    assert survivors(1) == survivors(1) != survivors(2)


def test_nothing_passes_a_cut_link():
    broken = link()
    broken.cut = True
    broken.send(b"x", 0.0)
    broken.cut = False
    assert broken.arrived(1.0) == []
