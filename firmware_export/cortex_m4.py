"""An emulated Cortex-M4 with the STM32F405's memory, in which functions of a program are called and counted.

The emulator is unicorn (QEMU's translator as a library): it executes the object code of the real compiler, with IEEE
arithmetic and denormal numbers as the FPU has them. It knows no time; cycles are `cycle_model.py`'s.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_export.cortex_m4_program import Program
from firmware_export.cycle_model import BRANCH_REFILL, Instruction, straight_cycles

try:
    import unicorn
    from unicorn import arm_const
except ImportError as error:
    raise ValueError("the emulated Cortex-M4 needs unicorn; pip install 'robot-practice[crazyflie]'") from error

FLASH, FLASH_BYTES = 0x08000000, 1 << 20
RAM, RAM_BYTES = 0x20000000, 128 << 10
CCM, CCM_BYTES = 0x10000000, 64 << 10  # the core's own memory; programs leave it to the arguments of calls
SYSTEM_CONTROL, SYSTEM_CONTROL_BYTES = 0xE000E000, 0x1000
RETURN_ADDRESS = FLASH + FLASH_BYTES - 0x1000  # behind the program: a call is over when it comes here
INTEGER_ARGUMENTS = tuple(getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(4))
FLOAT_ARGUMENTS = tuple(getattr(arm_const, f"UC_ARM_REG_S{i}") for i in range(16))
SECONDS_AT_MOST = 60


@dataclass(frozen=True)
class Call:
    """What a counted call gave: r0, and how many instructions and modelled cycles it took."""

    result: int
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Block:
    """Instructions without a jump between them, from an address to `end`."""

    instructions: int
    cycles: int
    end: int


class CortexM4:
    """A processor that has booted a program: start-up code and main have run. `status`: what main returned."""

    def __init__(self, program: Program) -> None:
        self.program = program
        if program.flash_start + len(program.flash) > RETURN_ADDRESS:
            raise ValueError(f"{program.elf}: found {len(program.flash)} bytes of flash, allowed: less than 1 MB")
        self.core: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self.core.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        for start, size in (
            (FLASH, FLASH_BYTES),
            (RAM, RAM_BYTES),
            (CCM, CCM_BYTES),
            (SYSTEM_CONTROL, SYSTEM_CONTROL_BYTES),
        ):
            self.core.mem_map(start, size)
        self.core.mem_write(program.flash_start, program.flash)
        stack_top, reset = np.frombuffer(program.flash[:8], "<u4")
        self.core.reg_write(arm_const.UC_ARM_REG_SP, int(stack_top))
        self.run(int(reset), program.symbols["stopped"] & ~1)
        self.status = self.core.reg_read(arm_const.UC_ARM_REG_R0)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.core.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        self.core.mem_write(address, data)

    def call(self, function: str, *arguments: int | float) -> int:
        """Call a function with at most four integers or addresses, and floats (hard-float convention); returns r0."""
        integers, floats = iter(INTEGER_ARGUMENTS), iter(FLOAT_ARGUMENTS)
        for value in arguments:
            if isinstance(value, float):
                self.core.reg_write(next(floats), int(np.float32(value).view(np.uint32)))
            else:
                self.core.reg_write(next(integers), value)
        self.core.reg_write(arm_const.UC_ARM_REG_SP, self.program.symbols["stack_top"])
        self.core.reg_write(arm_const.UC_ARM_REG_LR, RETURN_ADDRESS | 1)
        self.run(self.program.symbols[function], RETURN_ADDRESS)
        return self.core.reg_read(arm_const.UC_ARM_REG_R0)

    def run(self, start: int, end: int) -> None:
        """Execute from an address until another. Raises RuntimeError if the program faults or does not come there."""
        try:
            self.core.emu_start(start | 1, end, timeout=SECONDS_AT_MOST * unicorn.UC_SECOND_SCALE)
        except unicorn.UcError as error:
            raise RuntimeError(f"{self.program.elf}: fault at 0x{self.program_counter():08x}: {error}") from error
        if self.program_counter() != end:
            raise RuntimeError(
                f"{self.program.elf}: stopped at 0x{self.program_counter():08x} after {SECONDS_AT_MOST} s"
            )

    def program_counter(self) -> int:
        return self.core.reg_read(arm_const.UC_ARM_REG_PC)


class CountingCortexM4(CortexM4):
    """One that counts what it executes; several times slower."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._known: dict[tuple[int, int], Block] = {}
        self._executed: list[tuple[int, int]] = []
        self.core.ctl_flush_tb()  # what was translated before knows nothing of the hook
        self.core.hook_add(unicorn.UC_HOOK_BLOCK, lambda _, address, size, __: self._executed.append((address, size)))

    def call_counted(self, function: str, *arguments: int | float) -> Call:
        """Call a function, counting what it takes."""
        self._executed.clear()
        result = self.call(function, *arguments)
        instructions = cycles = 0
        next_starts = [*(start for start, _ in self._executed[1:]), RETURN_ADDRESS]
        for next_start, block in zip(next_starts, map(self.block, self._executed), strict=True):
            instructions += block.instructions
            cycles += block.cycles + (BRANCH_REFILL if next_start != block.end else 0)
        return Call(result, instructions, cycles)

    def block(self, place: tuple[int, int]) -> Block:
        """The block at an address, of a size in bytes, looked up in the disassembly once."""
        if place not in self._known:
            address, size = place
            end = address + size
            instructions: list[Instruction] = []
            while address < end:
                instructions.append(self.program.instructions[address])
                address += instructions[-1].size
            self._known[place] = Block(len(instructions), straight_cycles(instructions), end)
        return self._known[place]
