"""A log carries what it is replayed with; older ones have it beside them."""

from pathlib import Path

import pytest

from robot.logs.reader import DamagedLog
from robot.logs.setups import find_setup, mind_for
from robot.logs.writer import LogWriter, next_part
from robot.robots.car.records import RECORDS
from robot.runtime.run_folder import setup_path

SETUP = b"of life 1"


def write_log(folder: Path, *setups: tuple[int, bytes], close: bool = True) -> Path:
    log = LogWriter(next_part(folder), RECORDS, 7)
    for life, setup in setups:
        log.add_setup(life, setup)
    log.flush()
    if close:
        log.close()
    return log.path


@pytest.mark.parametrize("close", [True, False])
def test_a_log_has_its_setups_with_it_even_if_its_writer_was_killed(tmp_path: Path, close: bool) -> None:
    path = write_log(tmp_path, (1, SETUP), (2, b"of life 2"), close=close)
    assert find_setup(path, 1) == (path, SETUP)
    assert find_setup(path, 2) == (path, b"of life 2")


def test_a_run_has_them_in_any_part_of_its_log(tmp_path: Path) -> None:
    write_log(tmp_path, (1, SETUP))
    second = write_log(tmp_path, (2, b"of life 2"))
    assert find_setup(tmp_path, 2) == (second, b"of life 2")


def test_the_logs_own_comes_before_the_file_beside_it(tmp_path: Path) -> None:
    path = write_log(tmp_path, (1, SETUP))
    for life in (1, 2):
        setup_path(tmp_path, life).write_bytes(b"beside")
    assert find_setup(path, 1) == (path, SETUP)
    assert find_setup(path, 2) == (setup_path(tmp_path, 2), b"beside")


def test_a_flipped_bit_of_a_setup_is_found(tmp_path: Path) -> None:
    path = write_log(tmp_path, (1, SETUP), close=False)
    data = bytearray(path.read_bytes())
    data[data.index(SETUP)] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog, match=r"log\.mcap: crc32 of an attachment"):
        find_setup(path, 1)


def test_a_setup_that_is_none_or_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    path = write_log(tmp_path, (1, SETUP))
    with pytest.raises(ValueError, match=r"log\.mcap: setup-1\.npz is damaged or of another version"):
        mind_for(path, 1)
    with pytest.raises(ValueError, match=r"setup-2\.npz: missing"):
        mind_for(path, 2)
