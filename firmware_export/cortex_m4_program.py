"""A program for the Cortex-M4: C files linked with the start-up code, and what the linker made of them."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_export.compilers import CORTEX_M4, Optimisation, cortex_m4_object, find
from firmware_export.cycle_model import Instruction

HERE = Path(__file__).parent
STARTUP, LINK_SCRIPT = HERE / "startup.c", HERE / "stm32f405.ld"
FLASH_START = 0x08000000


@dataclass(frozen=True)
class Program:
    """A linked program: its ELF file, the bytes of flash from `flash_start` on, addresses and sizes of its symbols, and
    the instructions at their addresses."""

    elf: Path
    flash_start: int
    flash: bytes
    symbols: dict[str, int]
    symbol_sizes: dict[str, int]
    instructions: dict[int, Instruction]


def build_program(
    sources: Sequence[Path],
    folder: Path,
    optimisation: Optimisation = "2",
    more: Sequence[str] = (),
    flash_start: int = FLASH_START,
) -> Program:
    """Compile C files for the Cortex-M4 into `folder` and link them. `more`: flags for the compiler.

    The program starts in `main` if the sources have one. Raises ValueError with the compiler's or linker's words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = [cortex_m4_object(source, folder / f"{source.stem}.o", optimisation, more) for source in sources]
    startup = cortex_m4_object(STARTUP, folder / "startup.o", optimisation)
    elf, image = folder / "program.elf", folder / "program.bin"
    tool("arm-none-eabi-gcc", *CORTEX_M4, "-nostartfiles", "--specs=nano.specs", f"-Wl,--defsym=flash_start={flash_start}",
         f"-T{LINK_SCRIPT}", *objects, startup, "-lm", "-o", elf)  # fmt: skip
    tool("arm-none-eabi-objcopy", "-O", "binary", elf, image)
    symbols, symbol_sizes = {}, {}
    for line in tool("arm-none-eabi-nm", "--print-size", elf).splitlines():
        address, *size, _, name = line.split()
        symbols[name] = int(address, 16)
        symbol_sizes[name] = int(size[0], 16) if size else 0
    return Program(elf, flash_start, image.read_bytes(), symbols, symbol_sizes, disassemble(elf))


def disassemble(elf: Path) -> dict[int, Instruction]:
    """The instructions of a program at their addresses."""
    instructions = {}
    for line in tool("arm-none-eabi-objdump", "--disassemble", elf).splitlines():
        parts = line.split("\t")
        if len(parts) < 3 or not parts[0].endswith(":"):
            continue
        address, code = int(parts[0][:-1], 16), parts[1].replace(" ", "")
        operands = parts[3].split("@")[0].strip() if len(parts) > 3 else ""
        instructions[address] = Instruction(address, len(code) // 2, parts[2].strip(), operands)
    return instructions


def tool(name: str, *arguments: str | Path) -> str:
    """Call a program of the tool chain; returns what it prints. Raises ValueError with its words if it refuses."""
    done = subprocess.run([find(name), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{name}: {done.stderr.strip()}")
    return done.stdout
