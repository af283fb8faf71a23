"""A short run of `tests/fuzz_drivers.py`: damaged frames break no driver's promise, and it is fresh again afterwards."""

from pathlib import Path

import pytest

from tests.fuzz_drivers import KINDS, fuzz


@pytest.mark.parametrize("name", KINDS)
def test_damaged_frames_break_no_promise(tmp_path: Path, name: str) -> None:
    figures = fuzz(name, 60, 3, tmp_path)
    assert figures["frames"] >= 60
    assert figures["broken"] is None
    assert figures["reopened"] == 0
