"""What a setup says of itself, whosever it is: an .npz whose field `plain` is a JSON object, with the robot's kind in `robot`."""

from pathlib import Path

from policies.array_file import arrays_in
from sim.input_files import checked, json_object, wrong


def robot_of(data: bytes, path: Path) -> str:
    """The kind of robot that a setup's bytes belong to. Raises ValueError, naming field and `path`, if they do not tell."""
    arrays = arrays_in(path, data)
    if "plain" not in arrays:
        raise wrong(path, "plain", "nothing", "an array")
    plain = json_object(path, str(arrays["plain"]), "plain")
    if "robot" not in plain:
        raise wrong(path, "robot", "nothing", "the kind of a robot")
    kind: str = checked(path, "robot", plain["robot"], str)
    return kind
