"""Sessions of robots that have practised before, so that they begin at once."""

from pathlib import Path
from typing import Any

from robot.practice.body import Emulator
from robot.practice.practice import find_practice
from robot.practice.session import Session
from robot.practice.settings import PracticeConfig
from robot.practice.start import starting_policy
from robot.runtime.run_folder import save_config
from robot.tasks import find_task


def session_in(folder: Path, config: PracticeConfig, progress: dict[str, Any], learning: bool = True) -> Session:
    """A session in this folder. progress: what earlier practice left, by fields of the robot's Progress."""
    practice = find_practice(find_task(config.task).robot)
    save_config(folder, config)
    return Session(config, folder, practice.begin(config), starting_policy(config), learning=learning,
                   progress=practice.progress(**progress))  # fmt: skip


def emulated(session: Session) -> Emulator:
    """The devices that the campaign does things to."""
    assert session.body.emulator is not None
    return session.body.emulator
