"""`robot export`: a policy as ONNX, as C, as an app for the Crazyflie or a module of PX4, with a proof that it is the same policy."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.views.say import say

if TYPE_CHECKING:
    from firmware_export.verify import Verification

ONNX_OBSERVATIONS = 20_000
ONNX_ERROR_MAX = 1e-6


@dataclass(frozen=True)
class ExportConfig:
    """Write a run's policy for use elsewhere.

    onnx: one model, sensed numbers in, commands out, compared with torch. c: policy.c and policy.h for any C99 compiler.
    crazyflie: an app for crazyflie-firmware around that C. px4: a flight mode for PX4 around it, an external module.
    """

    run: Annotated[str, tyro.conf.Positional]
    """A run's folder (its best policy, or its newest), or a policy file."""
    to: Literal["onnx", "c", "crazyflie", "px4"] = "c"
    kernel: Literal["fma", "muladd", "int8"] = "fma"
    """Of the C: fused multiply-adds, products and sums apart, or integers of eight bits."""
    verify: bool = False
    """Compile the C for the Cortex-M4, run it on an emulated one, compare with this machine and torch, flip bits."""
    out: str = ""
    """The folder to write to; otherwise `export/` and the kind, in the run's folder or beside the policy file."""
    drone: str = ""
    """For crazyflie and px4: which one will fly it, a name in `sim/quadrotor/data`; otherwise the one it was trained for."""

    def __post_init__(self) -> None:
        if self.to == "onnx" and self.kernel != "fma":
            raise ValueError(f"--kernel: found {self.kernel}, allowed with --to onnx: none, it has no C")
        if self.to not in ("crazyflie", "px4") and self.drone:
            raise ValueError(f"--drone: found {self.drone!r}, allowed with --to crazyflie and px4 alone")

    def folder(self) -> Path:
        """Where the files go."""
        run = Path(self.run)
        return Path(self.out) if self.out else (run if run.is_dir() else run.parent) / "export" / self.to


def main(arguments: list[str]) -> int:
    config, as_json = parse(ExportConfig, "export", arguments)
    if not Path(config.run).exists():
        raise ValueError(f"RUN: found no {config.run}, allowed: a run's folder or a policy file")
    if config.to == "onnx" or config.verify:
        require("torch")
    proved, figures = {"onnx": to_onnx, "c": to_c, "crazyflie": to_crazyflie, "px4": to_px4}[config.to](config)
    finish(figures, as_json)
    return 0 if proved else 1


def to_onnx(config: ExportConfig) -> tuple[bool, dict[str, Any]]:
    """The model, always compared: that takes less than a second."""
    from firmware_export.onnx_model import OnnxPolicy, parity, write_onnx
    from robot.tasks.network_of_run import network_of_run

    network = network_of_run(Path(config.run))
    config.folder().mkdir(parents=True, exist_ok=True)
    model = config.folder() / "policy.onnx"
    write_onnx(model, network)
    read_back = OnnxPolicy(model)
    if read_back.policy_sha256 != network.sha256:
        raise ValueError(f"{model}: field policy_sha256 is {read_back.policy_sha256}, the run has {network.sha256}")
    error = parity(model, network, ONNX_OBSERVATIONS)
    say(f"model    {model}, checked by onnx; {read_back.task} at {read_back.rate_hz:g} Hz")
    say(f"torch    {error:.1e} off at most, over {ONNX_OBSERVATIONS} observations, extremes among them")
    if error > ONNX_ERROR_MAX:
        say(f"NOT proved: allowed are {ONNX_ERROR_MAX:.1e}")
    figures = {"onnx": str(model), "sha256": network.sha256, "torch_error": error, "observations": ONNX_OBSERVATIONS}
    return error <= ONNX_ERROR_MAX, figures


def to_c(config: ExportConfig) -> tuple[bool, dict[str, Any]]:
    """policy.c and policy.h."""
    from firmware_export.c_source import c_source
    from robot.tasks.network_of_run import network_of_run

    network = network_of_run(Path(config.run))
    source = c_source(network, config.kernel)
    config.folder().mkdir(parents=True, exist_ok=True)
    code = source.write(config.folder())
    say(f"C        {code} and policy.h, kernel {config.kernel}")
    return proof(config, {"c": str(code), "sha256": network.sha256})


def to_crazyflie(config: ExportConfig) -> tuple[bool, dict[str, Any]]:
    """The app's folder."""
    from robot.robots.quadrotor.app_of_run import write_app_of_run
    from robot.tasks.network_of_run import network_of_run

    files = write_app_of_run(Path(config.run), config.folder(), config.drone, config.kernel)
    say(f"app      {config.folder()}, {len(files)} files; build it with CRAZYFLIE_BASE=... make, README.md says more")
    figures = {"app": str(config.folder()), "sha256": network_of_run(Path(config.run)).sha256}
    if config.verify:
        from firmware_export.crazyflie_app import build_for_cortex_m4
        from sim.scratch_folder import scratch_folder

        with scratch_folder("policy-objects") as objects:
            build_for_cortex_m4(config.folder(), objects)
        say("compile  every file of the app compiles for the Cortex-M4 with the firmware's flags")
    return proof(config, figures)


def to_px4(config: ExportConfig) -> tuple[bool, dict[str, Any]]:
    """The module's folder."""
    from robot.robots.quadrotor.px4_of_run import write_px4_of_run
    from robot.tasks.network_of_run import network_of_run

    files = write_px4_of_run(Path(config.run), config.folder(), config.drone, config.kernel)
    say(
        f"module   {config.folder()}, {len(files)} files; build PX4 with EXTERNAL_MODULES_LOCATION=..., README.md says more"
    )
    return proof(config, {"module": str(config.folder()), "sha256": network_of_run(Path(config.run)).sha256})


def proof(config: ExportConfig, figures: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """The figures with those of the verification, if it is wanted, and whether it holds."""
    if not config.verify:
        return True, figures
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from firmware_export.verify import verify
    from robot.tasks.network_of_run import network_of_run

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        verification = verify(
            network_of_run(Path(config.run)), config.kernel, show=lambda step: bar.update(task, description=step)
        )
    say_verification(verification)
    return verification.proved, figures | asdict(verification)


def say_verification(found: "Verification") -> None:
    """The figures for a person."""

    def holds(truth: bool) -> str:
        return "" if truth else "NOT "

    say(f"bits     {found.vectors} inputs, extremes among them: outputs {holds(found.bit_equal)}equal, bit by bit, on this "
        "machine and on the emulated Cortex-M4")  # fmt: skip
    say(f"torch    {found.torch_error:.1e} off at most, {found.torch_error_median:.1e} in the median; "
        f"torch's own single precision {found.torch_float32_error:.1e} at most")  # fmt: skip
    say(f"time     {found.instructions} instructions an inference, {holds(found.instructions_constant)}the same for every "
        f"input; {found.act_instructions} with normalisation and past actions")  # fmt: skip
    say(f"         {found.cycles_model} cycles, {found.microseconds_model} us at 168 MHz: a model, not a measurement")
    say(f"memory   {found.flash_bytes} B of flash, {found.weight_bytes} of them weights; {found.ram_bytes} B of RAM, "
        f"{found.stack_bytes} B of stack")  # fmt: skip
    say(f"damage   self-test {holds(found.selftest)}passed; of {found.selftest_flips} flipped bits it missed "
        f"{found.selftest_flips_missed}")  # fmt: skip
    if not found.proved:
        say(f"NOT proved: allowed are equal bits, equal instructions, at most {found.torch_error_allowed:.1e} off torch, a "
            "self-test that passes and misses no bit")  # fmt: skip
