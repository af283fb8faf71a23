"""Stops of real sessions in real time: every signal to every process, and to two at once, judged by the emulator's truth.

A virtual robot that belongs to nobody but the judge; a session that drives it through its ports, on a terminal of its own.
The session goes on after most causes, and is used again; after others it must have ended, and left nothing behind.
"""

import math
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np

from robot.practice.body import Emulator
from robot.runtime.left_behind import is_alive, modules_given
from robot.safety.campaign.stops.causes import Cause, Job
from robot.safety.campaign.stops.held_up import LATE_S, AtWork
from robot.safety.campaign.stops.stoppable_session import PID_FILE, Options
from robot.safety.campaign.stops.stops import SPIN_M_S, STANDING_M_S, Stop, rounded
from robot.safety.campaign.trials import Rig, SafetyTrials, StopTrials
from robot.safety.campaign.truth import Seen
from robot.shared_memory.shared_block import SHARED_FOLDER
from sim.scratch_folder import scratch_folder
from sim.with_parent import command_line

LOOK_EVERY_S = 0.002
READY_S = 300.0  # for a session to drive: the first one may compile kernels
ENDS_S = 35.0  # a session that was asked to stop
PATIENCE_S = 5.0
PRACTICE_MINUTES = 600.0
GOING_ON_EACH = 5  # causes before the one that ends a session
LEARNING_EVERY = 4  # sessions; the others drive without a learner, which start sooner
NEVER_DROVE: dict[str, object] = {"cause": "none: it never drove", "speed_m_s": 0.0, "impact_m_s": None, "turned_rad": 0.0,
                                  "throttle_off_ms": None, "ended": False}  # fmt: skip


class Watch:
    """What is seen every 2 ms, from a thread of its own. worked: whether control was at its work, in each row."""

    def __init__(self, see: Callable[[], Seen], works: Callable[[], bool]) -> None:
        self._see, self._works = see, works
        self._ended = threading.Event()
        self.rows: list[tuple[float, Seen]] = []
        self.worked: list[bool] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.worked.append(self._works())
            self.rows.append((time.monotonic(), self._see()))
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def judge(rows: list[tuple[float, Seen]], begin_s: float) -> dict[str, float | None]:
    """Fields of `Stop` from what was seen since a moment: speed, throttle, worst touch, most angle from where it should face,
    and how long the emulated robot was late."""
    since = [(at_s, seen) for at_s, seen in rows if at_s >= begin_s]
    off = [at_s for at_s, seen in since if not seen.driven]
    late_ms = 1000.0 * (since[-1][1].late_s - since[0][1].late_s)
    touched = [
        max(seen.speed_m_s for _, seen in since[max(0, k - 5) : k + 1])  # as fast as it came
        for k in range(1, len(since))
        if since[k][1].touches > since[k - 1][1].touches
    ]
    return {
        "speed_m_s": round(since[0][1].speed_m_s, 3),
        "throttle_off_ms": round(1000.0 * (off[0] - begin_s), 1) if off else None,
        "impact_m_s": round(max(touched), 3) if touched else None,
        "turned_rad": max((seen.turned_rad for _, seen in since if seen.speed_m_s > SPIN_M_S), default=0.0),
        "emulator_late_ms": round(late_ms, 1) if math.isfinite(late_ms) else None,
    }


class Judged:
    """A job, and the eyes on its robot. works: whether control works with one that is held up; of others it is known by their truth."""

    def __init__(self, job: Job, trials: SafetyTrials, stops: StopTrials, task: str) -> None:
        self.job, self.trials, self.stops = job, trials, stops
        self.works: Callable[[], bool] = (lambda: True) if stops.held_up is None else AtWork(job.folder, task)

    def seen(self) -> Seen:
        return self.trials.see(self.job.emulated.truth())

    def drives(self) -> bool:
        seen = self.seen()
        return seen.speed_m_s > self.trials.moving_m_s and seen.driven and self.works()


def wait(condition: Callable[[], bool], patience_s: float) -> bool:
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < patience_s:
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def job_on(rig: Rig, repair: Callable[[Emulator], None], options: Options) -> Iterator[Job]:
    """A session on a terminal of its own; whatever becomes of it, nothing of it is left afterwards."""
    folder = Path(options.folder)
    folder.mkdir()
    (folder / "options.json").write_bytes(msgspec.json.encode(options))
    terminal, end = pty.openpty()
    with open(folder / "terminal.txt", "wb") as output:
        shell = subprocess.Popen(
            command_line("robot.safety.campaign.stops.stoppable_session", str(folder / "options.json")),
            stdin=end, stdout=output, stderr=output, start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
    os.close(end)
    job = Job(rig.emulated, repair, folder, shell, terminal)
    try:
        yield job
    finally:
        kill_all(job)
        if job.terminal >= 0:
            os.close(job.terminal)
        shell.wait()
        for path in segments(job):
            path.unlink(missing_ok=True)


def take_terminal() -> None:
    """Between fork and exec: make standard input the controlling terminal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def segments(job: Job) -> list[Path]:
    return list(SHARED_FOLDER.glob(f"robot-{job.session_pid}-*")) if job.session_pid else []


def kill_all(job: Job) -> None:
    """Every process of the job, its shell and the session's own included; returns when they are gone."""

    def living() -> list[int]:
        found = (*modules_given(str(job.folder / "options.json")), *job.processes().values())
        return [pid for pid in found if is_alive(pid)]

    for pid in living():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait(lambda: not living(), PATIENCE_S)


def stop(judged: Judged, cause: Cause, ends: bool) -> dict[str, object]:
    """Let it happen, watch, and let the session go on or end: fields of `Stop`."""
    job = judged.job
    before = job.before = job.processes()
    touches = judged.seen().touches
    watched_s, held_up = judged.stops.watched_s, judged.stops.held_up
    watch = Watch(judged.seen, judged.works)
    begin_s = time.monotonic()
    cause.do(job)
    stands = wait(lambda: judged.seen().speed_m_s < STANDING_M_S, 2.0 * watched_s) if cause.stops else True
    if not stands or judged.seen().touches == touches:  # else it stands where it should not: seen already
        time.sleep(max(0.0, begin_s + watched_s - time.monotonic()))
    told: dict[str, object] = {"cause": cause.name, "in_reach": not cause.out_of_reach}
    if held_up is None:  # one that is held up may fall until it has ended, or works again
        watch.end()
    told |= judge(list(watch.rows), begin_s)
    if not cause.hurts:
        told["throttle_off_ms"] = None
    elif told["throttle_off_ms"] is None:
        told["throttle_off_ms"] = 1000.0 * watched_s  # at least
    told |= ended(judged) if ends else went_on(judged, cause, before)
    told["ended"] = stands and told["ended"]
    if held_up is not None:
        time.sleep(2.0 * LATE_S)  # until control has told that it works again
        watch.end()
        fell = held_up.fell_m_s(watch.rows, watch.worked, begin_s)
        touched = judge(watch.rows, begin_s)["impact_m_s"]
        told["impact_m_s"] = max((each for each in (fell, touched) if each is not None), default=None)
    return told


def ended(judged: Judged) -> dict[str, object]:
    """Whether all of the session ends, and what is left of it: fields of `Stop`."""
    job = judged.job
    gone = wait(lambda: not is_alive(job.session_pid) and set(job.processes()) == {"session"}, ENDS_S)
    left = len(segments(job)) + len([pid for pid in job.processes().values() if is_alive(pid)])
    return {"ended": gone, "left_behind": left}


def went_on(judged: Judged, cause: Cause, before: dict[str, int]) -> dict[str, object]:
    """Give the robot back what the cause took from it; whether it drives on, and is guarded: fields of `Stop`."""
    job = judged.job
    if not cause.stops:
        wait(lambda: job.processes() != before, 2.0)
    job.let_go_on()
    return {"ended": wait(lambda: judged.drives() and job.guarded(), READY_S), "left_behind": 0}


def process_stops(trials: SafetyTrials, stops: StopTrials, task: str, count: int, seed: int,
                  report: Callable[[Stop], None], keep: Callable[[Path], None], repaired: bool = True,
                  going_on_each: int = GOING_ON_EACH) -> list[Stop]:  # fmt: skip
    """`count` stops in real time, of every variant of the robot in turn. stops: the trials' own. going_on_each: of a session.
    keep: is handed the folder of each session in which something went wrong, when it has ended: what is not kept is gone.

    repaired: False leaves one guardian alone, within the terminal's reach as all other processes, to see the difference.
    Causes out of reach are in the list too: nobody could have stopped these robots.
    """
    rng = np.random.default_rng([seed, 0x570F])
    made: list[Stop] = []
    number = 0
    going_on, ending = shuffled(stops.going_on, rng), shuffled(stops.ending, rng)
    while len(made) < count:
        variant, learning = stops.variant(number, rng), number % LEARNING_EVERY == LEARNING_EVERY - 1
        with scratch_folder("robot-stops") as place, closing(stops.rig(variant, seed + number, rng, place)) as rig:
            config = rig.config | {"minutes": PRACTICE_MINUTES, "seed": seed + number}
            run, before = place / "run", len(made)
            options = Options(str(run), task, config, rig.progress, learning, repaired, rig.command)
            with job_on(rig, stops.repair, options) as job:
                judged = Judged(job, trials, stops, task)
                most = min(count - len(made), going_on_each + 1) if stops.going_on else 1
                for told in stop_and_go_on(judged, most, learning, going_on, ending, rng):
                    made.append(Stop(variant=rounded(variant), scheduling=rig.scheduling, **told))  # type: ignore[arg-type]
                    report(made[-1])
            if any(each.went_wrong for each in made[before:]):
                keep(run)
        number += 1
    return made


def shuffled(causes: tuple[Cause, ...], rng: np.random.Generator) -> Iterator[Cause]:
    """All of them in random order, again and again."""
    while causes:
        yield from (causes[k] for k in rng.permutation(len(causes)))


def stop_and_go_on(judged: Judged, most: int, learning: bool, going_on: Iterator[Cause], ending: Iterator[Cause],
                   rng: np.random.Generator) -> Iterator[dict[str, object]]:  # fmt: skip
    """The causes of one session: some that it survives, then one that ends it. One that never drives is one that did not go
    as it should; hours of others do not end with it. Raises RuntimeError if it ends before it drives."""
    job, between_s = judged.job, judged.stops.between_s
    drives = wait(lambda: judged.drives() or job.shell.poll() is not None, READY_S)
    if job.shell.poll() is not None:
        raise RuntimeError(f"the session ended before it drove: {(job.folder / 'terminal.txt').read_text()[-300:]}")
    if not drives:
        yield NEVER_DROVE
        return
    job.session_pid = int((job.folder / PID_FILE).read_text())
    chosen = 0
    while chosen < most - 1:
        cause = next(going_on)
        if cause.learning and not learning:
            continue
        chosen += 1
        time.sleep(rng.uniform(*between_s))
        told = stop(judged, cause, ends=False)
        yield told
        if not told["ended"]:
            return
    time.sleep(rng.uniform(*between_s))
    yield stop(judged, next(ending), ends=True)
