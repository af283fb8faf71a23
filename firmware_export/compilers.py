"""Finding and calling compilers: gcc, g++ and clang for this machine, arm-none-eabi-gcc for the Cortex-M4."""

import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Compiler = Literal["gcc", "g++", "clang", "arm-none-eabi-gcc"]
Optimisation = Literal["0", "1", "2", "3", "s"]
DEBIAN_PACKAGES = {"gcc": "gcc", "g++": "g++", "clang": "clang", "arm-none-eabi-gcc": "gcc-arm-none-eabi"}

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wdouble-promotion")
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
SECTIONS = ("-ffunction-sections", "-fdata-sections")
HOST = ("-mfma",) if platform.machine() in ("x86_64", "AMD64") else ()  # elsewhere it is always there


def find(compiler: str) -> str:
    """The path of a program. Raises ValueError that says what to install if it is missing."""
    path = shutil.which(compiler)
    if path is None:
        package = DEBIAN_PACKAGES.get(compiler, "gcc-arm-none-eabi")
        raise ValueError(f"{compiler}: found none in PATH; install it (Debian: apt-get install {package})")
    return path


def compile_c(compiler: Compiler, arguments: Sequence[str | Path], optimisation: Optimisation = "2",
              standard: str = "c99") -> None:  # fmt: skip
    """Call a compiler, warnings being errors. Raises ValueError with its words if it refuses."""
    flags = CORTEX_M4 if compiler == "arm-none-eabi-gcc" else HOST
    command = [find(compiler), f"-std={standard}", f"-O{optimisation}", *WARNINGS, *flags, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{' '.join(command)}: {done.stderr.strip()}")


def shared_library(sources: Sequence[Path], out: Path, optimisation: Optimisation = "2", compiler: Compiler = "gcc",
                   include: Sequence[Path] = (), more: Sequence[str] = ()) -> Path:  # fmt: skip
    """Compile C for this machine into a library that ctypes can load; returns `out`."""
    folders = [f"-I{folder}" for folder in include]
    compile_c(compiler, ["-shared", "-fPIC", *more, *folders, *sources, "-o", out], optimisation)
    return out


def cortex_m4_object(source: Path, out: Path, optimisation: Optimisation = "2", more: Sequence[str] = ()) -> Path:
    """Compile one C file for the Cortex-M4 (hard float) to `out`, its stack usage beside it as `.su`; returns `out`."""
    compile_c("arm-none-eabi-gcc", ["-c", "-fstack-usage", *SECTIONS, *more, source, "-o", out], optimisation)
    return out


@dataclass(frozen=True)
class Sizes:
    """What an object or program takes, bytes."""

    flash: int
    ram: int


def sizes(path: Path) -> Sizes:
    """Flash (code, constants, initial values) and RAM (initialised and zeroed) of an ARM object or program."""
    done = subprocess.run([find("arm-none-eabi-size"), str(path)], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{path}: {done.stderr.strip()}")
    text, data, bss = (int(word) for word in done.stdout.splitlines()[1].split()[:3])
    return Sizes(flash=text + data, ram=data + bss)


def stack_usage(path: Path) -> dict[str, int]:
    """Bytes of stack of each function in a `.su` file. Raises ValueError for one without a bound."""
    usage = {}
    for line in path.read_text().splitlines():
        place, size, kind = line.split("\t")
        name = place.rsplit(":", 1)[1]
        if kind == "dynamic":
            raise ValueError(f"{path}: function {name}: found a stack of no fixed size, allowed: static")
        usage[name] = int(size)
    return usage


def policy_stack_bytes(su_file: Path) -> int:
    """Stack of a decision or a self-test of an exported policy, the deepest chain of calls, bytes."""
    usage = stack_usage(su_file)
    above = max(usage["policy_act"], usage["policy_selftest"])
    leaves = [size for name, size in usage.items() if not name.startswith("policy_")]
    return above + usage["policy_infer"] + max(leaves, default=0)
