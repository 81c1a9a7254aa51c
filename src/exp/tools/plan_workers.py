"""`scripts/plan_workers.py`: what a data-parallel step costs on 1 to 1,024 workers, from a formula."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exp.errors import UserError
from exp.terminal.commands import as_called
from exp.tools.program import run_script, say

DESCRIPTION = """Plan a training on many workers: bytes a step, the time they take, and what is left of the speed.

  python scripts/plan_workers.py                                         the cnn of this project
  python scripts/plan_workers.py --parameters 25.6e6 --seconds 0.35 --bandwidth 10 100
  python scripts/plan_workers.py --parameters 1e9 --flops 1.2e14 --flops-per-second 2e14

A ring all-reduce over N workers sends 2 (N-1)/N times the gradients' bytes from each worker, in 2 (N-1) rounds.
"""
COUNTS = [2**power for power in range(11)]
BYTES_PER_GBIT = 1e9 / 8


@dataclass(frozen=True)
class Network:
    """The network that connects the workers."""

    gbit_per_second: float
    latency: float
    """Seconds that an empty message takes."""


def ring_bytes(gradient_bytes: float, workers: int) -> float:
    """Bytes that each worker sends in a ring all-reduce (Patarasuk and Yuan, 2009)."""
    return 2 * (workers - 1) / workers * gradient_bytes


def ring_seconds(gradient_bytes: float, workers: int, network: Network) -> float:
    """Seconds of a ring all-reduce: the bytes at the bandwidth, and the latency of each of 2 (N-1) rounds."""
    sent = ring_bytes(gradient_bytes, workers) / (network.gbit_per_second * BYTES_PER_GBIT)
    return sent + 2 * (workers - 1) * network.latency


def efficiency(seconds: float, gradient_bytes: float, workers: int, network: Network, *, grow: bool) -> float:
    """The fraction of the ideal speed that is left if no part of the all-reduce is hidden behind arithmetic.

    Args:
        seconds: of a step's arithmetic on one worker.
        gradient_bytes: of all gradients.
        workers: how many.
        network: between them.
        grow: whether the batch grows with the workers; else it is divided among them.
    """
    arithmetic = seconds if grow else seconds / workers
    return arithmetic / (arithmetic + ring_seconds(gradient_bytes, workers, network))


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _plan)


def _plan(arguments: argparse.Namespace) -> None:
    for name in ("parameters", "seconds", "flops", "flops_per_second", "bytes_per_parameter"):
        if getattr(arguments, name) is not None and getattr(arguments, name) <= 0:
            raise UserError(f"--{name.replace('_', '-')} {getattr(arguments, name):g}: must be above 0")
    if min(arguments.bandwidth) <= 0 or arguments.latency < 0:
        raise UserError("--bandwidth must be above 0, and --latency not below 0")
    if (arguments.flops is None) != (arguments.flops_per_second is None):
        raise UserError("--flops and --flops-per-second go together: a step's arithmetic, and a worker's speed")
    seconds = arguments.seconds if arguments.flops is None else arguments.flops / arguments.flops_per_second
    size = arguments.parameters * arguments.bytes_per_parameter
    networks = [Network(rate, arguments.latency * 1e-6) for rate in arguments.bandwidth]
    print(f"{size / 1e6:,.2f} MB of gradients, {seconds * 1000:,.2f} ms of arithmetic a step on one worker\n")
    for network in networks:
        print("\n".join(_table(seconds, size, network)) + "\n")
    if arguments.out:
        _draw(seconds, size, networks, arguments.out)
        say(f"drawn: {arguments.out}")


def _table(seconds: float, size: float, network: Network) -> list[str]:
    lines = [
        f"{network.gbit_per_second:g} Gbit/s, {network.latency * 1e6:g} µs a message",
        "",
        "| workers | MB sent by each | ms all-reduce | efficiency, grows | efficiency, divided | speed, divided |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for count in COUNTS:
        grown = efficiency(seconds, size, count, network, grow=True)
        divided = efficiency(seconds, size, count, network, grow=False)
        lines.append(
            f"| {count} | {ring_bytes(size, count) / 1e6:,.2f} | {1000 * ring_seconds(size, count, network):,.2f} "
            f"| {grown:.1%} | {divided:.1%} | {divided * count:,.1f} |"
        )
    return lines


def _draw(seconds: float, size: float, networks: Sequence[Network], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, grow in zip(figure.subplots(1, 2), (True, False), strict=True):
        axes.plot(COUNTS, COUNTS, color="#b0bec5", linestyle="--", label="ideal")
        for network in networks:
            speeds = [count * efficiency(seconds, size, count, network, grow=grow) for count in COUNTS]
            axes.plot(COUNTS, speeds, marker="o", markersize=3, label=f"{network.gbit_per_second:g} Gbit/s")
        what = "grows with the workers" if grow else "is divided among them"
        axes.set(
            title=f"the batch {what}", xscale="log", yscale="log", xlabel="workers", ylabel="speed of one worker = 1"
        )
        axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:  # ValueError: a kind of picture that Matplotlib does not know
        raise UserError(f"--out {path}: cannot be written ({getattr(error, 'strerror', None) or error})") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parameters", type=float, default=3_274_634, help="trained ones (3274634, those of model=cnn)"
    )
    parser.add_argument("--bytes-per-parameter", type=float, default=4, help="of a gradient (4: float32)")
    parser.add_argument("--seconds", type=float, default=0.023, help="of a step on one worker, as measured (0.023)")
    parser.add_argument("--flops", type=float, help="of a step, instead of --seconds")
    parser.add_argument("--flops-per-second", type=float, help="that a worker really does")
    parser.add_argument("--bandwidth", type=float, nargs="+", default=[1, 10, 100], help="Gbit/s (1 10 100)")
    parser.add_argument("--latency", type=float, default=50, help="of a message, in microseconds (50)")
    parser.add_argument("--out", type=Path, help="draw it, such as docs/images/plan.png")
    return parser
