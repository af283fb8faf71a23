"""Count how soon the throttle is off when the hand on the gamepad is gone, by the car's truth, in real sessions.

    python tests/count_gamepad_stops.py --each 100 --seed 1

A session of its own drives a virtual car while an emulated pad's button is held, and each of CAUSES ends that in turn. No test:
a stop takes some ten seconds. The last line is the figures as JSON; the exit status is 1 if a throttle was on for longer than
promised, something was touched, or a session did not go on.
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.emulators.gamepad import REPORT_S, GamepadEmulator
from robot.practice.body import Emulator
from robot.robots.car.safety_trials import STOPS, TRIALS, ZERO_THROTTLE_MS
from robot.safety.campaign.stops.causes import Cause, Job, pause
from robot.safety.campaign.stops.process_stops import process_stops
from robot.safety.campaign.stops.stops import Stop
from robot.safety.campaign.trials import Rig, Variant
from sim.scratch_folder import scratch_folder

STOPS_A_SESSION = 40  # before one that Ctrl-C ends


class HeldPad:
    """An emulated F710 whose right shoulder is held, in the time of people."""

    def __init__(self, path: Path) -> None:
        self.pad = GamepadEmulator("f710", path)
        self.pad._next_s = time.monotonic()
        self._lock = threading.Lock()
        self.hold()
        threading.Thread(target=self._tremble, daemon=True).start()

    def _tremble(self) -> None:
        while True:
            with self._lock:
                self.pad.run(time.monotonic())
            time.sleep(REPORT_S)

    def released(self, job: Job) -> None:
        with self._lock:
            self.pad.right = False

    def unplugged(self, job: Job) -> None:
        with self._lock:
            self.pad.unplug()

    def silent(self, job: Job) -> None:
        with self._lock:
            self.pad.dead = True

    def hold(self) -> None:
        """Press the button, whatever happened to the pad before."""
        with self._lock:
            self.pad.right, self.pad.dead = True, False
            self.pad._told.clear()
            if not self.pad.path.exists():
                self.pad.plug()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--each", type=int, default=100, help="stops of each cause")
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    with scratch_folder("robot-gamepad") as folder:
        return count(asked.each, asked.seed, HeldPad(folder / "pad"))


def count(each: int, seed: int, pad: HeldPad) -> int:
    causes = (
        Cause("button released", pad.released, hurts=True),
        Cause("receiver unplugged", pad.unplugged, hurts=True),
        Cause("silence", pad.silent, hurts=True),
        Cause("control stopped", pause("control"), hurts=True),
    )

    def rig(variant: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
        pad.hold()
        made = STOPS.rig(variant, seed, rng, folder)
        return replace(made, config=made.config | {"gamepad": f"f710:{pad.pad.path}"})

    def repair(car: Emulator) -> None:
        STOPS.repair(car)
        pad.hold()

    def report(stop: Stop) -> None:
        print(f"{stop.cause:20} at {stop.speed_m_s:4.1f} m/s: throttle off after {stop.throttle_off_ms} ms, touched "
              f"{stop.impact_m_s}", file=sys.stderr, flush=True)  # fmt: skip

    ending = (Cause("Ctrl-C", lambda job: job.type(b"\x03")),)
    stops = replace(STOPS, rig=rig, repair=repair, going_on=causes, ending=ending, between_s=(2.0, 4.0))
    sessions = -(-len(causes) * each // STOPS_A_SESSION)
    count = len(causes) * each + sessions
    made = process_stops(
        TRIALS, stops, "race_track", count, seed, report, lambda run: None, going_on_each=STOPS_A_SESSION
    )
    off_ms = {cause.name: [s.throttle_off_ms for s in made if s.cause == cause.name and s.throttle_off_ms is not None]
              for cause in causes}  # fmt: skip
    figures = {
        "stops": Counter(stop.cause for stop in made),
        "throttle_off_ms_max": {name: max(values, default=None) for name, values in off_ms.items()},
        "late": {name: sum(ms > ZERO_THROTTLE_MS for ms in values) for name, values in off_ms.items()},
        "touched": sum(stop.impact_m_s is not None for stop in made),
        "not_ended": sum(not stop.ended for stop in made),
        "emulator_late_ms_max": max((stop.emulator_late_ms or 0.0 for stop in made), default=0.0),
    }
    print(json.dumps(figures))
    return 1 if any(figures["late"].values()) or figures["touched"] or figures["not_ended"] else 0


if __name__ == "__main__":
    sys.exit(main())
