"""The runs of a sweep on Ray, one core each: every one once, whatever dies meanwhile.

A worker trains in a scratch folder of its machine and hands back the files, and the one process that started the sweep
puts them into the sweep's folder, so a cluster needs no shared disk. A run's folder appears by one rename, whole:

    runs/sweeps/<name>/<id>/result.json    options and figures of a run that is done, which is never run again
    runs/sweeps/<name>/<id>/...            whatever `robot train` writes
    runs/sweeps/<name>/<id>/error.txt      instead, of a run that failed; the next start tries it again
    runs/sweeps/<name>/ray.log             what Ray said
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from policies.array_file import try_writing, write_bytes_atomically
from robot.runtime.run_folder import save_config
from robot.training.sweep_file import Run, Sweep
from robot.training.train import train

RESULT, ERROR = "result.json", "error.txt"
SCRATCH_BYTES_MAX = 107 - len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")  # of a socket's name
RESTARTS_MAX = 3  # of a run whose worker died; then it is taken to be the run's fault
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMBA")}
REACHABLE_S = 5.0
OBJECT_STORE_BYTES = 200_000_000  # instead of a third of the memory: a run hands back a policy and a picture


@dataclass(frozen=True)
class Outcome:
    """What a worker hands back."""

    figures: dict[str, Any]
    files: dict[str, bytes]  # by their path in the run's folder
    error: str = ""


@dataclass
class Standing:
    """How far a sweep is."""

    runs: int
    done: int = 0  # those of earlier starts too
    failed: int = 0
    restarted: int = 0  # how often a run was started again because its worker died


def run_sweep(sweep: Sweep, folder: Path, progress: Callable[[Standing], None]) -> Standing:
    """Run what has no result in `folder` yet.

    Raises:
        ValueError: Ray is missing or its cluster cannot be reached, or another process works on the same sweep.
    """
    try_writing(folder)
    with alone_in(folder):
        missing = [run for run in sweep.runs if not (folder / run.id / RESULT).is_file()]
        standing = Standing(len(sweep.runs), done=len(sweep.runs) - len(missing))
        progress(standing)
        if missing:
            train_all(sweep, missing, folder, standing, progress)
    return standing


def train_all(
    sweep: Sweep, runs: list[Run], folder: Path, standing: Standing, progress: Callable[[Standing], None]
) -> None:
    """Give all runs to Ray, and save what each one hands back."""
    scratch = scratch_of(folder)
    shutil.rmtree(scratch, ignore_errors=True)
    restarts: Counter[str] = Counter()
    with ray_cluster(sweep.address, scratch, folder / "ray.log") as ray:
        task = ray.remote(num_cpus=1, max_retries=0)(train_once)

        def start(run: Run) -> Any:
            return task.remote(train, run.config, scratch / "runs" / run.id)

        pending = {start(run): run for run in runs}
        while pending:
            [finished], _ = ray.wait(list(pending), num_returns=1)
            run = pending.pop(finished)
            try:
                outcome = ray.get(finished)
            except ray.exceptions.RayTaskError as error:  # what the worker cannot even begin
                outcome = Outcome({}, {}, str(error))
            except ray.exceptions.RayError as error:  # its worker or its machine died
                if restarts[run.id] < RESTARTS_MAX:
                    restarts[run.id] += 1
                    standing.restarted += 1
                    pending[start(run)] = run
                    progress(standing)
                    continue
                outcome = Outcome({}, {}, f"its worker died {RESTARTS_MAX + 1} times; the last time: {error}")
            save(folder, run, outcome, restarts[run.id])
            standing.failed += bool(outcome.error)
            standing.done += not outcome.error
            progress(standing)


def scratch_of(folder: Path) -> Path:
    """This sweep's scratch folder on every machine: the same at every start, so that what a kill leaves is replaced.

    Its path is short, because Ray's sockets are in it: where TMPDIR is too long for them, it is in /tmp.
    """
    name = hashlib.sha256(f"{socket.gethostname()} {folder.resolve()}".encode()).hexdigest()[:8]
    places = [Path(place) / f"sweep-{name}" for place in (tempfile.gettempdir(), "/tmp")]
    return next((place for place in places if len(os.fsencode(place)) <= SCRATCH_BYTES_MAX), places[-1])


def train_once(train: Callable[..., dict[str, Any]], config: Any, scratch: Path) -> Outcome:
    """On a worker: one run, in a scratch folder. What an earlier worker left there when it was killed is replaced."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep: a training would end early and hand back
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        figures = train(config, root=scratch)
        made = Path(figures["run"])
        files = {str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*") if path.is_file()}
        return Outcome(figures, files)
    except Exception:
        return Outcome({}, {}, traceback.format_exc())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def save(folder: Path, run: Run, outcome: Outcome, restarts: int) -> None:
    """Write a run's folder beside and rename it."""
    beside, there = folder / f".{run.id}", folder / run.id
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    save_config(beside, run.config)
    for name, data in outcome.files.items():
        write_bytes_atomically(beside / name, [data])
    if outcome.error:
        write_bytes_atomically(beside / ERROR, [outcome.error.encode()])
    else:
        figures = outcome.figures | {"run": str(there)}
        result = {"id": run.id, "options": asdict(run.config), "figures": figures, "restarts": restarts}
        write_bytes_atomically(beside / RESULT, [json.dumps(result, indent=1).encode()])
    shutil.rmtree(there, ignore_errors=True)
    beside.rename(there)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two processes never run the same run; released whatever this one dies of."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"{folder}: another `robot train --sweep` works here; allowed: one at a time") from None
        yield


@contextlib.contextmanager
def ray_cluster(address: str, scratch: Path, log: Path) -> Iterator[Any]:
    """Ray on this machine's cores, or the cluster at `address`, with what it prints in `log`; yields the module."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # or every worker warns of a change in a later version
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ValueError("--sweep needs Ray, allowed: after pip install 'robot-practice[sweep]'") from error
    here: dict[str, Any] = {
        "num_cpus": len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(scratch / "ray"),
    }
    if address:
        check_reachable(address)
    with log.open("w") as file, contextlib.redirect_stdout(file):
        try:
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": ONE_THREAD},
                **({} if address else here),
            )
        except (ConnectionError, ray.exceptions.RayError) as error:  # another version, a token that is missing
            raise ValueError(f"address: found '{address}', allowed: a cluster that lets Ray in ({error})") from error
        try:
            yield ray
        finally:
            ray.shutdown()
            shutil.rmtree(scratch, ignore_errors=True)


def check_reachable(address: str) -> None:
    """Raises ValueError if nobody listens at `[ray://]host:port`; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=REACHABLE_S).close()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"address: found '{address}', allowed: that of a Ray cluster, as host:6379 or ray://host:10001 ({error})"
        ) from error
