"""A run's folder: its name, its configuration, and which file in it is what."""

import errno
import json
import time
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from policies.array_file import CRC_FIELD, write_bytes_atomically
from robot.runtime.json_file import plain
from sim.input_files import checked, read_json, read_toml, shown, wrong

CONFIG_FILE = "config.toml"
RUN_FORMAT = 1  # of what is in a run's folder; goes up when an older program could misread it
BEST_FILE, NEWEST_FILE = "best.npz", "policy.npz"
BELIEF_FILE = "belief.json"  # what the robot's fit found, by names with units


def new_run_folder(root: Path, task: str, name: str) -> Path:
    """Make `root/<task>/<time>-<name>/`."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{k}" for k in range(2, 100))):
        folder = root / task / f"{stamp}-{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.is_dir():
                continue
            raise  # a link that leads nowhere, in place of one of its folders
        return folder
    raise FileExistsError(f"{root / task}: a hundred runs in one second")


def still_there(folder: Path) -> None:
    """Raise FileNotFoundError, which names it, for a folder that somebody removed: it is not to be made again by halves."""
    if not (folder / CONFIG_FILE).is_file():
        raise FileNotFoundError(
            errno.ENOENT, "the run's folder was removed or moved while it was written to", str(folder)
        )


def save_config(folder: Path, config: Any) -> None:
    """Write a config dataclass as `config.toml` beside the run's other files."""
    values = {key: value for key, value in asdict(config).items() if value is not None}
    write_bytes_atomically(folder / CONFIG_FILE, [tomli_w.dumps(sealed(values)).encode()])


def read_config(folder: Path) -> dict[str, Any]:
    """What `save_config` wrote. Raises ValueError for a folder that is no run, or of another format."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder}: not a run: it has no {CONFIG_FILE}")
    values = read_toml(path)
    if not values:
        raise ValueError(f"{path}: found nothing, allowed: what a run was asked for; was the file cut short?")
    return of_this_format(path, values)


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """What a file of a run's folder is to hold: the values, the format's number, and a checksum of them."""
    return {"format": RUN_FORMAT, CRC_FIELD: contents_crc(values)} | values


def of_this_format(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `sealed`. Raises ValueError for another format, or if the values are not those that were written."""
    found = values.pop("format", RUN_FORMAT)  # the first runs had no number
    if found != RUN_FORMAT:
        raise wrong(path, "format", shown(found), f"{RUN_FORMAT}; the run is of another version of this project")
    crc = values.pop(CRC_FIELD, None)  # nor a checksum
    if crc is not None and crc != contents_crc(values):
        raise wrong(
            path, CRC_FIELD, shown(crc), f"{contents_crc(values)}, which its contents have; damaged, or edited?"
        )
    return values


def contents_crc(values: dict[str, Any]) -> int:
    """CRC-32 of values, as JSON or TOML gives them back."""
    return zlib.crc32(json.dumps(plain(values), sort_keys=True).encode())


def belief_of_run(folder: Path) -> dict[str, float]:
    """What the robot's fit has found so far. Raises ValueError, naming file and name, for what is no number."""
    path = folder / BELIEF_FILE
    told = read_json(path) if path.exists() else {}
    if "format" in told and CRC_FIELD not in told:  # any name may be one of a belief
        raise wrong(path, CRC_FIELD, "nothing", "a checksum")
    told = of_this_format(path, told)
    return {name: checked(path, name, value, float) for name, value in told.items() if value is not None}


def policy_path(folder: Path) -> Path:
    """The policy of a run to drive with: the best, or the newest where none was the best yet."""
    best = folder / BEST_FILE
    return best if best.is_file() else folder / NEWEST_FILE


def setup_name(life: int) -> str:
    """Of the file that a life of control starts from, and of the log's copy of it."""
    return f"setup-{life}.npz"


def setup_path(folder: Path, life: int) -> Path:
    """The file in a run's folder that control starts from."""
    return folder / setup_name(life)


def newest_life(folder: Path) -> int:
    """The newest life of control that a run had; 0 before the first."""
    lives = (path.stem.removeprefix("setup-") for path in folder.glob("setup-*.npz"))
    return max((int(life) for life in lives if life.isdecimal()), default=0)
