"""The pipeline that a log belongs to: built from the setup that was saved beside it."""

import zipfile
import zlib
from pathlib import Path

from robot.pipeline import Pipeline
from robot.pipeline_setup import PipelineSetup, setup_path


def pipeline_for(log: Path, life: int) -> Pipeline:
    """The pipeline as it was when this life of the control process began. Raises ValueError without its setup."""
    path = setup_path(log if log.is_dir() else log.parent, life)
    if not path.is_file():
        raise ValueError(f"{path}: missing; a log is replayed with the setup that control started from")
    try:
        setup = PipelineSetup.from_bytes(path.read_bytes())
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError) as error:
        raise ValueError(f"{path}: damaged or of another version: {error}") from error
    return Pipeline(setup)
