"""What a command took is that of all its processes, and none of them is left."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.root import ROOT

DAEMON = "import subprocess; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid)"
UNCOUNTED = """
import signal, subprocess, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
BUSY = "import time; data = bytearray(100_000_000)\\nwhile time.process_time() < 1.2: pass"
child = subprocess.Popen([sys.executable, "-c", BUSY])
while child.poll() is None: time.sleep(0.05)
"""


def measured(*command):
    line = [sys.executable, "-m", "benchmarks.measured", "--", *command]
    process = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    return process, json.loads(process.stdout)


def test_what_is_left_behind_is_ended():
    process, found = measured(sys.executable, "-c", DAEMON)
    assert found["status"] == process.returncode == 0
    assert found["wall_seconds"] < 30
    assert not Path(f"/proc/{process.stderr.strip()}").exists()


def test_children_that_nobody_waits_for_count():
    _, found = measured(sys.executable, "-c", UNCOUNTED)
    assert 0.5 < found["cpu_seconds"] < 2.5
    assert 100 < found["peak_mb"] < 200


def test_the_status_is_that_of_the_command():
    process, found = measured("sh", "-c", "kill -9 $$")
    assert found["status"] == -9
    assert process.returncode == 137
