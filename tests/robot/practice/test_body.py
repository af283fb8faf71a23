"""A body of emulated devices is started, watched, replaced and judged; one of real devices is only looked for."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from drivers.base import LinkLost
from robot.practice import body as module
from robot.practice.body import Body


class Emulated:
    """Devices whose clock stands still."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self.directory, self.ports, self.time_s, self.closed = directory, {"arm": "/pty"}, 0.0, False

    def truth(self) -> SimpleNamespace:
        return SimpleNamespace(time_s=self.time_s, touches=3)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.closed = True


@pytest.fixture
def body(tmp_path: Path):
    body = Body({"arm": "/dev/arm"}, lambda: None, lambda: Emulated(tmp_path))
    yield body
    body.end()


def test_it_has_the_files_ports_until_its_devices_are_emulated(body: Body, tmp_path: Path) -> None:
    assert (
        body.virtual and body.ports == {"arm": "/dev/arm"} and (body.folder, body.clock_socket, body.pid) == ("", "", 0)
    )
    body.start()
    assert body.ports == {"arm": "/pty"} and body.clock_socket == str(tmp_path / "lockstep")
    assert body.folder == str(tmp_path) and body.pid == body.emulator.process.pid  # type: ignore[union-attr]


def test_devices_that_died_are_replaced(body: Body) -> None:
    body.start()
    first = body.emulator
    assert isinstance(first, Emulated) and not body.died
    body.kill()
    first.process.wait()
    assert body.died and body.exit_status == -9
    body.start()
    assert first.closed and not body.died and body.emulator is not first


def test_devices_whose_clock_stands_still_hang(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    body.start()
    assert isinstance(body.emulator, Emulated)
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    body.emulator.time_s = 1.0
    assert not body.hangs(now)
    now += module.HUNG_S + 0.1
    assert body.hangs(0.0) and not body.hangs(now - 1.0)  # it was held until a second ago
    body.emulator.time_s = 1.1
    assert not body.hangs(0.0)


def test_who_judges_hears_how_it_really_was(body: Body) -> None:
    assert body.end() is None
    body.start()
    assert body.end().touches == 3 and body.emulator is None


def test_real_devices_are_never_started() -> None:
    def lost() -> None:
        raise LinkLost("no arm")

    body = Body({"arm": "/dev/arm"}, lost)
    body.start()
    assert not body.virtual and body.emulator is None and not body.died and not body.hangs(0.0)
    body.kill()
    with pytest.raises(LinkLost, match="no arm"):
        body.reach()
