"""The process, by the unmodified cflib over UDP, in real time."""

import itertools
import json
import logging
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cflib.crtp
import pytest
from cflib.crazyflie import Crazyflie
from cflib.crazyflie.log import LogConfig
from cflib.crazyflie.syncCrazyflie import SyncCrazyflie
from cflib.crtp.udpdriver import UdpDriver

from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, VirtualCrazyflieConfig, start_virtual_crazyflie

logging.getLogger("cflib").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def drone() -> Iterator[VirtualCrazyflie]:
    """One that all tests share which leave it on the ground."""
    with start_virtual_crazyflie() as running:
        yield running


@pytest.fixture(autouse=True)
def plain_cflib(monkeypatch: pytest.MonkeyPatch) -> None:
    """cflib's own drivers and nothing else."""
    monkeypatch.setattr(cflib.crtp, "CLASSES", [UdpDriver])


def until(reached: Callable[[], bool], limit_s: float = 3.0) -> None:
    end_s = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end_s, f"not reached within {limit_s} s"
        time.sleep(0.01)


def raw(uri: str) -> socket.socket:
    """A socket that speaks to the drone without cflib."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.connect(("127.0.0.1", int(uri.rsplit(":", 1)[1])))
    end.settimeout(1.0)
    return end


def test_cflib_downloads_tables_and_parameters(drone: VirtualCrazyflie):
    with SyncCrazyflie(drone.uri, cf=Crazyflie()) as link:
        link.wait_for_params()
        cf = link.cf
        assert cf.platform.get_protocol_version() == 12
        assert {"stateEstimate", "gyro", "pm", "supervisor", "motor"} <= set(cf.log.toc.toc)
        assert float(cf.param.get_value("pid_rate.roll_kp")) == 250.0
        assert cf.param.toc.get_element("pid_rate", "roll_kp").is_persistent()
        cf.param.set_value("pid_rate.roll_kp", 240.5)
        until(lambda: float(cf.param.get_value("pid_rate.roll_kp")) == 240.5)
        with pytest.raises(AttributeError, match="read-only"):
            cf.param.set_value("deck.bcLighthouse4", 0)


def test_cflib_streams_log_blocks_at_their_period(drone: VirtualCrazyflie):
    with SyncCrazyflie(drone.uri, cf=Crazyflie()) as link:
        block = LogConfig("test", period_in_ms=20)
        for name in ("stateEstimate.x", "stateEstimate.qw", "acc.z", "supervisor.info"):
            block.add_variable(name)
        block.add_variable("pm.vbat", "FP16")
        seen: list[tuple[int, dict]] = []
        block.data_received_cb.add_callback(lambda at_ms, values, _: seen.append((at_ms, values)))
        link.cf.log.add_config(block)
        block.start()
        until(lambda: len(seen) >= 30)
        block.stop()
        times_ms = [at_ms for at_ms, _ in seen]
        assert {b - a for a, b in itertools.pairwise(times_ms)} == {20}
        values = seen[-1][1]
        assert values["acc.z"] == pytest.approx(1.0, abs=0.1)
        assert values["pm.vbat"] == pytest.approx(4.0, abs=0.2)
        assert values["supervisor.info"] & 1


def test_cflib_flies_it_and_the_console_tells():
    words: list[str] = []
    with start_virtual_crazyflie(VirtualCrazyflieConfig(start=(0.5, 0.0, 0.0))) as drone:
        cf = Crazyflie()
        cf.console.receivedChar.add_callback(words.append)
        with SyncCrazyflie(drone.uri, cf=cf):
            cf.supervisor.send_arming_request(True)
            until(lambda: cf.supervisor.is_armed)
            cf.high_level_commander.takeoff(0.6, 1.2)
            until(lambda: drone.truth().z > 0.5)
            for _ in range(75):
                cf.commander.send_position_setpoint(0.8, 0.2, 0.6, 0.0)
                time.sleep(0.02)
            truth = drone.truth()
            assert (truth.x, truth.y, truth.z) == pytest.approx((0.8, 0.2, 0.6), abs=0.15)
            assert truth.state == "FLYING"
            cf.supervisor.send_emergency_stop()
            until(lambda: drone.truth().state == "LOCKED")
            until(lambda: drone.truth().z == 0.0)
            assert "Is locked" in cf.supervisor.read_state_list()
    assert "up and running" in "".join(words)


def test_a_cut_link_mid_flight_levels_it_and_stops_its_motors():
    with start_virtual_crazyflie() as drone:
        cf = Crazyflie()
        with SyncCrazyflie(drone.uri, cf=cf):
            cf.supervisor.send_arming_request(True)
            until(lambda: cf.supervisor.is_armed)
            until_s = time.monotonic() + 1.5
            while time.monotonic() < until_s:
                cf.commander.send_hover_setpoint(0.3, 0.0, 0.0, 0.8)
                time.sleep(0.02)
            before = drone.truth()
            drone.fault("cut_link", on=True)
            until(lambda: drone.truth().state == "LEVEL_OUT")
            assert 0.48 < drone.truth().time_s - before.time_s < 0.8
            until(lambda: drone.truth().state == "LOCKED")
            after = drone.truth()
            assert 1.98 < after.time_s - before.time_s < 2.4
            assert after.force == 0.0


def test_datagrams_are_lost_as_asked_for():
    with start_virtual_crazyflie(VirtualCrazyflieConfig(loss=0.1, seed=3)) as drone, raw(drone.uri) as end:
        end.settimeout(0.01)
        echoes = set()
        for k in range(500):
            end.send(b"\xf0" + struct.pack("<H", k))
            with suppress(TimeoutError):
                while k % 20 == 19 and (answer := end.recv(64)):
                    echoes |= {answer} if answer[0] & 0xF3 == 0xF0 else set()
        assert len(echoes) == pytest.approx(500 * 0.9**2, abs=45)
        drone.fault("link", loss=0.0)
        end.send(b"\xf0again")
        time.sleep(0.1)
        assert end.recv(64)[1:] == b"again"


def test_it_can_be_moved_and_pushed_and_says_what_cannot_be_done(drone: VirtualCrazyflie):
    drone.fault("put", x=1.0, y=-1.0, z=0.0, yaw=0.5)
    truth = drone.truth()
    assert (truth.x, truth.y, truth.z) == pytest.approx((1.0, -1.0, 0.0), abs=1e-5)  # the air moves
    drone.fault("push", x=0.0, y=0.0, z=0.5)
    until(lambda: drone.truth().z > 0.05)
    drone.fault("push", x=0.0, y=0.0, z=0.0)
    until(lambda: drone.truth().z == 0.0)
    with pytest.raises(ValueError, match="do: found 'dance', allowed: truth, put"):
        drone.fault("dance")
    with pytest.raises(ValueError, match="unexpected keyword argument 'w'"):
        drone.fault("put", x=0, y=0, z=0, w=1)


def test_its_clock_is_real_time(drone: VirtualCrazyflie):
    before_s, before = time.monotonic(), drone.truth()
    time.sleep(0.5)
    after = drone.truth()
    elapsed_s = time.monotonic() - before_s - (after.slipped_s - before.slipped_s)
    assert after.time_s - before.time_s == pytest.approx(elapsed_s, abs=0.08)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (VirtualCrazyflieConfig(quadrotor="albatross"), "quadrotor: found 'albatross', allowed: crazyflie_2_0"),
        (VirtualCrazyflieConfig(loss=2.0), "loss: found 2.0, allowed: 0 to 1"),
        (VirtualCrazyflieConfig(factors={"colour": 1.0}), "factors: .*colour"),
        (VirtualCrazyflieConfig(app="/nowhere/app.so"), "app: .*nowhere"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(config: VirtualCrazyflieConfig, words: str):
    with pytest.raises(ValueError, match=words):
        start_virtual_crazyflie(config)


def test_an_unknown_field_in_a_configuration_file_is_named(tmp_path: Path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"weight": 1}))
    ended = subprocess.run(
        [sys.executable, "-m", "drivers.emulators.crazyflie", "--config", str(file)], capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "unknown field `weight`" in ended.stderr
