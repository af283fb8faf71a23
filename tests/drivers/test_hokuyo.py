"""The driver of SCIP 2 lidars against its emulator: over TCP, and in step with a simulated clock."""

import errno
import ipaddress
import socket

import numpy as np
import pytest

from drivers import tcp_port
from drivers.base import LIDAR_POINTS_MAX, LinkLost
from drivers.conformance import Rig, check_driver
from drivers.emulators.lines import SocketLine
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.hokuyo import DEAD_S, Hokuyo, HokuyoSettings
from drivers.scip import STAMP_MS
from drivers.tcp_port import Interface, TcpPort
from tests.drivers.beam_ends import beam_ends

TICK_S = 0.02


class HokuyoBench:
    """One emulated car with this lidar; tcp: behind a port of this machine instead of a path."""

    def __init__(self, directory, tcp=False, noise=1.0, **lidar):
        config = VirtualCarConfig(lidar_model="hokuyo-ust-10lx", noise=noise, lidar=lidar)
        self.emulator = Emulator(config, directory)
        if tcp:
            self.emulator.lidar_pty.unplug()
            self.emulator.lidar_pty = SocketLine(0, self.emulator.lidar.connected)
        self.device, self.world, self.line = self.emulator.lidar, self.emulator.world, self.emulator.lidar_pty
        self.driver = self.make(self.line.name)

    def make(self, port):
        return Hokuyo(HokuyoSettings(port=port), self)

    def now(self):
        return self.emulator.time_s

    def wait(self, duration_s):
        self.emulator.advance(self.emulator.time_s + duration_s)

    def scan(self, duration_s):
        """Read every tick; returns the readings that brought points."""
        readings = []
        for _ in range(round(duration_s / TICK_S)):
            self.wait(TICK_S)
            readings.append(self.driver.read())
        return [reading for reading in readings if len(reading.angle_rad)]


@pytest.fixture
def hokuyo(tmp_path):
    made = []

    def make(**changes):
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(HokuyoBench(directory, **changes))
        return made[-1]

    yield make
    for each in made:
        each.driver.close()
        each.line.unplug()
        each.emulator.vesc_pty.unplug()


def rig(bench):
    faults = bench.emulator.faults
    return Rig(
        make=bench.make, port=bench.line.name, wait=bench.wait, silence=faults["freeze_lidar"],
        garbage=lambda data: faults["garbage"]("lidar", data.hex()), unplug=lambda: faults["unplug"]("lidar"),
        plug=lambda: faults["plug"]("lidar"), start_s=1.5, fresh_s=0.04,
    )  # fmt: skip


@pytest.mark.parametrize("tcp", [False, True])
def test_it_keeps_every_promise_of_a_driver(hokuyo, tcp):
    check_driver(rig(hokuyo(tcp=tcp, stall_rate=0.0)))


def test_its_beams_end_on_the_walls_and_ages_are_those_of_the_beams(hokuyo):
    b = hokuyo(noise=0.0, late_s=0.0, speed_error=0.003)
    b.driver.open()
    b.scan(1.0)
    b.world.moving[3] = 2.0  # rolling at 2 m/s
    error_m, late_m = beam_ends(b, b.driver, 60)
    assert error_m < 0.012 and error_m < 0.6 * late_m


def test_it_looks_270_degrees_around_and_over_some_scans_at_every_step(hokuyo):
    b = hokuyo(stall_rate=0.0)
    b.driver.open()
    readings = b.scan(2.0)
    assert all(len(reading.angle_rad) <= LIDAR_POINTS_MAX for reading in readings)
    steps = {round(np.degrees(angle) / 0.25) for reading in readings for angle in reading.angle_rad}
    assert steps == set(range(-540, 541))
    assert readings[-1].revolution == pytest.approx(40 * 1.9, abs=2)


def test_geometry_and_mounting_are_told_not_known(hokuyo):
    b = hokuyo()
    b.device._parameters = lambda at_s: b.device._fields(
        {"MODL": "X", "DMIN": 20, "DMAX": 30000, "ARES": 1440, "AMIN": 0, "AMAX": 1080, "AFRT": 500, "SCAN": 2400}
    )
    b.driver = Hokuyo(HokuyoSettings(port=b.line.name, mount_yaw_rad=0.2, mirrored=True), b)
    b.driver.open()
    angles = np.concatenate([reading.angle_rad for reading in b.scan(1.0)])
    assert angles.max() == pytest.approx(0.2 + np.radians(125.0), abs=0.01)
    assert angles.min() == pytest.approx(0.2 - np.radians(145.0), abs=0.01)


def test_an_error_number_and_nothing_in_range_are_samples_without_a_return(hokuyo):
    b = hokuyo(drop_out=0.3)
    b.driver.open()
    distances = np.concatenate([reading.distance_m for reading in b.scan(1.0)])
    assert 0.2 < np.mean(distances == 0.0) < 0.45
    assert distances[distances > 0.0].min() >= 0.02
    assert distances.max() < 11.0


def test_cut_and_joined_answers_are_read_whole(hokuyo):
    b = hokuyo(stall_rate=0.5)
    b.driver.open()
    write, held = b.line.write, bytearray()
    rng = np.random.default_rng(1)

    def pieces(data):
        held.extend(data)
        count = int(rng.integers(0, len(held) + 1))
        write(bytes(held[:count]))
        del held[:count]

    b.line.write = pieces
    b.scan(3.0)
    assert b.driver.damaged == 0
    assert b.driver.read().revolution > 60


@pytest.mark.parametrize("rate", [1e-4, 1e-3])
def test_damaged_and_lost_bytes_cost_scans_and_make_up_none(hokuyo, rate):
    b = hokuyo(noise=0.0)
    b.driver.open()
    whole = np.concatenate([reading.distance_m for reading in b.scan(1.0)])
    b.emulator.faults["corrupt"]("lidar", rate)
    b.emulator.faults["drop"]("lidar", rate)
    damaged = [reading.distance_m for reading in b.scan(4.0)]
    assert b.driver.damaged > 0
    assert damaged or rate > 5e-4
    for distances in damaged:
        assert not set(np.round(distances, 3)) - set(np.round(whole, 3)) or np.abs(distances.max() - whole.max()) < 9.0


def test_it_comes_back_when_its_power_was_gone_for_a_moment(hokuyo):
    b = hokuyo(boot_s=2.0, steady_s=1.0)
    b.wait(3.5)
    b.driver.open()
    assert b.scan(1.0)
    b.emulator.faults["power_cycle_lidar"]()
    seen, lost = set(), 0
    for _ in range(400):
        b.wait(TICK_S)
        try:
            reading = b.driver.read()
        except LinkLost:
            lost += 1
            b.driver.reconnect()
        seen.add(b.driver.trouble().partition(": ")[2][:40])
    assert reading.scan_age_s < 0.05
    assert b.driver.trouble() == ""
    assert any("starting up" in text or "no scans" in text or "no answer" in text for text in seen)


def test_a_connection_on_which_nothing_comes_is_made_anew(hokuyo):
    b = hokuyo()
    b.driver.open()
    b.scan(1.0)
    b.emulator.faults["freeze_lidar"](True)
    with pytest.raises(LinkLost, match="nothing has come"):
        b.scan(DEAD_S + 1.0)
    b.emulator.faults["freeze_lidar"](False)
    assert b.driver.reconnect()
    assert b.scan(1.0)


def test_a_motor_that_is_not_steady_is_waited_for(hokuyo):
    b = hokuyo(steady_s=2.0)
    b.driver.open()
    assert b.scan(1.5) == []
    assert "still starting up" in b.driver.trouble()
    assert b.scan(2.5)
    assert b.driver.trouble() == ""


@pytest.mark.parametrize("when", ["before", "while it measures"])
def test_a_failing_laser_is_named(hokuyo, when):
    b = hokuyo()
    if when == "before":
        b.emulator.faults["lidar_health"](2)
    b.driver.open()
    b.scan(1.0)
    b.emulator.faults["lidar_health"](2)
    b.scan(1.0)
    assert "laser" in b.driver.trouble()
    assert "203 laser error" in b.driver.trouble()
    assert b.driver.read().scan_age_s > 0.9
    b.emulator.faults["lidar_health"](0)
    assert b.scan(2.0)
    assert b.driver.trouble() == ""


def test_a_second_program_is_hung_up_on_and_told_why(hokuyo):
    b = hokuyo(tcp=True)
    b.driver.open()
    b.scan(0.5)
    second = b.make(b.line.name)
    second.open()
    b.wait(TICK_S)
    b.driver.read()
    with pytest.raises(LinkLost, match="another program is connected"):
        second.read()
    assert b.scan(0.5)


def test_scans_that_another_program_left_running_do_not_confuse_the_start(hokuyo):
    b = hokuyo(tcp=True)
    first = b.make(b.line.name)
    first.open()
    for _ in range(30):
        b.wait(TICK_S)
        first.read()
    first.close()  # without a word
    b.driver.open()
    assert b.scan(1.0)


def test_stopped_it_switches_the_laser_off(hokuyo):
    b = hokuyo()
    b.driver.open()
    b.scan(0.5)
    b.driver.stop()
    b.wait(0.2)
    b.driver.read()
    assert not b.device._laser
    assert b.scan(0.5) == []
    assert b.driver.reconnect()
    assert b.scan(0.8)


@pytest.mark.parametrize("clock_ms", [0, STAMP_MS - 900])
def test_the_time_stamp_may_begin_again(hokuyo, clock_ms):
    b = hokuyo(clock_ms=clock_ms, stall_rate=0.0)
    b.driver.open()
    b.scan(0.6)
    ages = [reading.scan_age_s for reading in b.scan(1.5)]
    assert max(ages) < 0.03


def test_a_late_scan_is_known_to_be_late(hokuyo):
    b = hokuyo(stall_rate=0.0)
    b.driver.open()
    b.scan(1.0)
    b.wait(0.14)
    late = b.driver.read()
    assert late.scan_age_s < 0.03
    assert len(late.angle_rad) <= LIDAR_POINTS_MAX
    assert late.age_s.max() < 0.08  # of the backlog, two scans


def test_an_independent_client_reads_the_same_lidar(hokuyo):
    """hokuyolx, a client written by others for UST-10LX."""
    hokuyolx = pytest.importorskip("hokuyolx")
    import threading

    b = hokuyo(tcp=True, noise=0.0, stall_rate=0.0)
    ended = threading.Event()

    def run():
        while not ended.wait(0.02):  # slowly: this client cannot read two answers that come together
            b.wait(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        host, port = b.line.name.split(":")
        client = hokuyolx.HokuyoLX(addr=(host, int(port)), tsync=False, convert_time=False)
        assert (client.model, client.ares, client.amin, client.amax, client.aforw) == ("UST-10LX", 1440, 0, 1080, 540)
        assert client.laser_state()[0] == 3
        stamp, single = client.get_dist()
        scans, stamps, left = zip(*client.iter_dist(scans=3), strict=True)
        assert client.activate()[0] == 2
        client.standby()
        client.reset()
        client.close()
    finally:
        ended.set()
        thread.join()
    assert np.diff([stamp, *stamps]).min() >= 24
    angles, seen = client.get_angles(), single[single < 30000]
    assert len(single) == len(angles) == 1081
    b.driver.open()
    for _ in range(60):
        b.wait(TICK_S)
        own = b.driver.read()
    while not len(own.angle_rad):
        b.wait(TICK_S)
        own = b.driver.read()
    at = np.rint(np.degrees(own.angle_rad) / 0.25).astype(int) + 540
    both = (own.distance_m > 0) & (single[at] < 30000) & (single[at] > 20)
    assert both.mean() > 0.6  # the rest looks farther than it sees
    assert np.abs(own.distance_m - 0.001 * single[at])[both].max() < 0.002  # the car stands, and there is no noise
    assert len(seen) > 600
    assert left in ((2, 1, 0), (1, 0))  # it loses the one that comes together with the answer
    assert len(scans) == len(left)


# Where it is not


def test_a_wrong_address_is_refused_by_name():
    for wrong in ("lidar", "192.168.0", "192.168.0.10:x", "192.168.0.10:0", "300.1.1.1"):
        with pytest.raises(ValueError, match="port: found"):
            HokuyoSettings(port=wrong)
    assert TcpPort("192.168.0.10", 10940)._place == ("192.168.0.10", 10940)


@pytest.fixture
def networks(monkeypatch):
    def have(*ports):
        found = [Interface(name, ipaddress.IPv4Interface(network) if network else None) for name, network in ports]
        monkeypatch.setattr(tcp_port, "interfaces", lambda: found)

    return have


def test_another_network_is_named_with_the_remedy(networks):
    networks(("wlan0", "10.1.2.3/24"), ("eth0", ""))
    text = tcp_port.why_not("192.168.0.10", 10940, errno.ETIMEDOUT)
    assert "no address in its network (found wlan0 10.1.2.3/24, eth0 without an address)" in text
    assert "sudo ip addr add 192.168.0.15/24 dev eth0" in text


def test_the_same_network_points_at_cable_and_power(networks):
    networks(("eth0", "192.168.0.15/24"))
    text = tcp_port.why_not("192.168.0.10", 10940, errno.EHOSTUNREACH)
    assert "power" in text
    assert "ip addr" not in text


def test_who_refuses_may_still_be_starting():
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        port = TcpPort(f"127.0.0.1:{end.getsockname()[1]}", 10940)
        with pytest.raises(LinkLost, match="still starting up"):
            port.open()
        assert not port.reconnect()


def test_the_networks_of_this_machine_are_found():
    assert all(isinstance(port.name, str) and port.name != "lo" for port in tcp_port.interfaces())
    assert tcp_port.another_network("127.0.0.1") == ""
