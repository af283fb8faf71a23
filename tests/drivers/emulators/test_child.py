"""Whatever ends the program that started an emulator: neither the process nor its folder outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTS = {
    "drone": """
from drivers.emulators.virtual_crazyflie import start_virtual_crazyflie
print(start_virtual_crazyflie().process.pid, flush=True)
""",
    "bootloader": """
from drivers.emulators import crazyflie_bootloader as bootloader
device = bootloader.start_virtual_bootloader(bootloader.VirtualBootloaderConfig())
device.__enter__()
print("started", flush=True)
""",
}


@pytest.fixture
def deep_path(tmp_path: Path) -> Path:
    """Longer than a socket's name may be, and written as people write."""
    folder = tmp_path / ("a folder for what is wanted for a while " * 4) / "für später"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("device", STARTS)
def test_neither_process_nor_folder_outlives_a_program_that_is_killed(device: str, deep_path: Path) -> None:
    program = STARTS[device] + "import time; time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(deep_path)}
    )
    assert parent.stdout is not None and parent.stdout.readline()
    assert len(list(deep_path.glob(f"virtual-*-{parent.pid}-*"))) == 1
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end_s = time.monotonic() + 10.0
    while (list(deep_path.iterdir()) or processes_of(deep_path)) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not list(deep_path.iterdir())
    assert not processes_of(deep_path)


def processes_of(folder: Path) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if "drivers.emulators" in words and str(folder) in words:
            found.append(words)
    return found
