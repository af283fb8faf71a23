"""What a person said of a run's episodes: RUN/labels.json, by the episodes' numbers."""

from pathlib import Path
from typing import Literal

from policies.array_file import CRC_FIELD
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import of_this_format, sealed
from sim.input_files import checked, read_json, shown, wrong

LABELS_FILE = "labels.json"
Label = Literal["success", "failure", "unsure"]


def save_labels(run: Path, labels: dict[int, Label]) -> None:
    """Beside, and renamed. Raises OSError."""
    told = {str(number): labels[number] for number in sorted(labels)}
    write_json(run / LABELS_FILE, sealed({"labels": told}))


def load_labels(run: Path) -> dict[int, Label]:
    """Empty where nothing was said yet. Raises ValueError, naming file and field, for what `save_labels` cannot have written."""
    path = run / LABELS_FILE
    if not path.exists():
        return {}
    told = read_json(path)
    if CRC_FIELD not in told:
        raise wrong(path, CRC_FIELD, "nothing", "a checksum")
    labels = checked(path, "labels", of_this_format(path, told).get("labels"), dict[str, Label])
    for number in labels:
        if not number.isdecimal() or int(number) < 1:
            raise wrong(path, "labels", shown(number), "numbers of episodes, from 1")
    return {int(number): label for number, label in labels.items()}
