"""Drive the demonstration lap and take over from the policy, by hand through an emulated gamepad, in a real session.

    python tests/drive_by_gamepad.py --minutes 1.5 --seed 1

Somebody holds the left shoulder and drives one lap, then holds the right one, and takes the wheel again for TAKEN_OVER_S every
now and then. No test: it takes as long as it says. The last line is the figures as JSON; the exit status is 1 if a lap was not
driven, nothing of it is in the learner's memory, something was touched, or the session failed.
"""

import argparse
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from drivers.emulators.gamepad import REPORT_S, GamepadEmulator
from policies.replay import load_folder
from robot.logs.reader import LogReader
from robot.practice.run import run_session
from robot.practice.session import Session
from robot.practice.settings import SCRATCH, SHIPPED
from robot.practice.start import starting_policy
from robot.robots.car.options import CarOptions
from robot.robots.car.practising import PractisingCar
from robot.runtime.realtime import PRIORITY
from robot.runtime.run_folder import new_run_folder, save_config
from sim.scratch_folder import scratch_folder
from tests.hand_on_pad import Person

SPEED_M_S = 1.8
BY_ITSELF_S, TAKEN_OVER_S = 12.0, 4.0


def hold(session: Session, car: PractisingCar, pad: GamepadEmulator, ended: threading.Event) -> None:
    """A thread: what the person does until the session has ended."""
    with suppress(PermissionError):  # a person's thumb is never late
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    person, driven_s = Person(pad, car.world.course), 0.0
    pad._next_s = time.monotonic()
    begun_s = None  # of practice
    while not ended.is_set():
        emulator = session.body.emulator
        if emulator is not None:
            try:
                truth = emulator.truth()
            except ValueError:  # the session has let go of it
                return
            if session.progress.demo_lap_s > 0.0:
                begun_s = begun_s or time.monotonic()
                driven_s = (time.monotonic() - begun_s) % (BY_ITSELF_S + TAKEN_OVER_S)
            if begun_s is not None and driven_s < BY_ITSELF_S:
                person.let_drive()
            else:
                person.drive(truth.s, truth.lateral, truth.heading_error, SPEED_M_S)
        pad.run(time.monotonic())
        time.sleep(REPORT_S)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=1.5)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--from", dest="start_from", default=SHIPPED, help=f"{SHIPPED}, {SCRATCH}, or a run")
    asked = options.parse_args()
    with scratch_folder("robot-gamepad") as place:
        pad = GamepadEmulator("f710", place / "pad", asked.seed)
        config = CarOptions(task="race_track", gamepad=f"f710:{pad.path}", demonstration="gamepad", minutes=asked.minutes,
                            seed=asked.seed, start_from=asked.start_from)  # fmt: skip
        car, folder = PractisingCar(config), new_run_folder(Path("runs"), config.task, "by-hand")
        save_config(folder, config)
        session = Session(config, folder, car, starting_policy(config))
        ended = threading.Event()
        thumb = threading.Thread(target=hold, args=(session, car, pad, ended))
        thumb.start()
        try:
            run_session(session, car.best_possible())
        finally:
            ended.set()
            thumb.join()
        pad.unplug()
    return tell(session, folder)


def tell(session: Session, folder: Path) -> int:
    """The figures, from what the run has left."""
    progress, stored = session.progress, load_folder(folder / "replay")
    by_hand = stored["demonstration"] == 1
    turns = [event["on"] for event in LogReader(folder).events() if event["kind"] == "by_hand"]
    figures = {
        "run": str(folder),
        "failure": session.failure,
        "demo_lap_s": round(progress.demo_lap_s, 2),
        "taken_over": sum(turns),
        "given_back": len(turns) - sum(turns),
        "transitions": len(stored),
        "by_hand": int(by_hand.sum()),
        "by_hand_in_practice": int(by_hand[np.cumsum(~by_hand) > 0].sum()),
        "clean_laps": sum(bool(lap["clean"]) for lap in progress.episodes),
        "updates": progress.updates,
        "collisions": progress.true_collisions,
    }
    print(json.dumps(figures))
    driven = figures["demo_lap_s"] and figures["taken_over"] and figures["by_hand_in_practice"]
    return 1 if session.failure or figures["collisions"] or not driven else 0


if __name__ == "__main__":
    sys.exit(main())
