"""The stage that moves a board: its lines, its emulator, and what a damaged line does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.board_stage import BoardReading, BoardStage, BoardStageSettings, line_of, reading_in
from drivers.conformance import Rig, check_driver
from drivers.emulators.board_stage import MOVING_S, BoardStageEmulator
from sim.arm.insertion import Spread, draw
from tests.drivers.servo_bench import Bench

LINE = b"$BOARD,3,0.240000,-0.010000,-0.055000,1.000000,0.000000,0.000000,0.000000*"


@pytest.fixture
def bench(tmp_path):
    rng, seen = np.random.default_rng(0), []

    def move():
        seen.append(draw(Spread(), rng)[1])

    made = Bench(BoardStageEmulator(move, lambda: seen[-1], np.random.default_rng(1)), tmp_path)
    made.seen = seen
    yield made
    made.pty.unplug()


def test_the_line_of_the_manual():
    whole = line_of(LINE[1:-1])
    assert whole.startswith(LINE) and whole.endswith(b"\r\n")
    told = reading_in(whole)
    assert told == BoardReading((0.24, -0.01, -0.055), (1.0, 0.0, 0.0, 0.0), 3, 0.0)


@given(st.integers(0, len(LINE) - 2), st.integers(1, 255))
def test_a_damaged_byte_makes_no_reading(place, change):
    damaged = bytearray(line_of(LINE[1:-1]).strip())
    damaged[place] ^= change
    assert reading_in(bytes(damaged)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"BOARD",
        b"BOARD,1",
        b"BOARD,x,0,0,0,1,0,0,0",
        b"BOARD,1,nan,0,0,1,0,0,0",
        b"BOARD,1,0,0,0,2,0,0,0",
        b"BOARD,1,0,0,0,0,0,0,0",
        b"BOARD,-1,0,0,0,1,0,0,0",
        b"BOARD,1,0,0,0,1,0,0,0,0",
        b"STAGE,1,0,0,0,1,0,0,0",
    ],
)
def test_what_cannot_be_is_no_reading(body):
    assert reading_in(line_of(body)) is None


@given(st.binary(max_size=80))
def test_garbage_is_no_reading(garbage):
    assert reading_in(garbage) is None


def test_it_moves_once_for_each_order_and_tells_the_new_place_when_it_is_there(bench):
    stage = BoardStage(BoardStageSettings(bench.port), bench)
    stage.open()
    bench.wait(0.2)
    first = stage.read()
    assert first.moves == 0 and first.place_m == pytest.approx(bench.seen[0].place_m, abs=1e-6)
    for _ in range(5):  # told again, it does nothing again
        stage.go(1)
        bench.wait(0.02)
    assert stage.read().moves == 0
    bench.wait(MOVING_S + 0.1)
    second = stage.read()
    assert second.moves == 1 and len(bench.seen) == 2
    assert second.place_m == pytest.approx(bench.seen[1].place_m, abs=1e-6)
    assert second.age_s < 0.06 and not stage.trouble()


def test_what_its_camera_is_always_wrong_by_is_taken_off(bench):
    offset_m = (0.003, -0.002, 0.001)
    stage = BoardStage(BoardStageSettings(bench.port, offset_m=offset_m), bench)
    stage.open()
    bench.wait(0.2)
    assert stage.read().place_m == pytest.approx(bench.seen[0].place_m - np.array(offset_m), abs=1e-6)
    with pytest.raises(ValueError, match=r"offset_m: found \[0\.0, 0\.2, 0\.0\], allowed: 0\.05 either way"):
        BoardStageSettings("port", offset_m=(0.0, 0.2, 0.0))


def test_it_keeps_every_promise_of_a_driver(bench):
    emulator, pty = bench.emulator, bench.pty
    check_driver(
        Rig(
            make=lambda port: BoardStage(BoardStageSettings(port), bench),
            port=bench.port,
            wait=bench.wait,
            silence=lambda on: setattr(bench, "damage", (lambda data: b"") if on else (lambda data: data)),
            garbage=pty.write,
            unplug=pty.unplug,
            plug=pty.plug,
            start_s=0.3,
            fresh_s=0.1,
        )
    )
    assert emulator.moves == 0


def test_a_baud_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="baud: found 0, allowed: above 0"):
        BoardStageSettings("port", 0)
