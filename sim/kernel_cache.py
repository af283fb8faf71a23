"""Compiled kernels that are kept on disk: when they are out of date, and that no two processes compile the same one.

Numba looks at the file of a kernel alone, though the kernels that it calls and the constants that it uses are compiled into
it: after a change of those the old ones would go on deciding, and nobody would notice. Numba asks these classes instead
(its variable NUMBA_CACHE_LOCATOR_CLASSES, see `sim/__init__.py`).

The processes of a robot, like those of its tests, need the same kernels at the same time. Who finds one missing takes a
lock beside its place on disk; who comes second waits, and loads what the first has compiled.

A kernel has a copy of each kernel that it calls, optimised where it stands, and so perhaps summed in another order. Numba lets
whichever copy was loaded first serve all callers: who compiles would reckon otherwise than who loads, in the last bit. Here
each kernel calls its own copies.
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite.binding import Linkage
from numba.core import caching
from numba.core.codegen import CPUCodeLibrary
from numba.core.event import Event, Listener, register

from sim import quick_compiling

PROJECT = Path(__file__).resolve().parents[1]
COMPILED_BY = frozenset(Path(file).resolve() for file in (__file__, quick_compiling.__file__))
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
    """Checksum of a file, of all of the project's that it imports, of what those import, and so on; and of how kernels are
    compiled, which they hold parts of by name."""
    files, new = {path, *COMPILED_BY}, {path}
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


PATIENCE_S = 120.0  # with another's compilation: he may be stopped, and then everybody compiles for himself
_locks: dict[str, int] = {}  # of the kernels that this process compiles now: path and descriptor
_load: Callable[..., Any] = caching.FunctionCache.load_overload
_save: Callable[..., None] = caching.FunctionCache.save_overload


def load_or_wait(kernel: Any, signature: Any, target: Any) -> Any:
    """A kernel from disk; None if it is for the caller to compile. Numba calls it with its compiler's lock held.

    Nobody waits for somebody who waits for him: a kernel is locked before those that it calls, never after them.
    """
    found = _load(kernel, signature, target)
    if found is not None or _lock_file(kernel) in _locks:
        return found
    kernel._impl.locator.ensure_cache_path()
    _lock(_lock_file(kernel))
    found = _load(kernel, signature, target)  # others may have compiled it since
    if found is not None:
        _unlock(_lock_file(kernel))
    return found


def save(kernel: Any, signature: Any, compiled: Any) -> None:
    """Keep a kernel on disk, for whoever waits too."""
    try:
        if not kernel._cache_file._load_index():  # Numba lists a new kernel, by an old one's name, before it writes it
            for old in Path(kernel.cache_path).glob(f"{kernel._impl.filename_base}.*.nbc"):
                old.unlink(missing_ok=True)
        _save(kernel, signature, compiled)
    finally:
        _unlock(_lock_file(kernel))


class Failures(Listener):  # type: ignore[misc]
    """What does not compile is nobody's to wait for."""

    def on_start(self, event: Event) -> None:
        pass

    def on_end(self, event: Event) -> None:
        dispatcher = event.data["dispatcher"]
        kernel = getattr(dispatcher, "_cache", None)
        if isinstance(kernel, caching.FunctionCache) and tuple(event.data["args"]) not in dispatcher.overloads:
            _unlock(_lock_file(kernel))  # `event.is_failed` says the opposite in some versions of Numba


def _lock_file(kernel: Any) -> str:
    return os.path.join(kernel.cache_path, f"{kernel._impl.filename_base}.lock")


def _lock(path: str) -> None:
    """Wait for our turn to compile. The lock ends with its process, however that ends."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            _locks[path] = lock
            return
    os.close(lock)


def _unlock(path: str) -> None:
    if path in _locks:
        os.close(_locks.pop(path))


def finalize(library: Any) -> None:
    """Make a kernel ready to run, its copies of others visible to nobody else; those who copy it get it as it was."""
    if library._shared_module is not None:  # it comes from disk, as it was made ready
        _finalize(library)
        return
    compiled = library._final_module
    to_copy = compiled.clone()
    for function in to_copy.functions:
        if not function.is_declaration and function.linkage == Linkage.external:
            function.linkage = "linkonce_odr"
    for function in compiled.functions:
        if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
            function.linkage = "internal"
    _finalize(library)
    library._shared_module = to_copy


_finalize: Callable[..., None] = CPUCodeLibrary._finalize_final_module
CPUCodeLibrary._finalize_final_module = finalize  # type: ignore[method-assign]
caching.FunctionCache.load_overload = load_or_wait  # type: ignore[method-assign]
caching.FunctionCache.save_overload = save  # type: ignore[method-assign]
register("numba:compile", Failures())
