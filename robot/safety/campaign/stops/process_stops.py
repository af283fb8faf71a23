"""Stops of real sessions in real time: every signal to every process, and to two at once, judged by the car's truth.

A virtual car that belongs to nobody but the judge; a session that drives it through its ports, on a terminal of its own.
The session goes on after most causes, and is used again; after others it must have ended, and left nothing behind.
"""

import math
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from drivers.emulators.virtual_car import Truth, VirtualCar, VirtualCarConfig, start_virtual_car
from robot.practice.run_lock import LOCK_FILE
from robot.runtime.left_behind import is_alive, modules_given
from robot.safety.campaign.stops.stoppable_session import Options
from robot.safety.campaign.stops.stops import Stop
from robot.shared_memory.shared_block import SHARED_FOLDER
from sim.car.model import hidden_car, load_parameters
from sim.scratch_folder import scratch_folder
from sim.tracks.built_in_tracks import BUILT_IN
from sim.with_parent import module_of

LOOK_EVERY_S = 0.002
READY_S = 300.0  # for a session to drive: the first one may compile kernels
DRIVING_M_S = 1.5
BETWEEN_S = (0.3, 2.0)
WATCHED_S = 4.0  # a car stands after less, or does not stop at all
STANDING_M_S, SPIN_M_S = 0.05, 0.3
ENDS_S = 35.0  # a session that was asked to stop
PATIENCE_S = 5.0
SPEED, CURRENT = 1, 2  # truth's motor_mode
GRIP_SHARES = (0.4, 1.2)
TRIM_SIGMA_RAD, LATENCY_SIGMA_S = 0.004, 0.003  # what a demonstration leaves open
GOING_ON_EACH = 5  # causes before the one that ends a session
LEARNING_EVERY = 4  # sessions; the others drive without a learner, which start sooner
ROBOT = """virtual = false
car = "f1tenth"
[devices.motor]
driver = "vesc"
port = "{vesc}"
[devices.lidar]
driver = "rplidar"
port = "{lidar}"
"""


@dataclass
class Job:
    """One session on its terminal, and the car that it drives."""

    car: VirtualCar
    folder: Path
    shell: subprocess.Popen[bytes]
    terminal: int
    session_pid: int = 0
    before: dict[str, int] = field(default_factory=dict)  # its processes, by name, as the present cause finds them
    stopped: list[int] = field(default_factory=list)  # processes to be continued

    def processes(self) -> dict[str, int]:
        """Pids by name: control, recorder, learner, guardians by rank, and the session."""
        found = modules_given(str((self.folder / "session.json").resolve()))
        names = {}
        for pid, module in found.items():
            name = module.rsplit(".", 1)[1].removesuffix("_process")
            if name == "guardian":
                _, arguments = module_of([word.decode() for word in cmdline(pid)])
                if len(arguments) < 2:
                    continue  # it has ended meanwhile
                name = f"guardian-{arguments[1]}"
            names[name] = pid
        return names | {"session": self.session_pid}

    def send(self, number: int, *names: str) -> None:
        """A signal to some of the processes that were there before this cause, as close together as can be."""
        pids = [self.before[name] for name in names if name in self.before]
        for pid in pids:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            self.stopped += pids

    def type(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def hang_up(self) -> None:
        os.close(self.terminal)
        self.terminal = -1

    def let_go_on(self) -> None:
        """Continue what was stopped, and what Ctrl-Z suspended; give the car its cables and sensors back."""
        for pid in (*self.stopped, self.session_pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()
        self.car.fault("plug", device="lidar")
        self.car.fault("plug", device="vesc")
        self.car.fault("freeze_lidar", on=False)
        self.car.fault("silence_vesc", on=False)


@dataclass(frozen=True)
class Cause:
    """One way to stop a session, or to try to. hurts: a process that drives dies or hangs, so that the throttle must
    fall at once; out_of_reach: nobody can speak to the motor any more."""

    name: str
    do: Callable[[Job], None]
    stops: bool = True  # False: the car drives on, by design
    hurts: bool = False
    out_of_reach: bool = False
    learning: bool = False  # only where there is a learner


def cmdline(pid: int) -> list[bytes]:
    """The words that a process was started with; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def kill(*names: str) -> Callable[[Job], None]:
    return lambda job: job.send(signal.SIGKILL, *names)


def pause(*names: str) -> Callable[[Job], None]:
    return lambda job: job.send(signal.SIGSTOP, *names)


def both(*acts: Callable[[Job], None]) -> Callable[[Job], None]:
    def do(job: Job) -> None:
        for act in acts:
            act(job)

    return do


def fault(do: str, **arguments: object) -> Callable[[Job], None]:
    return lambda job: job.car.fault(do, **arguments)


A, B = "guardian-0", "guardian-1"
GOING_ON = (
    Cause("Ctrl-Z", lambda job: job.type(b"\x1a")),
    Cause("kill -9 control", kill("control"), hurts=True),
    Cause("SIGSTOP control", pause("control"), hurts=True),
    Cause("SIGTERM control", lambda job: job.send(signal.SIGTERM, "control"), hurts=True),
    Cause("SIGHUP control", lambda job: job.send(signal.SIGHUP, "control"), hurts=True),
    Cause("kill -9 a guardian", kill(A), stops=False),
    Cause("SIGSTOP a guardian", pause(B), stops=False),
    Cause("kill -9 both guardians", kill(A, B), hurts=True),
    Cause("kill -9 control and a guardian", kill("control", A), hurts=True),
    Cause("SIGSTOP a guardian, kill -9 control", both(pause(A), kill("control")), hurts=True),
    Cause("SIGSTOP control and a guardian", pause("control", A), hurts=True),
    Cause("SIGSTOP the session, kill -9 control", both(pause("session"), kill("control")), hurts=True),
    Cause("SIGSTOP the session", pause("session")),
    Cause("kill -9 recorder", kill("recorder"), stops=False),
    Cause("kill -9 control and recorder", kill("control", "recorder"), hurts=True),
    Cause("kill -9 learner", kill("learner"), stops=False, learning=True),
    Cause("kill -9 control and learner", kill("control", "learner"), hurts=True, learning=True),
    Cause("SIGSTOP learner", pause("learner"), stops=False, learning=True),
    Cause("lidar cable", fault("unplug", device="lidar")),
    Cause("lidar frozen", fault("freeze_lidar", on=True)),
    Cause("lidar cable, kill -9 control", both(fault("unplug", device="lidar"), kill("control")), hurts=True),
    Cause("motor controller's cable", fault("unplug", device="vesc"), out_of_reach=True),
    Cause("motor controller silent", fault("silence_vesc", on=True), out_of_reach=True),
)
ENDING = (
    Cause("Ctrl-C", lambda job: job.type(b"\x03")),
    Cause("Ctrl-C twice", lambda job: job.type(b"\x03\x03")),
    Cause("Ctrl-\\", lambda job: job.type(b"\x1c")),
    Cause("hang-up", Job.hang_up),
    Cause("SIGTERM session", lambda job: job.send(signal.SIGTERM, "session")),
    Cause("kill -9 session", kill("session"), hurts=True),
    Cause("kill -9 session and control", kill("session", "control"), hurts=True),
    Cause("kill -9 session and a guardian", kill("session", A), hurts=True),
    Cause("kill -9 session and recorder", kill("session", "recorder"), hurts=True),
    Cause("SIGSTOP control, Ctrl-C", both(pause("control"), lambda job: job.type(b"\x03")), hurts=True),
    Cause("SIGSTOP recorder, Ctrl-C", both(pause("recorder"), lambda job: job.type(b"\x03"))),
    Cause("kill -9 control, Ctrl-C", both(kill("control"), lambda job: job.type(b"\x03")), hurts=True),
)

CAUSES = {cause.name: cause for cause in (*GOING_ON, *ENDING)}
OUT_OF_REACH = {cause.name for cause in CAUSES.values() if cause.out_of_reach}


class Watch:
    """The car's truth every 2 ms, from a thread of its own."""

    def __init__(self, car: VirtualCar) -> None:
        self._car = car
        self._ended = threading.Event()
        self.rows: list[tuple[float, Truth]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.rows.append((time.monotonic(), self._car.truth()))
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def speed(truth: Truth) -> float:
    return math.sqrt(truth.v_x * truth.v_x + truth.v_y * truth.v_y)


def judge(rows: list[tuple[float, Truth]], begin_s: float) -> dict[str, float | None]:
    """Fields of `Stop` from what was seen since a moment: speed, throttle, worst touch, most angle against the course."""
    seen = [(at_s, truth) for at_s, truth in rows if at_s >= begin_s]
    off = [at_s for at_s, truth in seen if truth.motor_mode not in (SPEED, CURRENT) or truth.motor_value == 0.0]
    touched = [
        max(speed(truth) for _, truth in seen[max(0, k - 5) : k + 1])  # as fast as it came
        for k in range(1, len(seen))
        if seen[k][1].collisions > seen[k - 1][1].collisions
    ]
    return {
        "speed_m_s": round(seen[0][1].v_x, 3),
        "throttle_off_ms": round(1000.0 * (off[0] - begin_s), 1) if off else None,
        "impact_m_s": round(max(touched), 3) if touched else None,
        "turned_rad": max((abs(t.heading_error) for _, t in seen if speed(t) > SPIN_M_S), default=0.0),
    }


def drives(job: Job) -> bool:
    truth = job.car.truth()
    return truth.v_x > DRIVING_M_S and truth.motor_mode == SPEED


def wait(condition: Callable[[], bool], patience_s: float) -> bool:
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < patience_s:
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def job_on(car: VirtualCar, options: Options) -> Iterator[Job]:
    """A session on a terminal of its own; whatever becomes of it, nothing of it is left afterwards."""
    folder = Path(options.folder)
    folder.mkdir()
    (folder / "options.json").write_bytes(msgspec.json.encode(options))
    terminal, end = pty.openpty()
    with open(folder / "terminal.txt", "wb") as output:
        shell = subprocess.Popen(
            [sys.executable, "-m", "robot.safety.campaign.stops.stoppable_session", str(folder / "options.json")],
            stdin=end, stdout=output, stderr=output, start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
    os.close(end)
    job = Job(car, folder, shell, terminal)
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


def stop(job: Job, cause: Cause, ends: bool) -> dict[str, object]:
    """Let it happen, watch, and let the session go on or end: fields of `Stop`."""
    before = job.before = job.processes()
    collisions = job.car.truth().collisions
    watch = Watch(job.car)
    begin_s = time.monotonic()
    cause.do(job)
    stands = wait(lambda: abs(job.car.truth().v_x) < STANDING_M_S, 2.0 * WATCHED_S) if cause.stops else True
    if not stands or job.car.truth().collisions == collisions:  # else it stands where it should not: seen already
        time.sleep(max(0.0, begin_s + WATCHED_S - time.monotonic()))
    watch.end()
    told: dict[str, object] = dict(judge(watch.rows, begin_s))
    if not cause.hurts:
        told["throttle_off_ms"] = None
    elif told["throttle_off_ms"] is None:
        told["throttle_off_ms"] = 1000.0 * WATCHED_S  # at least
    if ends:
        gone = wait(lambda: not is_alive(job.session_pid) and set(job.processes()) == {"session"}, ENDS_S)
        left = len(segments(job)) + len([pid for pid in job.processes().values() if is_alive(pid)])
        return told | {"ended": stands and gone, "left_behind": left}
    if not cause.stops:
        wait(lambda: job.processes() != before, 2.0)
    job.let_go_on()
    return told | {"ended": stands and wait(lambda: drives(job), READY_S), "left_behind": 0}


def process_stops(count: int, seed: int, report: Callable[[Stop], None], repaired: bool = True) -> list[Stop]:
    """`count` stops in real time, on the built-in tracks in turn, with hidden cars on floors of GRIP_SHARES.

    repaired: False leaves one guardian alone, within the terminal's reach as all other processes, to see the difference.
    Causes out of reach are in the list too: nobody could have stopped these cars.
    """
    rng = np.random.default_rng([seed, 0x570F])
    stops: list[Stop] = []
    session = 0
    going_on, ending = shuffled(GOING_ON, rng), shuffled(ENDING, rng)
    while len(stops) < count:
        track, hidden_seed = list(BUILT_IN)[session % len(BUILT_IN)], int(rng.integers(1, 2**31))
        grip_share, learning = float(rng.uniform(*GRIP_SHARES)), session % LEARNING_EVERY == LEARNING_EVERY - 1
        config = VirtualCarConfig(
            track=track, clock="realtime", seed=seed + session, car=hidden(hidden_seed, grip_share)
        )
        with scratch_folder("robot-stops") as place, start_virtual_car(config) as car:
            robot = place / "car.toml"
            robot.write_text(ROBOT.format(vesc=car.vesc_path, lidar=car.lidar_path))
            trim_rad, latency_s = demonstrated(hidden_seed, rng)
            options = Options(str(place / "run"), str(robot), track, 600.0, seed + session, learning, repaired,
                              trim_rad, latency_s)  # fmt: skip
            with job_on(car, options) as job:
                for told in stop_and_go_on(job, count - len(stops), learning, going_on, ending, rng):
                    stops.append(Stop(track=track, hidden_seed=hidden_seed, grip_share=round(grip_share, 3), **told))  # type: ignore[arg-type]
                    report(stops[-1])
        session += 1
    return stops


def hidden(seed: int, grip_share: float) -> dict[str, float]:
    """The parameters in which a hidden car on a floor of this share of the nominal grip differs from the data sheet."""
    nominal = load_parameters()
    car = vars(hidden_car(seed, nominal)) | {"grip": grip_share * nominal.grip}
    return {name: float(value) for name, value in car.items() if value != getattr(nominal, name)}


def demonstrated(seed: int, rng: np.random.Generator) -> tuple[float, float]:
    """What a demonstration lap would have told of a hidden car: trim, rad, and latency, s."""
    car = hidden_car(seed, load_parameters())
    return (
        float(car.steer_trim_rad + TRIM_SIGMA_RAD * rng.standard_normal()),
        float(car.actuation_s + LATENCY_SIGMA_S * rng.standard_normal()),
    )


def shuffled(causes: tuple[Cause, ...], rng: np.random.Generator) -> Iterator[Cause]:
    """All of them in random order, again and again."""
    while True:
        yield from (causes[k] for k in rng.permutation(len(causes)))


def stop_and_go_on(job: Job, most: int, learning: bool, going_on: Iterator[Cause], ending: Iterator[Cause],
                   rng: np.random.Generator) -> Iterator[dict[str, object]]:  # fmt: skip
    """The causes of one session: some that it survives, then one that ends it. Raises RuntimeError if it never drives."""
    if not wait(lambda: drives(job) or job.shell.poll() is not None, READY_S) or job.shell.poll() is not None:
        raise RuntimeError(f"the session does not drive: {(job.folder / 'terminal.txt').read_text()[-300:]}")
    job.session_pid = int((job.folder / LOCK_FILE).read_text())
    chosen = 0
    while chosen < min(GOING_ON_EACH, most - 1):
        cause = next(going_on)
        if cause.learning and not learning:
            continue
        chosen += 1
        time.sleep(rng.uniform(*BETWEEN_S))
        told = {"cause": cause.name, **stop(job, cause, ends=False)}
        yield told
        if not told["ended"]:
            return
    time.sleep(rng.uniform(*BETWEEN_S))
    cause = next(ending)
    yield {"cause": cause.name, **stop(job, cause, ends=True)}
