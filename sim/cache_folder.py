"""Where what was computed once is kept: courses, yardsticks, compiled kernels. Any of it may be deleted.

In a container or on a robot, the home may be unknown or not to be written to, and so may the installation.
"""

import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def user_cache() -> Path:
    """The user's folder for caches; one of the system's for temporary files where there is no home."""
    told = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(told) if told else Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return own_temporary()


def cache_folder(kind: str) -> Path:
    """Of this project, for one kind of things."""
    return user_cache() / "robot-practice" / kind


def give_kernels_a_place() -> None:
    """Numba keeps a kernel beside its source or in the user's cache, and refuses to compile where it can do neither: then
    tell it of a third place. To be called before anything imports Numba; child processes inherit it.
    """
    told = os.environ.get("NUMBA_CACHE_DIR")
    places = [Path(told)] if told else []
    if not any(writable(place) for place in (*places, PROJECT / "sim" / "__pycache__", user_cache() / "numba")):
        os.environ["NUMBA_CACHE_DIR"] = str(own_temporary() / "kernels")


def writable(folder: Path) -> bool:
    """Whether files can be made there, tried as Numba does; the folder is made, if there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def own_temporary() -> Path:
    """A folder for temporary files that is this user's alone: kernels are programs. Raises OSError if there is no place."""
    folder = Path(tempfile.gettempdir()) / f"robot-practice-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
            return Path(tempfile.mkdtemp(prefix="robot-practice-"))
    return folder
