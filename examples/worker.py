#!/usr/bin/env python3
"""A worker with an HTTP port that records its own health. Python 3.9 or newer.

For each file NAME.in in its spool directory it makes NAME.out, with the SHA-256
of the content. Over HTTP it says how many it has made.

  SPOOL      the directory to take files from (default /spool)
  UPSTREAM   HOST:PORT of the database that it needs (default: none)
  PORT       where to listen (default 8080)
  MAX_AGE    the -max-age of its probe, in seconds (default 60)
  HEALTHCTL  the path of healthctl (default /healthctl)

It is healthy (0) while its loop turns, and reports two errors:

  3  the upstream cannot be reached
  4  a file cannot be processed

It needs LIVENESS_RUNDIR and LIVENESS_UNIT_NAME, as the probe does: set them in
the image or in the pod. healthctl, which it starts, sees them too.
"""

import glob
import hashlib
import http.server
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

SPOOL = os.environ.get("SPOOL") or "/spool"
UPSTREAM = os.environ.get("UPSTREAM")
PORT = int(os.environ.get("PORT") or 8080)
HEALTHCTL = os.environ.get("HEALTHCTL") or "/healthctl"
BEAT_EVERY = float(os.environ.get("MAX_AGE") or 60) / 10
PID = str(os.getpid())

UNIT = os.path.join(
    os.environ.get("LIVENESS_RUNDIR") or "/run",
    os.environ.get("LIVENESS_UNIT_NAME") or os.uname().nodename,
)
ERROR = os.path.join(UNIT, "error")  # its modification time is the heartbeat


def log(*words):
    print("worker:", *words, file=sys.stderr, flush=True)


def healthctl(*args):
    """Runs healthctl and returns its exit status, or None if it did not run to its end.

    There is no shell: the arguments are a list, so a reason may hold anything.
    healthctl prints its own errors. It ends by itself, after 2 seconds at most
    if it has to wait for another writer; the timeout is for a machine that is
    in trouble.
    """
    try:
        return subprocess.run([HEALTHCTL, *args], stdin=subprocess.DEVNULL, timeout=10).returncode
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        log(error)
        return None


def clear():
    """Empties the file error, so that no old 0 is left: the probe takes that for unhealthy.

    It starts no process, so it works at the limit of processes too. It never makes
    the file, and follows no link. The file is opened before the look at pid: if
    another process loads after that, this is no longer the file that the probe reads.
    """
    try:
        with open(ERROR, "wb", opener=existing) as error, open(os.path.join(UNIT, "pid"), "rb", opener=existing) as pid:
            status = os.fstat(error.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and pid.read(64).strip() == PID.encode():
                os.ftruncate(error.fileno(), 0)
    except OSError as error:
        log(error)


def existing(path, flags):
    """Opens a file that exists, without waiting for the other end of a FIFO."""
    return os.open(path, flags & os.O_ACCMODE | os.O_NOFOLLOW | os.O_NONBLOCK)


class Health:
    """What the unit says. Only the main loop uses it."""

    def __init__(self):
        self.recorded = None  # the last state that was set, or None if that is not known
        self.beaten = 0.0  # when error was last set or touched

    def report(self, code, reason=""):
        """Sets the state if it has changed, or if the last set failed. Else it beats."""
        state = (code, reason)
        if state == self.recorded:
            self.beat()
            return
        # -pid makes healthctl refuse if another process has the unit now. Behind "--"
        # no reason is taken for a flag.
        status = healthctl("set", "-pid", PID, "--", str(code), *([reason] if reason else []))
        # If set ran and failed (1), it has cleared the old state itself where it may. If it did
        # not run, or crashed because it could not start a thread (2), the old 0 is still there.
        if code != 0 and status not in (0, 1):
            clear()
        self.recorded = state if status == 0 else None  # None: the next turn tries again
        self.beaten = time.monotonic()

    def beat(self):
        """Sets the modification time of error to now, which is all that a heartbeat is.

        It is much cheaper than to start "healthctl beat". It never makes the file:
        if someone has reset the unit, there is none, and the next turn sets again.
        """
        if time.monotonic() - self.beaten < BEAT_EVERY:
            return
        self.beaten = time.monotonic()
        try:
            os.utime(ERROR, follow_symlinks=False)
        except OSError as error:
            log(error)
            self.recorded = None


def check_spool():
    """Checks what must be in order before the start."""
    path = os.path.join(SPOOL, ".check-" + PID)
    with open(path, "w"):
        pass
    os.remove(path)


def check_upstream():
    """Returns whether the upstream accepts connections within 2 s. DNS may take longer: choose MAX_AGE above that."""
    if not UPSTREAM:
        return True
    host, _, port = UPSTREAM.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return True
    except OSError:
        return False


def work():
    """Processes the files that are new. An exception says what is wrong."""
    for source in glob.glob(os.path.join(SPOOL, "*.in")):
        target = source[: -len(".in")] + ".out"
        if os.path.exists(target):
            continue  # done
        with open(source, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(target, "w") as file:
            file.write(digest + "\n")


def turn():
    """One turn of the main loop. It returns the state: a code, and a reason if that is not 0.

    One place decides what the unit says. Else the end of one error would hide
    another that goes on.
    """
    try:
        work()
    except OSError as error:
        return 4, str(error)
    if not check_upstream():
        return 3, "upstream db unreachable"
    return 0, ""


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10  # a client that says nothing must not hold up the shutdown

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d files\n" % len(glob.glob(os.path.join(SPOOL, "*.out"))))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for the requests that are running


def main():
    # The handler only leaves a note: the loop ends its turn, and then shuts down.
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    signal.signal(signal.SIGINT, lambda *_: stopping.append(True))

    try:
        check_spool()
    except OSError as error:
        sys.exit(f"worker: {error}")
    # load records the process that starts it, which is this one. It also removes
    # what the previous run left. Without it the unit never becomes healthy: end.
    if healthctl("load") != 0:
        sys.exit("worker: not loaded")

    server = Server(("", PORT), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    log("listening on port", server.server_port)

    health = Health()
    try:
        health.report(*turn())  # ready: it listens, and its first turn is done
        while not stopping:
            time.sleep(min(BEAT_EVERY, 1))
            health.report(*turn())  # from the loop that does the work: if that hangs, there is no beat
    finally:
        server.shutdown()  # stop accepting
        thread.join()
        server.server_close()  # wait for the requests that are running
        healthctl("reset", "-pid", PID)  # last of all: until here the liveness probe should find the process


if __name__ == "__main__":
    main()
