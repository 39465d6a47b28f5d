"""The Python module that package writer stands beside, written with care.

Call load() once the environment is sane, set(0) before the main loop, set(n)
when something is wrong, reset() at shutdown. It writes two files, and load()
leaves the error of a previous run alone. original_liveness.py is less careful.
"""

import os
import socket

_dir = os.path.join(
    os.environ.get("LIVENESS_RUNDIR") or "/run",
    os.environ.get("LIVENESS_UNIT_NAME") or socket.gethostname(),
)


def load(*checks):
    """Runs the checks in order and, if all of them pass, records the pid."""
    for check in checks:
        if not check():
            return False
    os.makedirs(_dir, exist_ok=True)
    _write("pid", os.getpid())
    return True


def set(code):
    """Records the error: 0 is healthy, anything else is not."""
    _write("error", code)


def reset():
    """Removes both files, as before load."""
    for name in ("error", "pid"):
        try:
            os.remove(os.path.join(_dir, name))
        except FileNotFoundError:
            pass


def _write(name, value):
    with open(os.path.join(_dir, name), "w") as file:
        file.write(f"{value}\n")
