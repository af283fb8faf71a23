"""Kernels count as compiled where Numba looks for them, and as long as they are those of the sources."""

import importlib.util
from pathlib import Path
from typing import Any

import numba
import pytest

from robot.robots.car.compiled import is_compiled

KERNEL = "from numba import njit\n\n\n@njit(cache=True)\ndef doubled(x):\n    return 2 * x\n"


def loaded(path: Path) -> Any:
    """The kernel of a file, as a new process sees it."""
    spec = importlib.util.spec_from_file_location("kernel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubled


def test_a_kernel_is_looked_for_where_numba_keeps_it_and_an_old_one_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kernel.py"
    path.write_text(KERNEL)
    assert not is_compiled([loaded(path)])
    loaded(path)(1)
    assert is_compiled([loaded(path)])
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kernels"))
        assert not is_compiled([loaded(path)])
        loaded(path)(1)
        assert is_compiled([loaded(path)])
    path.write_text(KERNEL.replace("2 * x", "x + x + x - x"))
    assert not is_compiled([loaded(path)])
