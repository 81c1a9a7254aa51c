"""A Slurm of one node on loopback, with a key, sockets, ports and folders of its own: it touches no other Slurm.

`python -m tests.support.slurm COMMAND...` runs a command with it, as a person would try something out.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "setpriv")
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}

CONFIGURATION = """\
ClusterName=exp
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SchedulerType=sched/backfill
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
JobRequeue=1
KillWait=15
MinJobAge=300
InactiveLimit=0
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP
"""


def missing() -> str | None:
    """Why no Slurm can be started here; None if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=ENVIRONMENT["PATH"]) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian's slurm-wlm, munge and util-linux)"
    return None if os.geteuid() == 0 else "needs root"


@contextlib.contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """Start it; gives the variables with which its commands find it. Jobs and daemons end with the context."""
    folder = Path(tempfile.mkdtemp(prefix="exp-slurm-"))
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        configuration = _write_configuration(folder)
        variables = {"SLURM_CONF": str(configuration)}
        environment = {**ENVIRONMENT, **variables}
        munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        daemons.append(_start(folder, "munged", "-F", "--force", f"--socket={folder}/munge.socket", *munge))
        _wait((folder / "munge.socket").exists, folder, "munged")
        daemons.append(_start(folder, "slurmctld", "-D", "-f", str(configuration)))
        daemons.append(_start(folder, "slurmd", "-D", "-f", str(configuration)))
        state = ["sinfo", "--noheader", "--format=%T"]
        _wait(lambda: _said(state, environment) == "idle", folder, "slurmctld and slurmd")
        yield variables
        subprocess.run(["scancel", "--user=root"], env=environment, check=False, capture_output=True)
        with contextlib.suppress(AssertionError):
            _wait(lambda: _said(["squeue", "--noheader"], environment) == "", folder, "the jobs' end")
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _write_configuration(folder: Path) -> Path:
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format(
        folder=folder,
        host=socket.gethostname().partition(".")[0],
        controller_port=controller_port,
        node_port=node_port,
        cpus=os.cpu_count(),
    )
    path = folder / "slurm.conf"
    path.write_text(text)
    return path


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _start(folder: Path, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """A daemon that ends when this process does, however it ends."""
    path = shutil.which(program, path=ENVIRONMENT["PATH"])
    assert path is not None
    with (folder / f"{program}.out").open("wb") as out:
        command = ["setpriv", "--pdeathsig", "TERM", path, *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=folder
        )


def _wait(happened: Callable[[], bool], folder: Path, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            logs = [path for path in sorted(folder.glob("*.*")) if path.suffix in (".log", ".out")]
            tails = "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}" for path in logs)
            raise AssertionError(f"{what}: did not come within {seconds:g} seconds\n{tails}")
        time.sleep(0.1)


def _said(command: list[str], environment: dict[str, str]) -> str | None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    problem = missing()
    if problem:
        sys.exit(f"no Slurm here: {problem}")
    with slurm() as found:
        sys.exit(subprocess.run(sys.argv[1:], env={**ENVIRONMENT, **found}, check=False).returncode)
