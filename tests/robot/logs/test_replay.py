"""Replay: equal where nothing changed, and otherwise the first difference by name; gaps are refused."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot.logs.mcap_file import RefusedLog
from robot.logs.reader import LogReader
from robot.logs.replay import Difference, replay
from robot.logs.writer import LogWriter, next_part
from robot.robots.car.records import OUTPUTS, READINGS, RECORDS
from robot.runtime.events import make_weights
from robot.shared_memory.mailbox import NO_BELIEF, Weights

WEIGHTS_SIZE = 3


class ToyPipeline:
    """A pipeline with a memory: its speed is a running sum, its action comes from its weights."""

    records, tick_s = RECORDS, 0.02

    def __init__(self, life: int) -> None:
        self.outputs = np.zeros((), OUTPUTS)
        self.weights = np.full(WEIGHTS_SIZE, life, np.float32)
        self.total = 0.0

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float] = NO_BELIEF) -> None:
        self.weights = weights

    def tick(self, readings: np.ndarray) -> None:
        self.total += float(readings["motor"]["erpm_speed_m_s"])
        out = self.outputs
        out["life"], out["tick"], out["time_s"] = readings["life"], readings["tick"], readings["time_s"]
        out["estimate"]["v_x"] = self.total
        out["observation"] = self.total * np.arange(50)
        out["executed"] = self.weights[:2] * np.float32(self.total)


class Driven:
    """A drive with the toy pipeline: 40 ticks in each life, new weights before tick 11, ticks 21 and 22 missed."""

    def __init__(self, lives: int = 1) -> None:
        rng = np.random.default_rng(5)
        readings, outputs = [], []
        self.weights = []
        for life in range(1, lives + 1):
            pipeline = ToyPipeline(life)
            vector = rng.normal(size=WEIGHTS_SIZE).astype(np.float32)
            for number in range(1, 41):
                record = np.zeros((), READINGS)
                record["life"], record["tick"] = life, number if number <= 20 else number + 2
                record["missed_ticks"] = 0 if number <= 20 else 2
                record["motor"]["erpm_speed_m_s"] = rng.normal()
                if number >= 11:
                    record["weights_version"] = life
                if number == 11:
                    pipeline.set_weights(vector)
                    self.weights.append(make_weights(Weights(life, 100, 0.0, vector), 11, 0.22))
                pipeline.tick(record)
                readings.append(record)
                outputs.append(pipeline.outputs.copy())
        self.readings, self.outputs = np.stack(readings), np.stack(outputs)

    def write(self, folder: Path, rows: slice = slice(None), without: tuple[int, ...] = ()) -> Path:
        """Write some of the ticks, ten in a chunk, into the next part of a log."""
        keep = np.delete(np.arange(len(self.readings))[rows], without)
        folder.mkdir(exist_ok=True)
        with LogWriter(next_part(folder), RECORDS, WEIGHTS_SIZE) as log:
            log.add_weights(np.stack(self.weights))
            for start in range(0, len(keep), 10):
                log.add_readings(self.readings[keep[start : start + 10]])
                log.add_outputs(self.outputs[keep[start : start + 10]])
                log.flush()
        return log.path


def test_an_unchanged_log_is_equal(tmp_path: Path) -> None:
    Driven().write(tmp_path)
    report = replay(tmp_path, ToyPipeline)
    assert report.equal
    assert (report.ticks, report.first_difference) == (40, None)
    assert report.speed is not None and report.speed > 1


def test_every_life_begins_with_its_own_pipeline(tmp_path: Path) -> None:
    Driven(lives=3).write(tmp_path)
    began = []
    report = replay(tmp_path, lambda life: began.append(life) or ToyPipeline(life))  # type: ignore[func-returns-value]
    assert began == [1, 2, 3]
    assert report.equal and report.ticks == 120


def test_ticks_of_different_lives_are_different_ticks(tmp_path: Path) -> None:
    driven = Driven(lives=2)
    driven.write(tmp_path)
    assert LogReader(tmp_path).outputs().tobytes() == driven.outputs.tobytes()


def test_ticks_that_a_restarted_recorder_wrote_again_are_replayed_once(tmp_path: Path) -> None:
    driven = Driven(lives=2)
    driven.write(tmp_path, slice(0, 50))
    driven.write(tmp_path, slice(30, 80))
    report = replay(tmp_path, ToyPipeline)
    assert report.equal and report.ticks == 80


def inside(record: np.ndarray, name: str) -> np.ndarray:
    """A field by its name, with those of the records that it lies in."""
    for part in name.split("."):
        record = record[part]
    return record


def field_at(dtype: np.dtype, byte: int) -> tuple[str, np.dtype, int]:
    """Name (with those of the records that it lies in), dtype and offset of the field that a byte belongs to."""
    name, field, offset = next((n, f, o) for n, (f, o, *_) in dtype.fields.items()  # type: ignore[union-attr]
                               if o <= byte < o + f.itemsize)  # fmt: skip
    if field.fields is None:
        return name, field, offset
    within, inner, start = field_at(field, byte - offset)
    return f"{name}.{within}", inner, offset + start


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(0, 39), byte=st.integers(20, OUTPUTS.itemsize - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_in_an_output_is_named(
    tmp_path_factory: pytest.TempPathFactory, row: int, byte: int, bit: int
) -> None:
    """The log is written with right checksums, so that only the replay can find it."""
    name, field, offset = field_at(OUTPUTS, byte)
    if name in ("tick", "life"):
        return  # those make another key: a gap, below
    driven = Driven()
    driven.outputs[row : row + 1].view(np.uint8)[byte] ^= 1 << bit
    difference = replay(driven.write(tmp_path_factory.mktemp("log")), ToyPipeline).first_difference
    assert difference is not None
    index = (byte - offset) // field.base.itemsize
    assert difference.field == (f"{name}[{index}]" if field.shape else name)
    assert difference.tick == driven.outputs["tick"][row]
    assert str(difference.logged) == str(np.atleast_1d(inside(driven.outputs[row], name))[index].item())
    assert str(difference.replayed) != str(difference.logged)  # -0.0 and 0.0 are not the same bits


def test_one_changed_reading_is_found_in_the_first_output_that_it_changes(tmp_path: Path) -> None:
    driven = Driven()
    driven.readings["motor"]["erpm_speed_m_s"][7] += 1e-9
    difference = replay(driven.write(tmp_path), ToyPipeline).first_difference
    assert difference is not None
    assert (difference.tick, difference.field) == (8, "estimate.v_x")


def test_one_changed_weight_is_named_by_its_checksum(tmp_path: Path) -> None:
    driven = Driven()
    driven.weights[0]["weights"][1] += 1e-6
    difference = replay(driven.write(tmp_path), ToyPipeline).first_difference
    assert difference is not None
    assert (difference.tick, difference.field) == (11, "weights 1 crc32")


def test_a_pipeline_that_starts_with_another_weight_differs_in_its_first_action(tmp_path: Path) -> None:
    Driven().write(tmp_path)

    def changed(life: int) -> ToyPipeline:
        pipeline = ToyPipeline(life)
        pipeline.weights[1] += 0.5
        return pipeline

    difference = replay(tmp_path, changed).first_difference
    assert difference is not None
    assert (difference.tick, difference.field) == (1, "executed[1]")


def test_values_that_json_has_no_number_for_are_shown_as_text(tmp_path: Path) -> None:
    driven = Driven()
    driven.outputs["estimate"]["yaw"][3] = np.nan
    difference = replay(driven.write(tmp_path), ToyPipeline).first_difference
    assert difference == Difference(4, "estimate.yaw", "nan", 0.0)


@pytest.mark.parametrize("missing", [(0,), (5,), (20, 21), (25,)])
def test_a_gap_is_refused(tmp_path: Path, missing: tuple[int, ...]) -> None:
    Driven().write(tmp_path, without=missing)
    with pytest.raises(ValueError, match=f"{len(missing)} ticks are missing before tick .* gap cannot be replayed"):
        replay(tmp_path, ToyPipeline)


def test_outputs_without_readings_are_refused(tmp_path: Path) -> None:
    driven = Driven()
    driven.readings["tick"][12] += 100
    driven.write(tmp_path)
    with pytest.raises(ValueError, match="tick 13 of life 1 has no readings"):
        replay(tmp_path, ToyPipeline)


def test_a_life_that_was_killed_between_its_last_two_records_is_no_gap(tmp_path: Path) -> None:
    driven = Driven(lives=2)
    with LogWriter(tmp_path / "log.mcap", RECORDS, WEIGHTS_SIZE) as log:
        log.add_weights(np.stack(driven.weights))
        log.add_readings(driven.readings)
        log.add_outputs(np.delete(driven.outputs, 39))
    report = replay(tmp_path, ToyPipeline)
    assert report.equal and report.ticks == 79


def test_a_life_that_lacks_the_outputs_of_more_than_its_last_tick_is_a_gap(tmp_path: Path) -> None:
    driven = Driven(lives=2)
    with LogWriter(tmp_path / "log.mcap", RECORDS, WEIGHTS_SIZE) as log:
        log.add_weights(np.stack(driven.weights))
        log.add_readings(driven.readings)
        log.add_outputs(np.delete(driven.outputs, (38, 39)))
    with pytest.raises(ValueError, match="tick 41 of life 1 has no outputs: a gap cannot be replayed"):
        replay(tmp_path, ToyPipeline)


def test_weights_that_are_not_in_the_log_are_refused(tmp_path: Path) -> None:
    driven = Driven()
    driven.readings["weights_version"][30:] = 9
    driven.write(tmp_path)
    with pytest.raises(ValueError, match="weights version 9, in use at tick 33, are not in the log"):
        replay(tmp_path, ToyPipeline)


def test_damage_on_disk_is_reported_at_the_first_tick_that_is_lost(tmp_path: Path) -> None:
    path = Driven().write(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    report = replay(tmp_path, ToyPipeline)
    assert not report.equal
    assert report.first_difference is not None
    assert "chunk" in report.first_difference.field
    assert report.first_difference.tick == report.ticks + 1 <= 21


def test_a_log_without_ticks_is_refused(tmp_path: Path) -> None:
    LogWriter(tmp_path / "log.mcap", RECORDS, WEIGHTS_SIZE).close()
    with pytest.raises(ValueError, match="holds no ticks"):
        replay(tmp_path, ToyPipeline)


def test_a_log_without_an_end_is_equal_but_not_complete(tmp_path: Path) -> None:
    path = Driven().write(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    report = replay(path, ToyPipeline)
    assert (report.outcome, report.equal, report.complete) == ("cut", True, False)
    assert 0 < report.ticks < 40 and f"equal for {report.ticks} ticks" in report.reason


def test_a_recorder_that_was_killed_and_went_on_leaves_a_complete_log(tmp_path: Path) -> None:
    driven = Driven()
    part = driven.write(tmp_path, slice(0, 30))
    part.write_bytes(part.read_bytes()[:-40])
    driven.write(tmp_path, slice(20, 40))
    report = replay(tmp_path, ToyPipeline)
    assert (report.outcome, report.complete, report.ticks) == ("equal", True, 40)


@pytest.mark.parametrize("cut_at", ["the last part", "the end of a life"])
def test_a_part_that_nothing_goes_on_from_is_cut(tmp_path: Path, cut_at: str) -> None:
    driven = Driven(lives=2)
    parts = [driven.write(tmp_path, slice(0, 40)), driven.write(tmp_path, slice(40, 80))]
    part = parts[cut_at == "the last part"]
    part.write_bytes(part.read_bytes()[:-40])
    assert replay(tmp_path, ToyPipeline).outcome == "cut"


def test_a_log_tells_why_it_is_refused(tmp_path: Path) -> None:
    Driven().write(tmp_path, without=(5,))
    with pytest.raises(RefusedLog) as gap:
        replay(tmp_path, ToyPipeline)
    assert gap.value.outcome == "gap"
    (tmp_path / "empty.mcap").touch()
    with pytest.raises(RefusedLog, match="holds no ticks, and has no end") as empty:
        replay(tmp_path / "empty.mcap", ToyPipeline)
    assert empty.value.outcome == "empty"
