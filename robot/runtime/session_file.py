"""What the session tells its processes when it starts them: one small JSON file."""

from pathlib import Path

import msgspec

from policies.array_file import write_bytes_atomically

PUBLISH_EVERY = 10  # transitions between two versions of the weights
GUARDIANS = ("guardian-0", "guardian-1")  # by rank
RESTS_WITHIN_S = 5.0  # a robot that is dead: a fast car stands after 0.7, on ice after 3
RECORDER, SESSION, LEARNER = range(3)  # who reads the rings, each by a cursor of its own


class PerceptionPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a perceiving process leaves what it knows. size, encoder: of an embedding, how many numbers, and by which version;
    asked: the block by which it is asked in lockstep, empty in real time.
    """

    block: str
    size: int
    encoder: int
    asked: str = ""


class SessionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of everything that the processes of one session share."""

    folder: str  # the run's
    robot: str  # name or path of its file
    kind: str  # of robot; see `robot.runtime.robot`
    task: str
    names: dict[str, str]  # blocks of shared memory: readings, outputs, events, weights, transitions, mailbox, ...
    layers: tuple[int, ...]  # of the actor
    weights_size: int  # of the actor
    lockstep: bool
    clock_socket: str  # of the emulated devices; empty on a real robot
    ports: dict[str, str]  # of the devices
    learning: bool
    device_folder: str = ""  # of the emulated devices
    session_pid: int = 0
    rests_within_s: float = RESTS_WITHIN_S  # see `robot.runtime.robot`
    gamepad: str = ""  # whose buttons are to be held; empty: none
    perception: PerceptionPlace | None = None  # of a robot with a camera

    def save(self, path: Path) -> None:
        """Write it whole."""
        write_bytes_atomically(path, [msgspec.json.encode(self)])

    @staticmethod
    def load(path: Path) -> "SessionFile":
        """Read it. Raises ValueError naming file and field."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=SessionFile)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: {error}") from error
