"""A forked program is like one that Python starts: arguments, streams, folder, variables, and how it ends."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.forked_python import ForkedPython
from tests.support.programs import LIGHT, Programs
from tests.support.sweeping import wait_for


def test_a_program_has_arguments_a_folder_and_variables_of_its_own(tmp_path):
    code = "import os, sys; print(sys.argv, os.getcwd(), os.environ['GIVEN'], 'TF_CPP_MIN_LOG_LEVEL' in os.environ)"
    done = LIGHT.run("-c", code, "a b", cwd=tmp_path, environment={"GIVEN": "x"})
    assert (done.returncode, done.stdout) == (0, f"['-c', 'a b'] {tmp_path} x False\n")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_it_ends_as_python_does(tmp_path, code, status):
    assert LIGHT.run("-c", code, cwd=tmp_path).returncode == status


def test_the_number_of_a_process_that_has_ended_may_come_again():
    programs = Programs()
    programs._connection, server = socket.socketpair()
    with server, programs._connection:
        server.sendall(b"7\n[7, 0]\n7\n")
        assert [programs._hear() for _ in range(3)] == [7, None, 7]
        assert programs.status(7) is None
        server.sendall(b"[7, 256]\n")
        assert programs.status(7) == 1


def test_what_is_registered_for_the_end_of_a_process_is_done(tmp_path):
    done = LIGHT.run("-c", "import atexit; atexit.register(print, 'last words')", cwd=tmp_path)
    assert done.stdout == "last words\n"


def test_streams_are_kept_apart_or_go_together(tmp_path):
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    done = LIGHT.run("-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert LIGHT.run("-c", code, cwd=tmp_path, stderr=subprocess.STDOUT).stdout == "out\nerr\n"


def test_it_can_be_waited_for_and_killed(tmp_path):
    process = LIGHT.start("-c", "import time; time.sleep(60)", cwd=tmp_path, new_session=True)
    assert process.poll() is None
    wait_for(lambda: os.getsid(process.pid) == process.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def test_a_shell_pipes_to_it_and_hears_how_it_ended(tmp_path):
    (tmp_path / "program.py").write_text("import sys\nprint(sys.argv[1:], input())\nsys.exit(4)\n")
    with ForkedPython(LIGHT) as python:
        environment = {**os.environ, "PATH": f"{python.folder}{os.pathsep}{os.environ['PATH']}"}
        script = "echo word | python program.py one 'two 3'"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (4, "['one', 'two 3'] word\n")
    assert not Path(python.folder).exists()
