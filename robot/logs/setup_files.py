"""Where a run keeps the setup of each life of its control process: in a file of its own, and as the log's attachment."""

from pathlib import Path

MEDIA_TYPE = "application/x-npz"


def setup_name(life: int) -> str:
    """Of the file, and of the attachment."""
    return f"setup-{life}.npz"


def setup_path(folder: Path, life: int) -> Path:
    """The file in a run's folder that control starts from."""
    return folder / setup_name(life)
