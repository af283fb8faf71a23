"""The processes of a session by their parts: what each must show to count as alive, and how it is replaced and ended.

What hangs is not dead: every process has a time by which it must have shown that it lives, and is killed after it.
"""

import math
import time
from pathlib import Path

from robot.runtime.process_ends import WRONG
from robot.runtime.processes import READY_S, Child, Processes
from robot.runtime.session_file import LEARNER, RECORDER, RESTS_WITHIN_S
from robot.runtime.session_memory import SessionMemory
from robot.shared_memory.ring import Ring

MODULES = {
    "control": "robot.runtime.control_process",
    "recorder": "robot.logs.recorder_process",
    "learner": "robot.practice.learner",
}
# For most robots to come to rest and control to end: time is up; asked to; emergency stop.
STOP_S = (60.0, 8.0, 3.0)
SAVE_S = (30.0, 6.0, 1.5)  # for learner, then recorder, to finish
GUARDIANS_S = 0.5  # for them to end, beyond what a robot whose control died may take to come to rest
SILENT_S = 0.5  # without a heartbeat: a guardian hangs
HUNG_S = 20.0  # control hangs; the guardians stop the robot much sooner
HUNG_STOPPING_S = 3.0  # the same, while the session ends
HUNG_LOCKSTEP_S = 700.0  # there it may wait for the learner
RECORDER_HUNG_S = 15.0  # leaves records waiting
STARTING_S = 120.0  # a recorder that was started again, on a busy machine
LEARNER_HUNG_S = 500.0  # it may be fitting the robot's simulator


class Crew:
    """Control, learner, recorder and guardians of one session. `trouble`: why it cannot go on; empty while it can.

    guardians: their names, by rank. learning: whether there is a learner. folder: the run's. rests_within_s: of the robot.
    """

    def __init__(
        self,
        processes: Processes,
        shared: SessionMemory,
        folder: Path,
        session_path: Path,
        guardians: tuple[str, ...],
        learning: bool,
        realtime: bool,
        rests_within_s: float,
    ) -> None:
        self.processes, self.shared, self.folder, self.session_path = processes, shared, folder, session_path
        self.guardians, self.learning, self.realtime = guardians, learning, realtime
        self.rests_within_s = rests_within_s
        self.trouble = ""
        self.stalls = {"recorder": Stall(RECORDER, RECORDER_HUNG_S), "learner": Stall(LEARNER, LEARNER_HUNG_S)}

    @property
    def control(self) -> Child:
        return self.processes.children["control"]

    # Start

    def start(self, name: str, *arguments: str) -> None:
        """Start control, recorder or learner, or start it again."""
        self.processes.start(name, MODULES[name], str(self.session_path), *arguments)

    def start_guardians(self) -> None:
        """Start them, and wait until they are there."""
        for rank, name in enumerate(self.guardians):
            self.processes.start(name, "robot.safety.guardian", str(self.session_path), str(rank),
                                 outlives_s=math.inf)  # fmt: skip
        for rank, name in enumerate(self.guardians):
            self.processes.await_ready(name, lambda rank=rank: self._guards(rank))  # type: ignore[misc]

    def start_helpers(self) -> None:
        """Start recorder and learner, and wait until the learner is ready."""
        self.start("recorder")
        if self.learning:
            self.start("learner")
            self.processes.await_ready("learner", lambda: self.learner_ready)
            self.shared.orders.write(learner_up=1)

    # While they run

    def _guards(self, rank: int) -> bool:
        """Whether a guardian is up."""
        return self.shared.guardians[rank].peek("pid") == self.processes.children[self.guardians[rank]].pid

    @property
    def learner_ready(self) -> bool:
        return bool(self.shared.learner.read()["ready"])

    @property
    def in_charge(self) -> bool:
        """Whether the control process that was started last drives."""
        return self.shared.control.peek("pid") == self.control.pid

    def look_after(self) -> None:
        """Guardians, recorder and learner. One that is done stays so: control, which may still be closing its devices,
        has said that nothing more will come."""
        for rank, name in enumerate(self.guardians):
            child, age_s = self.processes.children[name], 0.0
            if child.running and self._guards(rank):
                age_s = time.monotonic() - 1e-9 * self.shared.guardians[rank].peek("heartbeat_ns")
            self._replace(name, hangs=age_s > SILENT_S)
        self._replace("recorder", hangs=self._stalls("recorder", "readings"))
        if not self.learning:
            return
        ready = self.learner_ready
        if self._replace("learner", hangs=ready and self._stalls("learner", "transitions")):
            self.shared.orders.write(learner_up=0)
            self.shared.learner.write(ready=0)
        elif ready and self.processes.children["learner"].running:
            self.shared.orders.write(learner_up=1)

    def _stalls(self, name: str, ring: str) -> bool:
        return self.stalls[name].noticed(self.shared.rings[ring], self.processes.children[name].age_s)

    def _replace(self, name: str, hangs: bool) -> bool:
        """Start a child again that died, after killing it if it hangs; where that is no use, there is trouble."""
        child = self.processes.children[name]
        if hangs and child.running:
            child.end(no_patience)
        if child.exit_status in (None, 0):
            return False
        if child.cannot_save or child.exit_status == WRONG or not self.processes.revive(name):
            self.trouble = self.trouble or self.why(name)
        return True

    def control_hangs(self, since_s: float) -> bool:
        """Whether control shows no sign of life; since_s: nothing can have hung before."""
        if not self.in_charge:
            return self.control.age_s > READY_S
        now_s = time.monotonic()
        silent_s = min(now_s - 1e-9 * self.shared.control.peek("heartbeat_ns"), now_s - since_s)
        return silent_s > (HUNG_S if self.realtime else HUNG_LOCKSTEP_S)

    def why(self, name: str) -> str:
        """What ended a child, in one line."""
        child = self.processes.children[name]
        return (
            f"{self.folder}: the {name} {child.last_words()}" if child.cannot_save else f"{name}: {child.last_words()}"
        )

    # End

    def end_control(self, stop_level: int) -> None:
        """Let it bring the robot to rest, and end."""
        if "control" not in self.processes.children:
            return
        begin_s = time.monotonic()

        def patience_s() -> float:
            drives = self.in_charge and not self._silent()
            return begin_s + self.stop_s(stop_level) - time.monotonic() if drives else 0.0

        self.control.end(patience_s)

    def stop_s(self, stop_level: int) -> float:
        """How long that may take: by as much longer as the robot takes longer than most to come to rest."""
        return STOP_S[stop_level] + max(0.0, self.rests_within_s - RESTS_WITHIN_S)

    def _silent(self) -> bool:
        age_s = time.monotonic() - 1e-9 * self.shared.control.peek("heartbeat_ns")
        return self.realtime and not self.shared.control.peek("finished") and age_s > HUNG_STOPPING_S

    def end_guardians(self) -> None:
        """Let them go; where control did not bring the robot to rest, only after they have."""
        pid, begin_s = self.shared.control.peek("pid"), time.monotonic()

        def patience_s() -> float:
            attended = any(guardian.peek("stopped_pid") == pid for guardian in self.shared.guardians)
            at_rest = pid == 0 or self.shared.control.peek("finished") or attended
            return 0.0 if at_rest else begin_s + self.rests_within_s + GUARDIANS_S - time.monotonic()

        for name in self.guardians:
            self.processes.end(name, patience_s)

    def end_helpers(self, stop_level: int) -> None:
        """Let learner and recorder save what they have."""
        ready = self.learner_ready
        for name in ("learner", "recorder"):
            begin_s = time.monotonic()

            def patience_s(begin_s: float = begin_s) -> float:
                return begin_s + SAVE_S[stop_level] - time.monotonic()

            # What a learner has not begun, it need not save.
            self.processes.end(name, patience_s if ready or name == "recorder" else no_patience)
            if name in self.processes.children and self.processes.children[name].cannot_save:
                self.trouble = self.trouble or self.why(name)


def no_patience() -> float:
    """For a child that is not to be waited for."""
    return 0.0


class Stall:
    """Notices a reader of a ring that leaves records waiting and does not move on for `limit_s`."""

    def __init__(self, reader: int, limit_s: float) -> None:
        self.reader, self.limit_s = reader, limit_s
        self._released, self._since_s, self._looked_s = -1, 0.0, 0.0

    def noticed(self, ring: Ring, age_s: float) -> bool:
        """True as long as it does so. age_s: since the reader's start, which may take it STARTING_S."""
        now_s, released = time.monotonic(), ring.released_by(self.reader)
        suspended = now_s - self._looked_s > self.limit_s
        self._looked_s = now_s
        if released != self._released or ring.written == released or suspended:
            self._released, self._since_s = released, now_s
        still_s = now_s - self._since_s
        return still_s > self.limit_s and (age_s > still_s or age_s > STARTING_S)
