#!/usr/bin/env bash
# Replay logs as a Jetson or a Raspberry Pi would: by the arm64 build of Python and its packages, on an emulated processor.
#
#     tests/arm64/replay.sh [LOG ...]     runs, or folders of them; without any, the recordings of the tests
#
# Needs no root, but Debian's packages mmdebstrap and qemu-user-static (with debian-archive-keyring elsewhere), and pip. What it
# downloads, 0.7 GB, stays in ARM64_ROOT, and so do compiled kernels. ARM64_CPU: what `qemu-aarch64-static -cpu help` lists.
# An emulated core is some 20 times slower than this machine's: the first log takes many minutes, most of it compiling.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
root=${ARM64_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/robot-practice/arm64}
cpu=${ARM64_CPU:-cortex-a76}
python=${PYTHON:-$here/.venv/bin/python}

for program in mmdebstrap qemu-aarch64-static; do
    command -v "$program" >/dev/null || { echo "replay.sh: needs $program: apt-get install mmdebstrap qemu-user-static"; exit 2; }
done
if [ ! -e "$root/packages" ]; then
    mkdir -p "$root"
    # Unpacked, not configured: nothing of it has to run for that.
    [ -e "$root/debian/usr/bin/python3.11" ] || mmdebstrap --variant=extract --architectures=arm64 \
        --include=python3.11,libpython3.11-stdlib,libgomp1,libstdc++6 bookworm "$root/debian"
    PYTHONPATH=$here "$python" -c '
import sys
from pathlib import Path
from sim.input_files import read_toml
project = read_toml(Path(sys.argv[1]))["project"]
print(*project["dependencies"], sep="\n")' "$here/pyproject.toml" >"$root/dependencies.txt"
    platforms=$(for glibc in 17 27 28 34; do echo "--platform manylinux_2_${glibc}_aarch64"; done; echo --platform manylinux2014_aarch64)
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --no-compile --target "$root/packages.part" --only-binary=:all: --python-version 3.11 \
        --implementation cp $platforms --constraint "$here/constraints.txt" --requirement "$root/dependencies.txt"
    mv "$root/packages.part" "$root/packages"
fi
[ $# -gt 0 ] || set -- "$here/tests/recordings"
status=0
for log in "$@"; do
    PYTHONPATH="$here:$root/packages" PYTHONDONTWRITEBYTECODE=1 NUMBA_CPU_NAME=$cpu NUMBA_CACHE_DIR="$root/kernels" \
        qemu-aarch64-static -cpu "$cpu" -L "$root/debian" "$root/debian/usr/bin/python3.11" -c \
        'import platform; print(platform.machine(), end=": ", flush=True); from robot.cli import main; main()' \
        replay "$log" --junit "${TMPDIR:-/tmp}/replay-arm64.xml" || status=$?
done
exit "$status"
