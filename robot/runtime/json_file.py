"""JSON as the project writes it: figures of `--json`, summaries, states. NumPy's numbers are numbers; JSON has no NaN."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import write_bytes_atomically


def json_text(value: Any, indent: int | None = None) -> str:
    """The value as strict JSON. A number that is not finite becomes null; TypeError for what has no place in JSON."""
    return json.dumps(plain(value), indent=indent, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write a value to a file, beside and renamed."""
    write_bytes_atomically(path, [json_text(value, indent=1).encode()])


def plain(value: Any) -> Any:
    """The value in Python's own types, as deep as it goes."""
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
