"""What the replaced Python module is known to do, in words of our own.

It looks up the unit's name and the pid while it is imported, so a process that
forks afterwards records its parent's pid. The run directory is an argument, and
no variable overrides it. Directories are made as needed, values are written
without a newline, and load() leaves the error of a previous run alone.
"""

import contextlib
import os
import pathlib
import socket

UNIT = os.environ.get("LIVENESS_UNIT_NAME") or socket.gethostname()
PID = os.getpid()


def load(*checks, rundir="/run"):
    """Records the pid, unless one of the checks is not true."""
    if not all(check() for check in checks):
        return False
    _file("pid", rundir).write_text(str(PID))
    return True


def set(code, rundir="/run"):
    """Records a code."""
    _file("error", rundir).write_text(str(code))


def reset(rundir="/run"):
    """Removes what load and set recorded."""
    for name in ("error", "pid"):
        with contextlib.suppress(FileNotFoundError):
            _file(name, rundir).unlink()


def _file(name, rundir):
    unit = pathlib.Path(rundir, UNIT)
    unit.mkdir(parents=True, exist_ok=True)
    return unit / name
