"""What is rehearsed before the first tick: all of it, on a map and without one."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot.robots.car.rehearsal import rehearse
from robot.robots.car.safety_drive import start


@pytest.mark.parametrize("mapless", [False, True])
def test_a_rehearsal_comes_to_its_end(tmp_path: Path, mapless: bool) -> None:
    drive = start("oval", 1, None, 1.0, True, tmp_path)
    setup = drive.pipeline.setup
    drive.close()
    rehearse(replace(setup, course=None, grid=None) if mapless else setup)
