"""Asks whoever listens at a socket to run `python ARGUMENTS`, with the streams, folder and variables of this process.

    python -I -S python_stand_in.py SOCKET PYTHON ARGUMENTS

Options of Python other than -m and -c are for a real Python.
"""

import json
import os
import socket
import sys
from pathlib import Path


def main() -> int:
    """Run the program; returns its exit status."""
    address, python, *command = sys.argv[1:]
    if not command or (command[0].startswith("-") and command[0] not in ("-m", "-c")):
        os.execv(python, [python, *command])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        request = {"command": command, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
        message = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(connection, [message], [0, 1, 2])
        connection.sendall(message[sent:])
        return int(connection.recv(100) or 1)


if __name__ == "__main__":
    sys.exit(main())
