"""The pipeline that a log belongs to: built from the setup that the log carries, or that was saved beside it."""

from pathlib import Path

import numpy as np

from robot.logs.mcap_file import McapFile, RefusedLog
from robot.logs.writer import log_parts
from robot.robots.car.mind import Pipeline
from robot.robots.car.setup import PipelineSetup
from robot.runtime.run_folder import setup_name, setup_path
from sim.car.model import N_PARAMETERS


def pipeline_for(log: Path, life: int) -> Pipeline:
    """The pipeline as it was when this life of the control process began; `log`: a run's folder, or an MCAP file.

    Raises RefusedLog if its setup is nowhere or of another version, DamagedLog if its checksum in the log is wrong.
    """
    path, data = find_setup(log, life)
    try:
        setup = PipelineSetup.from_bytes(data, Path(setup_name(life)))
        if setup.car.shape != (N_PARAMETERS,) or setup.car.dtype != np.float64:
            raise ValueError(f"car has {setup.car.size} parameters, this version's has {N_PARAMETERS}")
        return Pipeline(setup)
    except ValueError as error:
        told = str(error).removeprefix(f"{setup_name(life)}: ")
        message = f"{path}: {setup_name(life)} is damaged or of another version: {told}"
        raise RefusedLog("other version", message) from error


def find_setup(log: Path, life: int) -> tuple[Path, bytes]:
    """The setup as `PipelineSetup.to_bytes` made it, and the file that it was found in: the log's own comes first."""
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
