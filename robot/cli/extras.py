"""What is not installed with the robot itself: packages that only some verbs need, and the extra that brings each."""

from importlib.util import find_spec

EXTRA_OF = {"torch": "torch", "cflib": "crazyflie", "cv2": "cameras", "pyrealsense2": "realsense"}


def require(package: str) -> None:
    """Raise ModuleNotFoundError now, before any work, if a package is missing."""
    if find_spec(package) is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)


def in_words(error: ModuleNotFoundError) -> str | None:
    """What to install; None if the missing module is no extra's, which is a bug of ours."""
    package = (error.name or "").split(".")[0]
    if package not in EXTRA_OF:
        return None
    return f"needs {package}, which is not installed; allowed: after pip install 'robot-practice[{EXTRA_OF[package]}]'"
