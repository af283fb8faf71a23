"""There is a place for what is kept, whatever this machine's user may write to."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from sim import cache_folder as module
from sim.cache_folder import cache_folder, give_kernels_a_place, own_temporary


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the installation nor the home can be written to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "PROJECT", Path("/proc/installed"))
    monkeypatch.setenv("HOME", "/proc/home")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


@pytest.mark.usefixtures("nowhere")
def test_kernels_go_to_a_folder_of_ones_own_where_numba_would_find_no_place(tmp_path: Path) -> None:
    give_kernels_a_place()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / f"robot-practice-{os.getuid()}" / "kernels")
    assert stat.S_IMODE((tmp_path / f"robot-practice-{os.getuid()}").stat().st_mode) == 0o700


@pytest.mark.usefixtures("nowhere")
def test_a_place_that_numba_was_told_and_cannot_use_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/dev/null")
    give_kernels_a_place()
    assert os.environ["NUMBA_CACHE_DIR"].startswith(str(tmp_path))


@pytest.mark.usefixtures("nowhere")
def test_where_numba_finds_a_place_it_is_told_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    give_kernels_a_place()
    assert "NUMBA_CACHE_DIR" not in os.environ


@pytest.mark.usefixtures("nowhere")
def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / f"robot-practice-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert own_temporary() != folder


@pytest.mark.usefixtures("nowhere")
def test_a_user_without_a_home_has_a_cache_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert cache_folder("courses").is_relative_to(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder("courses") == Path("/elsewhere/robot-practice/courses")
