"""The command `robot`: one small file per verb. Nothing heavy is imported before the verb is known."""

import importlib
import os
import sys

VERBS = {
    "practice": "a robot learns a task by itself, on the robot or on its virtual twin",
    "demo": "one slow lap, by keyboard or by itself, saved as a course",
    "train": "a policy from the simulator, in seconds",
    "evaluate": "the best policy of a run, without learning, over N laps",
    "replay": "the same decisions again, byte for byte, from a log or a folder of logs",
    "plot": "a picture of a run",
    "tasks": "what can be learned, and on which robots and tracks",
    "export": "a policy as ONNX, as C, or as an app for the Crazyflie, with a proof that it is the same policy",
    "flash": "firmware onto a Crazyflie, read back and compared",
    "run": "a policy flies a Crazyflie, or its virtual twin: take-off, task, landing",
    "safety": "put faults in, kill processes, and see that the car stops as designed",
    "bench": "how fast the parts are on this machine",
}

HELP = f"""usage: robot VERB [options]          robot VERB --help for a verb's options

{chr(10).join(f"  {verb:<10} {text}" for verb, text in VERBS.items())}

Start with:
  robot practice --task race_track      the virtual car learns to race, a few minutes
  robot train --task race_track         pre-train a policy for a track in the simulator, 20 s
  robot train --task hover              a policy that flies a quadrotor, in seconds
  robot train --sweep FILE              many trainings at once: every combination of what FILE varies
"""


def main() -> None:
    """Entry point. Exit status 0: what was asked for happened; 1: it did not; 2: wrong input; 130: Ctrl-C."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        sys.exit(0 if arguments else 2)
    verb = arguments[0]
    if verb not in VERBS:
        print(f"robot: found verb '{verb}', allowed: {', '.join(VERBS)}", file=sys.stderr)
        sys.exit(2)
    # The matrices are small: a second BLAS thread only waits, ten times as long when the machine has other work.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    try:
        sys.exit(importlib.import_module(f"robot.cli.{verb}").main(arguments[1:]))
    except ValueError as error:
        print(f"robot {verb}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
