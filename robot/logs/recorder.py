"""The recorder process: drains the control process's rings into the run's log and its replay segments.

It never holds control up: if it falls behind, the ring drops and counts, and the count goes into the log. A slot goes
back to its ring only when its record is in a file, so a recorder that is killed loses nothing: its successor reads the
same records again and goes on in a new part of the log.
"""

import json
import math
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from policies.replay import write_segment
from robot.logs.writer import LogWriter, next_part
from robot.runtime.clock import RealClock
from robot.runtime.events import EVENT, event_text, make_event, weights_dtype
from robot.runtime.records import Records
from robot.runtime.run_folder import setup_path
from robot.shared_memory.ring import Ring
from sim.with_parent import outlive_parent

FLUSH_S = 0.4  # what a kill can cost at most
IDLE_S = 0.01
ORPHAN_S = 1.0  # without a parent, and with nothing arriving for so long, the session is over
BATCH = 256


@dataclass(frozen=True)
class RecorderConfig:
    """Where to record to, and the names of the rings to record from: one of events for each process that reports."""

    folder: Path
    readings: str
    outputs: str
    weights: str
    transitions: str
    events: tuple[str, ...]
    weights_size: int
    records: Records
    session_pid: int = 0  # 0: the present parent's


class Recorder:
    """One life of the recorder. `drain` takes in what has arrived, `flush` makes it last."""

    def __init__(self, config: RecorderConfig) -> None:
        self.folder = config.folder
        self.replay_folder = config.folder / "replay"
        self.replay_folder.mkdir(exist_ok=True)
        self.log = LogWriter(next_part(config.folder), config.records, config.weights_size)
        self.readings = Ring.attach(config.readings, config.records.readings)
        self.outputs = Ring.attach(config.outputs, config.records.outputs)
        self.weights = Ring.attach(config.weights, weights_dtype(config.weights_size, config.records.belief))
        self.transitions = Ring.attach(config.transitions, config.records.transition)
        self.events = [Ring.attach(name, EVENT) for name in config.events]
        self.rings = [self.readings, self.outputs, self.weights, self.transitions, *self.events]
        self.lost = {ring.block.name: ring.dropped + ring.damaged for ring in self.rings}
        self.unsaved: list[np.ndarray] = []
        self.newest = (0, 0.0)  # tick, time_s

    def drain(self) -> int:
        """Take what has arrived, at most BATCH records of each ring. Returns how many there were."""
        outputs = self.outputs.read(BATCH)  # before the readings: what has an output then has its readings here too
        readings = self.readings.read(BATCH)
        weights = self.weights.read(BATCH)
        events = [ring.read(BATCH) for ring in self.events]
        transitions = self.transitions.read(BATCH)
        if len(readings):
            self.newest = (int(readings["tick"][-1]), float(readings["time_s"][-1]))
        for batch in events:
            self.attach_setups(batch)
            self.log.add_events(batch)
        self.log.add_weights(weights)
        self.log.add_readings(readings)
        self.log.add_outputs(outputs)
        if len(transitions):
            self.unsaved.append(transitions)
        return len(readings) + len(outputs) + len(weights) + len(transitions) + sum(map(len, events))

    def attach_setups(self, events: np.ndarray) -> None:
        """Put the setup of every life that begins into the log, so that it can be replayed wherever it is taken."""
        for event in events:
            told = json.loads(event_text(event))
            path = setup_path(self.folder, int(told.get("life", 0)))
            if told["kind"] == "start" and path.is_file():
                self.log.add_setup(told["life"], path.read_bytes())

    def flush(self) -> None:
        """Put everything taken so far into files, then give its slots back."""
        for ring in self.rings:
            lost = ring.dropped + ring.damaged
            if lost > self.lost[ring.block.name]:
                event = make_event("dropped", *self.newest, ring=ring.block.name, dropped=ring.dropped,
                                   damaged=ring.damaged)  # fmt: skip
                self.log.add_events(event[None])
                self.lost[ring.block.name] = lost
        self.log.flush()
        if self.unsaved:
            transitions = np.concatenate(self.unsaved)
            write_segment(self.replay_folder / f"{transitions['step'][0]:010d}.seg", transitions)
            self.unsaved.clear()
        for ring in self.rings:
            ring.release()

    @property
    def crowded(self) -> bool:
        """True when a ring is half full of records that are not released yet: a writer in lockstep would soon wait."""
        return any(2 * ring.free_slots < ring.capacity for ring in self.rings)

    @property
    def finished(self) -> bool:
        """True when every ring's writer has said that it is done and nothing is left."""
        return all(ring.finished and ring.waiting == 0 for ring in self.rings)

    def close(self) -> None:
        """Flush, close the part, leave the rings."""
        self.flush()
        self.log.close()
        for ring in self.rings:
            ring.close()


def record(config: RecorderConfig) -> None:
    """Main function of the recorder process: until the rings are finished, SIGTERM, or the session has died.

    SIGINT is left to the session, which stops the car first: the recorder is the last to go. Exit status 0 says that
    everything is on record; after SIGTERM, which may come too early for that, it is 143. Raises OSError where the disk
    takes no more.
    """
    clock = RealClock()
    terminated = False

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, terminate)
    parent = config.session_pid or os.getppid()
    recorder = Recorder(config)
    outlive_parent(math.inf)  # control, which brings the robot to rest, has more to say
    flushed_s = moved_s = clock.now()
    while not recorder.finished:
        moved = recorder.drain()
        now = clock.now()
        if moved:
            moved_s = now
        elif terminated or (os.getppid() != parent and now - moved_s > ORPHAN_S):
            break
        if now - flushed_s >= FLUSH_S or recorder.crowded:
            recorder.flush()
            flushed_s = now
        if moved < BATCH:
            clock.sleep_until(now + IDLE_S)
    complete = recorder.finished
    recorder.close()
    if terminated and not complete:
        sys.exit(128 + signal.SIGTERM)
