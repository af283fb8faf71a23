"""The mind that a log belongs to: built from the setup that the log carries, or that was saved beside it."""

from pathlib import Path

from robot.logs.mcap_file import McapFile, RefusedLog
from robot.logs.writer import log_parts
from robot.runtime.robot import Mind, find_robot
from robot.runtime.run_folder import setup_name, setup_path
from robot.runtime.setup_file import robot_of


def mind_for(log: Path, life: int) -> Mind:
    """The mind as it was when this life of the control process began; `log`: a run's folder, or an MCAP file.

    Raises RefusedLog if its setup is nowhere, of another version, or of a robot that is not here; DamagedLog if its
    checksum in the log is wrong.
    """
    path, data = find_setup(log, life)
    try:
        told = Path(setup_name(life))
        return find_robot(robot_of(data, told)).mind(data, told)
    except ValueError as error:
        why = str(error).removeprefix(f"{setup_name(life)}: ")
        message = f"{path}: {setup_name(life)} is damaged or of another version: {why}"
        raise RefusedLog("other version", message) from error


def find_setup(log: Path, life: int) -> tuple[Path, bytes]:
    """The setup as the session wrote it, and the file that it was found in: the log's own comes first."""
    for part in log_parts(log) if log.is_dir() else [log]:
        data = McapFile(part).attachment(setup_name(life))
        if data is not None:
            return part, data
    beside = setup_path(log if log.is_dir() else log.parent, life)
    if not beside.is_file():
        raise RefusedLog(
            "gap", f"{beside}: missing, in the log too; a log is replayed with the setup that control started from"
        )
    try:
        return beside, beside.read_bytes()
    except OSError as error:
        raise RefusedLog("unreadable", f"{beside}: {error.strerror}") from error
