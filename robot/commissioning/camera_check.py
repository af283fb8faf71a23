"""Whether a robot's camera is there, and good pictures come."""

from dataclasses import replace

from drivers.base import LinkLost
from drivers.camera import PIPE, START_S, CameraSettings
from drivers.declared import make_driver
from drivers.realsense import RealSenseSettings
from robot.commissioning.checks import Check
from robot.runtime.clock import RealClock

LISTEN_S, POLL_S = 1.5, 0.02


def check_of_camera(settings: CameraSettings | RealSenseSettings) -> Check:
    """Whether a good picture comes, within the time that a camera may take."""
    clock = RealClock()
    camera = make_driver(settings, clock)
    try:
        camera.open()
        end_s = clock.now() + START_S + LISTEN_S
        while clock.now() < end_s:
            frame = camera.read().frame
            if frame is not None:
                return Check("camera", True, f"pictures of {frame.shape[1]} x {frame.shape[0]}")
            clock.sleep_until(clock.now() + POLL_S)
        trouble = camera.trouble() or "no good picture comes"
    except LinkLost as error:
        trouble = str(error)
    finally:
        camera.close()
    return Check("camera", False, "no picture", trouble)


def at_pipe(settings: CameraSettings | RealSenseSettings, pipe: str) -> CameraSettings | RealSenseSettings:
    """A virtual robot's camera, whose emulator writes into this pipe."""
    return replace(settings, source=PIPE + pipe) if isinstance(settings, CameraSettings) else settings
