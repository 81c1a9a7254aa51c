"""`scripts/devices.py`: the devices of this machine, and what each `device=` choice would make of them."""

import argparse
import multiprocessing
import os
import shutil
import subprocess
from typing import Any

from exp.cli.conf import conf_folder
from exp.config import Device, WorkersDevices
from exp.errors import UserError
from exp.system.machine import available_cores
from exp.system.safe_path import safe_path
from exp.terminal.commands import as_called
from exp.terminal.tables import line_width, plain_table, whole
from exp.tools.program import composed, run_script, say

DESCRIPTION = """List physical and logical devices, their memory, and what each choice of device= does on this machine.

Each choice is tried in a process of its own, which ends again: nothing is changed. Overrides change the choices:

  python scripts/devices.py
  python scripts/devices.py device.count=4
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _show(arguments.overrides))


def _show(overrides: list[str]) -> None:
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])
    memory = _memory()
    with safe_path():
        started = context.Pool(1, maxtasksperchild=1)
    with started as pool:
        devices = [[name, what, memory.get(name, "")] for name, what in pool.apply(_physical)]
        _print_table("physical devices", ["device", "what it is", "memory"], devices)
        choices = sorted(path.stem for path in (conf_folder() / "device").glob("*.yaml"))
        tried = [[f"device={choice}", *_tried(pool, choice, overrides)] for choice in choices]
    headings = ["choice", "replicas", "trains on", "logical devices", "threads"]
    _print_table("what each choice does here", headings, tried)
    say("one replica is a whole copy of the model; a batch is shared out among them")


def _print_table(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """A row may end early."""
    table = plain_table(headings, [[*row, *[""] * (len(headings) - len(row))] for row in rows])
    say("\n".join([title, *whole(table, line_width()), ""]))


def _tried(pool: Any, choice: str, overrides: list[str]) -> list[str]:
    try:
        device = composed([f"device={choice}", *overrides]).device
        if isinstance(device, WorkersDevices):
            return [
                "one a worker",
                "trains with other processes: device.local=N starts them here, TF_CONFIG or Slurm name them",
            ]
        return list(pool.apply(_configured, (device,)))
    except UserError as error:
        return ["-", str(error)]


def _physical() -> list[tuple[str, str]]:
    """Names and descriptions; TensorFlow does not touch a device for it."""
    import tensorflow as tf

    rows = []
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        cores = f"{available_cores()} cores that this process may use"
        what = details.get("device_name") or (cores if device.device_type == "CPU" else device.device_type)
        rows.append((device.name.removeprefix("/physical_device:"), what))
    return rows


def _configured(device: Device) -> tuple[str, str, str, str]:
    import tensorflow as tf

    from exp.distributed.devices import configure

    made = configure(device, session=False)
    logical = [":".join(one.name.split(":")[-2:]) for one in tf.config.list_logical_devices()]
    return str(made.replicas), ", ".join(made.names), ", ".join(logical), str(made.threads)


def _memory() -> dict[str, str]:
    """The memory of each physical device, in total and free, as the system reports it."""
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
    memory = {"CPU:0": f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of it unused"}
    query = ["nvidia-smi", "--query-gpu=index,memory.total,memory.free", "--format=csv,noheader,nounits"]
    if shutil.which(query[0]):
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
        for line in done.stdout.splitlines():
            index, all_of_it, unused = (part.strip() for part in line.split(","))
            memory[f"GPU:{index}"] = f"{all_of_it} MiB, {unused} MiB of it free"
    return memory


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", help="as for run.py: device.count=4, device.indices=[0,1] ...")
    return parser
