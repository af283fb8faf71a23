"""What a pad's event device says, in the hand of somebody and in nobody's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.base import LinkLost
from drivers.emulators.gamepad import EVENT, PADS, GamepadEmulator
from drivers.gamepad import Gamepad, GamepadReading, GamepadSettings, mapping_of


class Bench:
    """A pad, its driver, and a clock."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.time_s = 0.0
        self.pad = GamepadEmulator(kind, folder / "pad")
        self.driver = Gamepad(GamepadSettings(f"{kind}:{folder / 'pad'}"), self)
        self.driver.open()

    def now(self) -> float:
        return self.time_s

    def after(self, seconds: float) -> GamepadReading:
        self.time_s += seconds
        self.pad.run(self.time_s)
        return self.driver.read()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[str], Bench]]:
    made: list[Bench] = []

    def make(kind: str) -> Bench:
        made.append(Bench(kind, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.driver.close()
        each.pad.unplug()


@pytest.mark.parametrize("kind", PADS)
def test_each_family_steers_drives_and_holds_by_its_own_codes(bench: Callable[[str], Bench], kind: str) -> None:
    one = bench(kind)
    reading = one.after(0.1)
    assert (reading.run, reading.by_hand, reading.steer, reading.throttle) == (False, False, 0.0, 0.0)
    one.pad.left, one.pad.steer, one.pad.throttle = True, 1.0, 0.5
    reading = one.after(0.1)
    assert (reading.run, reading.by_hand) == (False, True)
    assert reading.steer == pytest.approx(1.0, abs=0.12)
    assert reading.throttle == pytest.approx(0.46, abs=0.12)
    assert reading.event_age_s < 0.05
    one.pad.left, one.pad.right, one.pad.steer, one.pad.throttle = False, True, -1.0, -1.0
    reading = one.after(0.1)
    assert (reading.run, reading.by_hand) == (True, False)
    assert reading.steer == pytest.approx(-1.0, abs=0.12) and reading.throttle == pytest.approx(-1.0, abs=0.12)


def test_nothing_is_said_while_nothing_changes_and_the_reading_grows_old(bench: Callable[[str], Bench]) -> None:
    one = bench("f710")
    one.pad.right = True
    assert one.after(0.1).event_age_s < 0.05
    one.pad.dead = True
    reading = one.after(0.3)
    assert reading.run and reading.event_age_s > 0.25


def test_an_event_is_as_old_as_its_time_stamp_says_however_late_it_is_read(bench: Callable[[str], Bench]) -> None:
    one = bench("f710")
    one.pad.right = True
    one.after(0.104)
    one.pad.run(0.121)  # the last one is of 0.12 s
    one.pad.dead = True
    assert one.after(0.046).event_age_s == pytest.approx(0.03, abs=1e-5)


def test_a_time_stamp_of_another_clock_makes_no_event_younger_than_now(bench: Callable[[str], Bench]) -> None:
    one = bench("f710")
    one.time_s = 1.0
    one.pad._write(1e9, 0, 0, 0)
    assert one.driver.read().event_age_s == 0.0


def test_a_receiver_that_is_unplugged_is_gone_and_comes_back_with_nothing_held(bench: Callable[[str], Bench]) -> None:
    one = bench("ps")
    one.pad.right = True
    assert one.after(0.1).run
    one.pad.unplug()
    with pytest.raises(LinkLost, match="receiver is unplugged"):
        one.after(0.1)
    assert not one.driver.reconnect()
    assert "no such" in one.driver.trouble().lower()
    one.pad.right = False
    one.pad.plug()
    assert one.driver.reconnect()
    assert not one.after(0.1).run


def test_what_was_held_when_events_were_lost_counts_as_released(bench: Callable[[str], Bench]) -> None:
    one = bench("xbox")
    one.pad.right = True
    assert one.after(0.1).run
    one.pad.drop(one.time_s)
    assert not one.driver.read().run


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 0x2FF), st.integers(-(2**31), 2**31 - 1)), max_size=60),
       st.integers(0, 23))  # fmt: skip
def test_no_bytes_are_a_traceback_and_no_stick_goes_beyond_its_ends(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, int, int]], cut: int
) -> None:
    one = Bench("f710", tmp_path_factory.mktemp("pad"))
    try:
        data = b"".join(EVENT.pack(0, 0, *event) for event in events)
        one.driver._take(data[:cut])
        one.driver._take(data[cut:] + EVENT.pack(0, 0, 0, 0, 0)[: len(data) % 24 or 24])
        reading = one.driver.read()
        assert -1.0 <= reading.steer <= 1.0 and -1.0 <= reading.throttle <= 1.0
    finally:
        one.driver.close()
        one.pad.unplug()


@pytest.mark.parametrize("port", ["", "ufo:/dev/a", "f710:"])
def test_settings_that_make_no_sense_are_refused(port: str) -> None:
    with pytest.raises(ValueError, match="gamepad: found"):
        GamepadSettings(port)


def test_what_is_no_pad_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert mapping_of(tmp_path / "file") is None
    for port, words in ((str(tmp_path / "file"), "name what it is like"), (str(tmp_path / "none"), "no such device")):
        with pytest.raises(LinkLost, match=words):
            Gamepad(GamepadSettings(port), None).open()  # type: ignore[arg-type]


def test_who_reads_after_a_long_while_finds_what_is_held_now(bench: Callable[[str], Bench]) -> None:
    """A session that starts slowly, beside a pad in a hand that trembles: more events than the kernel keeps."""
    one = bench("f710")
    one.pad.left = True
    one.time_s += 20.0
    one.pad.run(one.time_s)
    one.pad.left, one.pad.right = False, True
    assert one.after(0.1).run
    reading = one.after(0.1)
    assert (reading.run, reading.by_hand) == (True, False)
    assert reading.event_age_s < 0.05
