"""`robot flash`, as a person calls it."""

import hashlib
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.emulators.crazyflie_bootloader import Bootloader, Server
from drivers.emulators.crtp import LinkFaults
from firmware_export.firmware_image import FLASH_START, MARK, RECORD
from policies.actor import weight_count
from policies.policy_file import save_policy
from robot.cli.flash import main
from robot.tasks.race_track import task as race_track
from tests.firmware_export.toolchain import needs_arm_gcc

ROBOT = [sys.executable, "-c", "from robot.cli import main; main()"]


def image(pages: int) -> bytes:
    """A whole image, for all that its checks can see."""
    handler = FLASH_START + 0x101
    table = struct.pack("<16I", 0x20020000, *[handler] * 15)
    end = FLASH_START + pages * 1024
    record = RECORD.pack(MARK, end, 0, 0x20000000, 0, 0x20000000, 0, b"0" * 64)
    return (table + record + np.random.default_rng(0).bytes(pages * 1024))[: pages * 1024]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with an untrained policy that hovers."""
    layers = (18 + 16, 8, 8, 8)
    weights = np.random.default_rng(0).normal(0.0, 0.3, weight_count(layers)).astype(np.float32)
    save_policy(tmp_path / "run" / "policy.npz", weights, layers, "hover", 100.0)
    return tmp_path / "run"


@pytest.fixture
def device() -> Iterator[Server]:
    server = Server(Bootloader(), LinkFaults())
    ended = threading.Event()
    thread = threading.Thread(target=server.serve, args=(ended,))
    thread.start()
    yield server
    ended.set()
    thread.join()


def figures(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@needs_arm_gcc
@pytest.mark.parametrize("loss", [0.0, 0.0005, 0.01])
def test_a_run_is_flashed_and_verified_on_the_virtual_crazyflie(
    run: Path, loss: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run), "--robot", "virtual-crazyflie", "--loss", str(loss), "--json"]) == 0
    result = figures(capsys)
    assert result["verified"] is True
    assert len(result["sha256"]) == 64
    assert result["pages"] > 1


def test_the_hash_is_that_of_the_file_and_the_device_runs_it(
    device: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = image(20)
    (tmp_path / "cf2.bin").write_bytes(content)
    assert main(["--image", str(tmp_path / "cf2.bin"), "--uri", device.uri, "--json"]) == 0
    assert device.bootloader.firmware(len(content)) == content
    assert device.bootloader.in_firmware
    assert figures(capsys) == {"verified": True, "sha256": hashlib.sha256(content).hexdigest(), "pages": 20,
                               "pages_rewritten": 0, "pieces_resent": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not firmware" * 100, "found the stack at"),
        (image(20)[:-1], "found 20479 bytes of an image of 20480"),
        (image(20) + bytes(1008 * 1024), "allowed: at most 1032192"),
    ],
    ids=["wrong", "truncated", "oversized"],
)
def test_a_wrong_file_is_refused_before_a_single_datagram_is_sent(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "cf2.bin").write_bytes(content)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        uri = "udp://{}:{}".format(*listener.getsockname())
        done = subprocess.run([*ROBOT, "flash", "--image", tmp_path / "cf2.bin", "--uri", uri], capture_output=True,
                              text=True)  # fmt: skip
        assert done.returncode == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
        with pytest.raises(TimeoutError):
            listener.recv(64)


def test_another_policys_image_is_refused(run: Path, tmp_path: Path, device: Server) -> None:
    (tmp_path / "cf2.bin").write_bytes(image(20))
    with pytest.raises(ValueError, match=f"found policy {'0' * 64}, allowed: the run's"):
        main([str(run), "--image", str(tmp_path / "cf2.bin"), "--uri", device.uri])
    assert device.received == 0


def test_a_cars_policy_is_refused(tmp_path: Path) -> None:
    layers = (race_track.OBSERVATION_SIZE, 8, 8, 4)
    save_policy(tmp_path / "policy.npz", np.zeros(weight_count(layers), np.float32), layers, "race_track", 10.0)
    with pytest.raises(ValueError, match="found a policy for race_track, allowed: one that flies a quadrotor"):
        main([str(tmp_path / "policy.npz")])


def test_a_real_crazyflie_needs_firmware_that_flies(run: Path, device: Server) -> None:
    with pytest.raises(ValueError, match="--image: found none, allowed: the firmware built with the app"):
        main([str(run), "--uri", device.uri])
    assert device.received == 0


def test_wrong_options_are_refused(device: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="found neither RUN nor --image"):
        main([])
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--loss", "1.5"])
    assert "--loss: found 1.5, allowed: 0 to less than 1" in capsys.readouterr().err
    with pytest.raises(ValueError, match="allowed: with the virtual Crazyflie alone"):
        main(["run", "--loss", "0.5", "--uri", device.uri])


def test_nobody_there_is_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.crazyflie_bootloader.RESETS", 1)
    (tmp_path / "cf2.bin").write_bytes(image(2))
    assert main(["--image", str(tmp_path / "cf2.bin"), "--uri", "udp://127.0.0.1:9", "--json"]) == 1
    assert figures(capsys)["verified"] is False


def test_interrupted_half_way_it_says_how_to_go_on_and_the_same_command_does(device: Server, tmp_path: Path) -> None:
    content = image(120)
    (tmp_path / "cf2.bin").write_bytes(content)
    command = [*ROBOT, "flash", "--image", tmp_path / "cf2.bin", "--uri", device.uri, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    limit_s = time.monotonic() + 60.0
    while device.received < 4_000 and process.poll() is None and time.monotonic() < limit_s:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"go on with the same command and --uri {device.uri}" in words
    assert not device.bootloader.starts_firmware()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sha256"] == hashlib.sha256(content).hexdigest()
    assert device.bootloader.firmware(len(content)) == content
