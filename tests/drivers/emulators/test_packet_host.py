"""The handle on an emulator behind a packet socket: what a judge sees, from any thread, whatever the emulator says unasked."""

import socket
import subprocess
import threading
import time
from contextlib import contextmanager

from drivers.emulators.packet_host import ASK, PacketEmulator
from drivers.unix_socket import listen


@contextmanager
def emulated(folder, unasked_s=None, late_s=0.0):
    """A handle on an end that counts its answers; unasked_s: it says how it is by itself as often, too; late_s: by which all but the first come."""
    door, ended = listen(folder / "device", socket.SOCK_SEQPACKET), threading.Event()

    def answer():
        end = door.accept()[0]
        end.settimeout(unasked_s or 0.05)
        count = 0
        while not ended.is_set():
            try:
                asked = end.recv(1 << 16) == ASK
            except TimeoutError:
                asked = unasked_s is not None
            if asked:
                time.sleep(late_s if count else 0.0)
                count += 1
                end.send(str(count).encode())
        end.close()

    thread = threading.Thread(target=answer)
    thread.start()
    process = subprocess.Popen(["true"])
    try:
        yield PacketEmulator(process, {"name": "device"}, folder)
    finally:
        ended.set()
        thread.join()
        door.close()
        process.wait()


def test_an_answer_takes_no_longer_than_it_takes(tmp_path):
    with emulated(tmp_path) as device:
        begin_s = time.monotonic()
        told = [int(device.state()) for _ in range(10)]
        assert told == list(range(2, 12)) and time.monotonic() - begin_s < 1.0


def test_who_is_told_unasked_as_well_sees_the_newest_and_comes_to_an_end(tmp_path):
    with emulated(tmp_path, unasked_s=0.002) as device:
        told = []
        asking = threading.Thread(target=lambda: told.extend(int(device.state()) for _ in range(5)), daemon=True)
        asking.start()
        asking.join(5.0)
        assert len(told) == 5 and told == sorted(told)


def test_an_answer_that_came_too_late_is_not_taken_for_one_to_a_later_question(tmp_path):
    with emulated(tmp_path, late_s=0.3) as device:
        assert device.state() == b"1", "it takes longer: the last one that was seen"
        time.sleep(0.3)
        assert device.state(5.0) == b"3"


def test_no_thread_takes_the_answer_of_another(tmp_path):
    with emulated(tmp_path) as device:
        told: list[int] = []
        threads = [
            threading.Thread(target=lambda: told.extend(int(device.state()) for _ in range(20))) for _ in range(3)
        ]
        begin_s = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == list(range(2, 62)) and time.monotonic() - begin_s < 3.0
