"""The command `robot`: one small file per verb. Nothing heavy is imported before the verb is known.

Here alone errors become words. What a user, a disk, a device or another program can cause is one line on stderr, and an
exit status; a traceback is a bug of ours.
"""

import importlib
import os
import select
import signal
import sys

from robot.cli import extras
from sim.cache_folder import give_kernels_a_place

VERBS = {
    "doctor": "whether this computer and a robot's devices are ready, and what to do where not",
    "setup": "what an owner gets wrong about a robot, measured and written to its file",
    "practice": "a robot learns a task by itself, on the robot or on its virtual twin",
    "demo": "one slow lap, by keyboard or by itself, saved as a course",
    "train": "a policy from the simulator, in seconds",
    "evaluate": "the best policy of a run, without learning, over N laps",
    "label": "a person says how a run's episodes ended, by keys while they play",
    "replay": "the same decisions again, byte for byte, from a log or a folder of logs",
    "plot": "a picture of a run",
    "tasks": "what can be learned, and on which robots and tracks",
    "export": "a policy as ONNX, as C, or as an app for the Crazyflie, with a proof that it is the same policy",
    "flash": "firmware onto a Crazyflie, read back and compared",
    "run": "a policy flies a Crazyflie, or its virtual twin: take-off, task, landing",
    "import-urdf": "an arm's parameter file from a robot description",
    "safety": "put faults in, kill processes, and see that a robot stops as designed",
    "bench": "how fast the parts are on this machine",
}

HELP = f"""usage: robot VERB [options]          robot VERB --help for a verb's options

{chr(10).join(f"  {verb:<11} {text}" for verb, text in VERBS.items())}

Start with:
  robot practice --task race_track      the virtual car learns to race, a few minutes
  robot train --task race_track         pre-train a policy for a track in the simulator, 20 s
  robot train --task hover              a policy that flies a quadrotor, in seconds
  robot train --sweep FILE              many trainings at once: every combination of what FILE varies
"""


def main() -> None:
    """Entry point. Exit status 0: what was asked for happened; 1: it did not (a full disk, a lost device, not enough
    memory); 2: wrong input; 130: Ctrl-C; 141: nobody reads what is printed any more. `robot replay` has a 3, too."""
    occupy_standard_streams()
    arguments = sys.argv[1:]
    name = f"robot {arguments[0]}" if arguments and arguments[0] in VERBS else "robot"
    try:
        status = carry_out(arguments)
        flush_stdout()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # once more, and the interpreter's own end is cut short too
        status = 130
    except ValueError as error:
        status = complain(name, str(error), 2)
    except ModuleNotFoundError as error:
        missing = extras.in_words(error)
        if missing is None:
            raise
        status = complain(name, missing, 2)
    except MemoryError as error:
        status = complain(name, f"not enough memory: {error}", 1)
    except OSError as error:  # a full disk, a folder that is not to be written to, a device that is gone
        if isinstance(error, BrokenPipeError) and (nobody_reads(1) or nobody_reads(2)):
            status = 128 + signal.SIGPIPE
        else:
            status = complain(name, in_words(error), 1)
    leave_no_output_behind()
    sys.exit(status)


def occupy_standard_streams() -> None:
    """Where this was started without some of them (`>&-`), the next file opened would be taken for one: a run's lock, a
    serial port that others' error messages are then written to.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(opened, True)
    os.close(opened)


def carry_out(arguments: list[str]) -> int:
    """Carry out a command line; its exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        return 0 if arguments else 2
    verb = arguments[0]
    if verb not in VERBS:
        raise ValueError(f"found verb '{verb}', allowed: {', '.join(VERBS)}")
    if (interpreted := os.environ.get("NUMBA_DISABLE_JIT", "0")) not in ("", "0"):
        raise ValueError(
            f"NUMBA_DISABLE_JIT: found '{interpreted}' in the environment, allowed: 0, or nothing; interpreted, no robot keeps time"
        )
    give_kernels_a_place()
    # The matrices are small: a second BLAS thread only waits, ten times as long when the machine has other work.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # a terminal's encoding, or a file's name, must not end a session
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return importlib.import_module(f"robot.cli.{verb.replace('-', '_')}").main(arguments[1:])
    except SystemExit as end:  # of the parser of options, after a text of its own
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1


def in_words(error: OSError) -> str:
    """The file and the reason."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def complain(name: str, text: str, status: int) -> int:
    """Say what is wrong, on stderr and in one line (with what a library adds below it)."""
    if sys.stderr is not None:
        try:
            print(f"{name}: {text}", file=sys.stderr, flush=True)
        except OSError:
            return status  # nobody is there to be told
    return status


def nobody_reads(descriptor: int) -> bool:
    """Whether stdout or stderr is a pipe whose reader has gone."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def flush_stdout() -> None:
    """Print what is still in the buffer. Raises OSError, which names stdout."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "stdout") from error


def leave_no_output_behind() -> None:
    """What cannot be printed would be tried, and complained of, once more when the interpreter ends."""
    try:
        flush_stdout()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
