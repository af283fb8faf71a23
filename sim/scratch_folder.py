"""Folders for a while, in the system's folder for such: each tells whose it is, so that those of the dead are found.

A program that is killed cannot tidy up. Its folders carry its process's number, and the next program that makes one of
the same kind removes them.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def make_scratch(kind: str) -> Path:
    """A new folder `KIND-PID-...`, which its maker removes; those of the same kind whose makers have died are removed."""
    sweep(kind)
    return Path(tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-"))


@contextlib.contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A folder of `make_scratch` that lasts as long as the block."""
    folder = make_scratch(kind)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(kind: str) -> None:
    """Remove the folders of a kind whose makers have died."""
    for folder in Path(tempfile.gettempdir()).glob(f"{kind}-*-*"):
        maker = folder.name.removeprefix(f"{kind}-").split("-")[0]
        if maker.isdigit() and not Path(f"/proc/{maker}").exists():
            shutil.rmtree(folder, ignore_errors=True)
