"""A run's files are written beside control, in order, and one that cannot be is told."""

import threading
from pathlib import Path

import pytest

from robot.runtime import file_writer
from robot.runtime.file_writer import FileWriter


def test_who_writes_goes_on_while_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, write = threading.Event(), file_writer.write_bytes_atomically

    def slow(path: Path, chunks: list[bytes]) -> None:
        assert disk.wait(60.0)
        write(path, chunks)

    monkeypatch.setattr(file_writer, "write_bytes_atomically", slow)
    writer = FileWriter(tmp_path, waits=False)
    for contents in (b"first", b"second"):
        writer.write("seen", contents)
    assert not (tmp_path / "seen").exists() and not writer.failed
    disk.set()
    writer.close()
    assert (tmp_path / "seen").read_bytes() == b"second"


def test_in_lockstep_a_file_is_there_before_control_goes_on(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path, waits=True)
    for contents in (b"first", b"second"):
        writer.write("seen", contents)
        assert (tmp_path / "seen").read_bytes() == contents
    writer.close()


@pytest.mark.parametrize("waits", [False, True])
def test_what_cannot_be_written_is_told_and_raised_at_the_end(waits: bool, tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    writer = FileWriter(tmp_path, waits)
    writer.write("seen", b"first")
    writer.write("course", b"second")
    with pytest.raises(OSError, match="seen"):
        writer.close()
    assert writer.failed and (tmp_path / "course").read_bytes() == b"second"
