"""The shared memory of a session: the rings, the mailbox and the status records that its processes attach to."""

import os
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

from policies.actor import weight_count
from robot.runtime.episodes import episode_dtype
from robot.runtime.events import EVENT, weights_dtype
from robot.runtime.robot import Robot
from robot.runtime.session_file import GUARDIANS, LEARNER, RECORDER, SESSION
from robot.shared_memory.blocks import GUARDIAN_STATUS, LEARNER_STATUS, SharedRecord, control_status, session_status
from robot.shared_memory.mailbox import Mailbox
from robot.shared_memory.ring import Ring


class Block(Protocol):
    """Anything in shared memory."""

    def close(self) -> None: ...


BlockT = TypeVar("BlockT", bound=Block)
TICK_RING = 2048


class SessionMemory:
    """Made and owned by the session. `names` says where each part is.

    control, learner, guardians: what these processes report. orders: what the session tells them. Raises OSError, and
    leaves nothing, where the machine has no room for it.
    """

    def __init__(self, folder: Path, robot: Robot, task: str, layers: tuple[int, ...]) -> None:
        weights_size, kinds = weight_count(layers), robot.records(task)
        rings = {  # records, how many, and whom they wait for: what is to be on record, for the recorder
            "readings": (kinds.readings, TICK_RING, RECORDER),
            "outputs": (kinds.outputs, TICK_RING, RECORDER),
            "events": (EVENT, 1024, RECORDER),
            "weights": (weights_dtype(weights_size, kinds.belief), 64, RECORDER),
            "transitions": (kinds.transition, 4096, RECORDER),
            "episodes": (episode_dtype(layers), 64, LEARNER),
        }
        records = ("mailbox", "control", "learner", "session", "plan", *GUARDIANS)
        self.names = {part: shared_name(folder, part) for part in (*rings, *records)}
        with ExitStack() as undo:

            def kept(block: BlockT) -> BlockT:
                undo.callback(block.close)
                return block

            self.rings = {part: kept(Ring.create(self.names[part], *what, SESSION)) for part, what in rings.items()}
            self.mailbox = kept(Mailbox.create(self.names["mailbox"], weights_size, kinds.belief))
            self.control = kept(SharedRecord.create(self.names["control"], control_status(kinds.outputs)))
            self.learner = kept(SharedRecord.create(self.names["learner"], LEARNER_STATUS))
            self.orders = kept(
                SharedRecord.create(self.names["session"], session_status(*kinds.readings["operator"].shape))
            )
            self.plan = kept(robot.plan.create(self.names["plan"]))
            self.guardians = [kept(SharedRecord.create(self.names[name], GUARDIAN_STATUS)) for name in GUARDIANS]
            self.orders.write(pid=os.getpid(), heartbeat_ns=time.monotonic_ns())
            self._close = undo.pop_all()

    def finish(self) -> None:
        """Control is gone: nothing more will come through what it wrote."""
        for ring in self.rings.values():
            ring.finish()

    def close(self) -> None:
        """Unmap and remove all of it."""
        self._close.close()


def shared_name(folder: Path, part: str) -> str:
    """Name of one of the session's blocks of shared memory."""
    return f"robot-{os.getpid()}-{re.sub('[^A-Za-z0-9]+', '', folder.name)[-24:]}-{part}"
