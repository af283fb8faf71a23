"""One flight: the mission's mind in the control loop, its log, and who looks on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType

from robot.logs.tick_log import TickLog
from robot.robots.quadrotor.fitness import distance_m
from robot.robots.quadrotor.flown import Flown, Phase, Place
from robot.robots.quadrotor.mind import figure_of, mind
from robot.robots.quadrotor.setup import FlightSetup
from robot.runtime.clock import Clock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.records import FINISH
from robot.runtime.robot import Device
from robot.runtime.run_folder import setup_name

LOG_FILE = "log.mcap"  # in a run's folder
LIFE = 1
NOBODY = np.zeros(4)  # at the controls
TRUTH_TOPIC = "/truth"
TRUTH = np.dtype(
    [
        ("tick", "u8"),
        ("time_s", "f8"),
        ("board_time_s", "f8"),
        ("position_m", "f8", (3,)),  # the simulator's, world
        ("goal_m", "f8", (3,)),  # where it should have been at that moment; NaN while unjudged
    ]
)


class Deviation:
    """How far the drone is from where it should be, while the policy flies: by the truth, or by its own estimate."""

    def __init__(self, setup: FlightSetup, truth: Callable[[], Place] | None) -> None:
        """truth: asks the simulator, where there is one."""
        self.errors_m: list[float] = []
        self.errors_from_ground_m: list[float] = []  # by the truth alone: see `Flown`
        self._figure, self._truth = figure_of(setup), truth
        self._offset_m = np.zeros(3)  # how far the truth was beside the estimate where it stood

    def look(self, readings: np.ndarray, outputs: np.ndarray) -> np.ndarray | None:
        """A tick; returns what the simulator says, a TRUTH record."""
        figures = outputs["figures"]
        judged = not np.isnan(figures["goal_m"][0])
        if self._truth is None:
            if judged:
                self.errors_m.append(distance_m(readings["crazyflie"]["position_m"], figures["goal_m"]))
            return None
        place, record = self._truth(), np.zeros((), TRUTH)
        record["tick"], record["time_s"] = readings["tick"], readings["time_s"]
        record["board_time_s"], record["position_m"] = place.board_time_s, place.position_m
        record["goal_m"] = np.nan
        if outputs["phase"] == Phase.GROUND:
            self._offset_m = place.position_m - readings["crazyflie"]["position_m"]
        if judged:
            since_s = place.board_time_s - float(figures["began_board_s"])
            record["goal_m"] = figures["home_m"] + self._figure.goal(since_s)
            self.errors_m.append(distance_m(place.position_m, record["goal_m"]))
            self.errors_from_ground_m.append(distance_m(place.position_m - self._offset_m, record["goal_m"]))
        return record


class Flight:
    """Flies once, and logs it. What has to be compiled for it is, when it is made.

    Set `interrupted` from a signal's handler to make it land: an exception there could leave cflib locked.
    """

    def __init__(
        self, setup: FlightSetup, devices: dict[str, Device], clock: Clock, truth: Callable[[], Place] | None = None,
        show: Callable[[Phase, float], None] = lambda phase, share: None, life: int = LIFE,
    ) -> None:  # fmt: skip
        """life: of several flights of a run, which one this is. truth: asks the simulator, where there is one. show: is told of the progress in a phase, 0 to 1."""
        self.interrupted = False
        self._setup = setup.to_bytes()
        self.mind = mind(self._setup, Path(setup_name(life)))
        empty = np.zeros((), self.mind.records.readings)
        self.loop = ControlLoop(clock, devices, self.mind, empty, life, self.mind.tick_s)
        self.log: TickLog | None = None
        self._deviation, self._show = Deviation(setup, truth), show
        self._why = ""

    def fly(self, path: Path, compression: CompressionType = CompressionType.LZ4) -> Flown:
        """The whole flight, by devices that are open; always ends with a landing, or with trying one. path: of the log.

        Raises OSError if that is not whole.

        A mistake of this program is raised when the drone is down: the mission lands it, and where that fails too, the app.
        """
        mistake: Exception | None = None
        loop = self.loop
        with TickLog(path, self._setup, loop, compression) as self.log:
            try:
                loop.start()
                while not loop.outputs["finished"]:
                    loop.wait()
                    try:
                        self._tick(self.log)
                        if mistake is None:  # otherwise nothing but the landing matters
                            self._tell(self.log)
                    except Exception as error:
                        if mistake is not None:
                            raise
                        mistake = error
                        self.interrupted = True
            finally:
                loop.stop()
            if (mistake := mistake or self.mind.mission.mistake) is not None:
                raise mistake
        return self.flown

    @property
    def flown(self) -> Flown:
        """What came of it so far."""
        flown, deviation = self.mind.mission.flown, self._deviation
        return replace(flown, errors_m=tuple(deviation.errors_m), trouble=self._why or flown.trouble,
                       errors_from_ground_m=tuple(deviation.errors_from_ground_m))  # fmt: skip

    def _tick(self, log: TickLog) -> None:
        try:
            self.loop.run_tick(FINISH if self.interrupted or log.failure else 0, False, 0, 0.0, NOBODY)
        finally:
            log.add()
        if log.failure is not None and not self.flown.trouble:
            self._why = f"the log cannot be written: {log.failure.strerror or log.failure}"

    def _tell(self, log: TickLog) -> None:
        """What the simulator says goes into the log, and a person is told how far the flight is."""
        readings, outputs = self.loop.readings, self.loop.outputs
        truth = self._deviation.look(readings, outputs)
        if truth is not None:
            log.add_beside(TRUTH_TOPIC, truth)
        self._show(Phase(int(outputs["phase"])), float(outputs["figures"]["share"]))
