"""Text is text; and whoever reads it may go away, with real pipes and a real terminal."""

import io
import logging
import os
import pty
import subprocess
import sys

import pytest

from exp.system.streams import Lasting, PlainFormatter, printable

SAYS_MUCH = (
    "import os, sys\n"
    "from exp.system.streams import outlast\n"
    "outlast()\n"
    "from exp.terminal.plain_console import console\n"
    "for number in range(2000):\n"
    "    console().print(f'line {number}', 'x' * 100)\n"
    "    print('to stderr', file=sys.stderr)\n"
    "os.system('echo from a program of its own')\n"
    "open(sys.argv[1], 'w').write('the end')\n"
)


@pytest.fixture
def says_much(tmp_path):
    """A shell's command for a program that says much, and the file that it writes at its end."""
    (tmp_path / "program.py").write_text(SAYS_MUCH)
    return f"{sys.executable} {tmp_path / 'program.py'} {tmp_path / 'end'}", tmp_path / "end"


@pytest.mark.parametrize(
    "around",
    [
        "{} 2>&1 | head -1",
        "{} | true",
        "{} > /dev/full",
        "{} > /dev/full 2>&1",
        "{} >&-",
        "{} >&- 2>&-",
        "{} <&- >&- 2>&-",
    ],
)
def test_a_program_outlasts_whoever_reads_it(says_much, around):
    command, end = says_much
    script = f"set -o pipefail; {around.format(command)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert end.read_text() == "the end"
    assert "Traceback" not in done.stderr + done.stdout
    assert "Error" not in done.stderr + done.stdout


def test_a_program_outlasts_its_terminal(says_much):
    command, end = says_much
    here, there = pty.openpty()
    process = subprocess.Popen(command.split(), stdin=there, stdout=there, stderr=there)
    os.close(there)
    os.read(here, 100)
    os.close(here)
    assert process.wait(60) == 0
    assert end.read_text() == "the end"


def test_a_busy_terminal_is_not_given_up():
    class Busy(io.StringIO):
        busy = True

        def write(self, text: str) -> int:
            if self.busy:
                raise BlockingIOError
            return super().write(text)

    busy = Busy()
    stream = Lasting(busy)
    stream.write("lost")
    busy.busy = False
    stream.write("shown")
    assert busy.getvalue() == "shown"


def test_a_closed_stream_is_given_up():
    stream = Lasting(io.StringIO())
    stream.close()
    assert stream.write("text") == 4
    stream.flush()
    stream.close()  # of what it has taken in its place


def test_control_characters_are_escaped():
    assert printable("a\x1b[31mb\rc\u202ed\n\té") == "a\\x1b[31mb\\rc\\u202ed\n\té"
    record = logging.LogRecord("exp", logging.INFO, "", 0, "%s", ("\x1b[2J",), None)
    assert PlainFormatter("%(message)s").format(record) == "\\x1b[2J"
