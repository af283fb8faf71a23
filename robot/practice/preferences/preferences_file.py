"""Which of two clips a person preferred: RUN/preferences.json."""

from pathlib import Path
from typing import Literal

from policies.array_file import CRC_FIELD
from robot.practice.preferences.clips import Clip, Pair
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import of_this_format, sealed
from sim.input_files import checked, read_json, shown, wrong

PREFERENCES_FILE = "preferences.json"
Better = Literal["left", "right", "same"]
Preferences = dict[Pair, Better]


def save_preferences(run: Path, preferences: Preferences) -> None:
    """Beside, and renamed. Raises OSError."""
    told = [[pair.left.first, pair.right.first, pair.left.count, better] for pair, better in preferences.items()]
    write_json(run / PREFERENCES_FILE, sealed({"preferences": told}))


def load_preferences(run: Path) -> Preferences:
    """Empty where nothing was said yet. Raises ValueError, naming file and field, for what `save_preferences` cannot have written."""
    path = run / PREFERENCES_FILE
    if not path.exists():
        return {}
    told = read_json(path)
    if CRC_FIELD not in told:
        raise wrong(path, CRC_FIELD, "nothing", "a checksum")
    rows = checked(
        path, "preferences", of_this_format(path, told).get("preferences"), list[tuple[int, int, int, Better]]
    )
    for row in rows:
        if min(row[:2]) < 0 or row[2] < 1:
            raise wrong(path, "preferences", shown(row), "two steps, and a number of them from 1")
    return {Pair(Clip(left, count), Clip(right, count)): better for left, right, count, better in rows}
