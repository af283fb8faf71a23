"""Folders of the dead are removed by the next of their kind; those of the living and of others are not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sim.scratch_folder import make_scratch, scratch_folder


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_folder_lasts_as_long_as_its_block(tmp_path: Path) -> None:
    with scratch_folder("work") as folder:
        (folder / "file").write_text("")
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_what_the_killed_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    killed = f"""
import os, signal, tempfile
tempfile.tempdir = {str(tmp_path)!r}
from sim.scratch_folder import make_scratch
make_scratch("work"), make_scratch("other-work")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    (tmp_path / "work-of-somebody-else").mkdir()
    (tmp_path / f"work-{os.getpid()}-living").mkdir()
    assert len(list(tmp_path.iterdir())) == 4
    mine = make_scratch("work")
    left = {path.name.rsplit("-", 1)[0].replace(str(os.getpid()), "PID") for path in tmp_path.iterdir() if path != mine}
    assert len(left) == 3
    assert {"work-of-somebody", "work-PID"} < left, "and other-work, of another kind"
