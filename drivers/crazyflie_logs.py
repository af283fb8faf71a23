"""What a Crazyflie logs: blocks of variables that it sends by itself, and the newest of each, dated by its arrival."""

import math
from collections import deque
from dataclasses import dataclass

import cflib.crazyflie
from cflib.crazyflie.log import LogConfig, LogTocElement

from drivers.base import NEVER_S, Clock

BLOCK_BYTES = 26  # that a log packet holds, beside its number and time
RECENT = 10  # arrivals of each block that are kept
AHEAD_S = 2.0  # by so much more may the drone's clock have gone on than ours: what a link held back
WRAP_S = 0.5 * 0.001 * 2**24  # an older time than this before the newest is a newer one, after the clock's overflow


@dataclass(frozen=True)
class Logged:
    """One arrival of a log block."""

    values: dict[str, float]
    board_time_s: float
    arrived_s: float


NOTHING = Logged({}, 0.0, -NEVER_S)


class Logs:
    """The blocks of one connection. cflib's thread takes in what comes; `newest` never waits."""

    def __init__(self, cf: cflib.crazyflie.Crazyflie, clock: Clock) -> None:
        self._cf, self._clock = cf, clock
        self._logged: dict[str, Logged] = {}
        self._recent: dict[str, deque[Logged]] = {}

    def has(self, name: str) -> bool:
        """Whether the drone has a log variable of this name, `group.name`."""
        return self._cf.log.toc.get_element(*name.split(".")) is not None

    def start(self, names: tuple[str, ...], period_ms: int) -> None:
        """Ask for variables, as many in a block as fit."""
        for block in self._blocks(names):
            config = LogConfig(block[0], period_ms)
            for name in block:
                config.add_variable(name)
            self._cf.log.add_config(config)
            config.data_received_cb.add_callback(self._take)
            config.start()

    def newest(self, name: str) -> Logged:
        """The newest block that begins with a variable."""
        return self._logged.get(name, NOTHING)

    def recent(self, name: str) -> list[Logged]:
        """The newest RECENT arrivals of the block that begins with a variable: what passes between two looks."""
        return list(self._recent.get(name, ()))

    def newest_of(self, names: tuple[str, ...]) -> Logged:
        """The newest blocks that were started for some variables, in one."""
        values: dict[str, float] = {}
        board_time_s = 0.0
        for first, logged in list(self._logged.items()):
            if first in names:
                values |= logged.values
                board_time_s = max(board_time_s, logged.board_time_s)
        return Logged(values, board_time_s, self._clock.now())

    def _blocks(self, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        blocks: list[list[str]] = []
        room = 0
        for name in names:
            kind = self._cf.log.toc.get_element_by_complete_name(name).ctype
            size = LogTocElement.get_size_from_id(LogTocElement.get_id_from_cstring(kind))
            if size > room:
                blocks.append([])
                room = BLOCK_BYTES
            blocks[-1].append(name)
            room -= size
        return [tuple(block) for block in blocks]

    def _take(self, timestamp_ms: int, values: dict[str, float], block: LogConfig) -> None:
        """What was overtaken on the way, or is not finite, is dropped; the drone's clock has 24 bits.

        So is what is dated later than it can be: after it, all that is true would count as overtaken.
        """
        name = next(iter(values))
        board_time_s, now_s = 0.001 * timestamp_ms, self._clock.now()
        before = self._logged.get(name)
        if before is not None:
            later_s = (board_time_s - before.board_time_s + WRAP_S) % (2.0 * WRAP_S) - WRAP_S
            if not 0.0 < later_s < now_s - before.arrived_s + AHEAD_S:
                return
        if all(map(math.isfinite, values.values())):
            self._logged[name] = logged = Logged(values, board_time_s, now_s)
            self._recent.setdefault(name, deque(maxlen=RECENT)).append(logged)
