"""When a compiled kernel that is kept on disk is out of date: also when a file has changed that its own file imports.

Numba looks at the file of a kernel alone, though the kernels that it calls and the constants that it uses are compiled into
it: after a change of those the old ones would go on deciding, and nobody would notice. Numba asks these classes instead
(its variable NUMBA_CACHE_LOCATOR_CLASSES, see `sim/__init__.py`).
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from numba.core import caching

PROJECT = Path(__file__).resolve().parents[1]
IMPORT = re.compile(r"^(?:from|import) +([\w.]+)(?: +import +(\([^)]*\)|[^#\n]*))?", re.MULTILINE)


@cache
def imported(path: Path) -> frozenset[Path]:
    """The project's files that a file imports at its top level."""
    found = set()
    for module, names in IMPORT.findall(path.read_text()):
        place = PROJECT.joinpath(*module.split("."))
        within = (place / f"{name}.py" for name in re.findall(r"\w+", names))
        found |= {file for file in (place.with_suffix(".py"), *within) if file.is_file()}
    return frozenset(found)


@cache
def stamp(path: Path) -> str:
    """Checksum of a file, of all of the project's that it imports, of what those import, and so on."""
    files, new = {path}, {path}
    while new:
        new = set().union(*(imported(file) for file in new)) - files
        files |= new
    contents = hashlib.sha256()
    for file in sorted(files):
        contents.update(hashlib.sha256(file.read_bytes()).digest())
    return contents.hexdigest()


class _WithWhatItImports:
    def get_source_stamp(self) -> str:
        file = Path(self._py_file).resolve()  # type: ignore[attr-defined]
        return stamp(file) if file.is_relative_to(PROJECT) else str(super().get_source_stamp())  # type: ignore[misc]


class UserProvided(_WithWhatItImports, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder NUMBA_CACHE_DIR."""


class InTree(_WithWhatItImports, caching.InTreeCacheLocator):  # type: ignore[misc]
    """Beside the source."""


class UserWide(_WithWhatItImports, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache."""
