"""The process that perceives is killed, hangs, loses its parent: its result grows old, and comes back."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot.perception import start
from robot.perception.process import PerceptionFile
from robot.perception.recompute import recompute
from robot.perception.start import NAME, PerceptionProcess
from robot.runtime.clock import RealClock
from tests.drivers.camera_bench import stream_bench

PATIENCE_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


@pytest.fixture
def source() -> Iterator[str]:
    """A camera on the network, in real time."""
    bench, ended = stream_bench(), threading.Event()

    def serve() -> None:
        while not ended.wait(0.01):
            bench.wait(0.01)

    thread = threading.Thread(target=serve)
    thread.start()
    yield bench.source
    ended.set()
    thread.join()
    bench.close()


def test_its_result_comes_back_after_death_and_hanging(
    source: str, encoder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = PerceptionFile({"driver": "camera", "source": source}, str(encoder_path), "", "", "lossless", str(tmp_path))
    deaths: list[int] = []
    process = PerceptionProcess(told, tmp_path, lambda name, code: deaths.append(code))
    device = process.device(RealClock())
    device.open()

    def is_new() -> bool:
        assert process.poll()
        return device.read().embedding_age_s < 0.5 and not device.trouble()

    try:
        wait_for(is_new)
        child = process.processes.children[NAME]
        child.kill()
        wait_for(lambda: device.read().embedding_age_s > 0.5)
        number = device.read().frame
        wait_for(is_new)
        assert device.read().frame > number and deaths == [-signal.SIGKILL]
        monkeypatch.setattr(start, "HANGS_S", 1.5)
        child.signal(signal.SIGSTOP)
        wait_for(lambda: "silent" in [device.read(), device.trouble()][1])
        wait_for(is_new)
        assert deaths == 2 * [-signal.SIGKILL]
    finally:
        device.close()
        process.close()
    assert not Path("/dev/shm", process.block).exists()
    report = recompute(tmp_path)
    assert report.outcome == "cut" and report.equal and report.different == 0  # two of three lives were killed


def test_it_ends_with_its_parent(source: str, encoder_path: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from robot.perception.start import *\n"
        "told = PerceptionFile({'driver': 'camera', 'source': sys.argv[1]}, sys.argv[2], '')\n"
        "process = PerceptionProcess(told, Path(sys.argv[3]), print)\n"
        "print(process.processes.children[NAME].pid, process.block, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, source, str(encoder_path), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, block = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    Path("/dev/shm", block).unlink()
    wait_for(lambda: not is_running(int(pid)))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_it_is_told_wrongly_ends_it_in_words(encoder_path: Path, tmp_path: Path) -> None:
    told = PerceptionFile({"driver": "camera", "sauce": "0"}, str(encoder_path), "")
    process = PerceptionProcess(told, tmp_path, lambda name, code: None)
    try:
        wait_for(lambda: not process.poll())
        assert "found field sauce" in process.processes.children[NAME].last_words()
    finally:
        process.close()
