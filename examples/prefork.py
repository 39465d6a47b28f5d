#!/usr/bin/env python3
"""A prefork server that records its own health. Python 3.9 or newer, no packages.

A master listens, starts the workers and replaces those that end. The workers
answer the requests. Each process is a unit of its own, because a unit is one
process. With LIVENESS_UNIT_NAME=web they are

  web           the master, which must run for the service to be up
  web-1, web-2  the workers, numbered by their place: a worker that replaces
                another loads under the same name

and this asks for all of them:

  healthprobe -unit web -unit web-1 -unit web-2 -max-age 60s

The environment variables PORT, MAX_AGE and HEALTHCTL are those of worker.py.
"""

import http.server
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

WORKERS = 2
PORT = int(os.environ.get("PORT") or 8080)
HEALTHCTL = os.environ.get("HEALTHCTL") or "/healthctl"
BEAT_EVERY = float(os.environ.get("MAX_AGE") or 60) / 10
RUNDIR = os.environ.get("LIVENESS_RUNDIR") or "/run"
NAME = os.environ.get("LIVENESS_UNIT_NAME") or os.uname().nodename


def log(*words):
    print(f"prefork {os.getpid()}:", *words, file=sys.stderr, flush=True)


class Unit:
    """The unit of the process that makes it. Make it after the fork, not before."""

    def __init__(self, name):
        self.name = name
        self.pid = str(os.getpid())
        self.error = os.path.join(RUNDIR, name, "error")
        self.ready = False  # whether the last set or beat succeeded
        self.beaten = 0.0

    def healthctl(self, command, *args):
        try:
            argv = [HEALTHCTL, command, "-unit", self.name, *args]
            return subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=10).returncode == 0
        except (OSError, subprocess.TimeoutExpired) as error:
            log(error)
            return False

    def load(self):
        return self.healthctl("load")  # it records the process that starts it: this one

    def turn(self):
        """Call it in the main loop: the first time it sets 0, then it beats."""
        if not self.ready:
            self.ready = self.healthctl("set", "-pid", self.pid, "0")
        elif time.monotonic() - self.beaten >= BEAT_EVERY:
            self.beaten = time.monotonic()
            try:
                os.utime(self.error, follow_symlinks=False)
            except OSError as error:
                log(error)
                self.ready = False  # set again

    def reset(self):
        self.healthctl("reset", "-pid", self.pid)


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 5  # much less than MAX_AGE: a client that says nothing must not cost the heartbeat

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d\n" % os.getpid())

    def log_message(self, *_):
        pass


def run_worker(place, listener, master):
    unit = Unit(f"{NAME}-{place}")
    if not unit.load():
        sys.exit("prefork: a worker is not loaded")  # the master starts another
    server = http.server.HTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket = listener
    server.timeout = min(BEAT_EVERY, 1)  # how long handle_request waits for a request
    while not stopping and os.getppid() == master:  # a master that was killed tells nobody
        unit.turn()
        server.handle_request()
    unit.reset()


def start_worker(place, listener):
    """Forks, and returns the pid of the worker."""
    master = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run_worker(place, listener, master)
        status = 0
    except SystemExit as end:
        log(end)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)  # never return into the master's code


def run_master():
    listener = socket.create_server(("", PORT), backlog=128)
    listener.setblocking(False)  # if two workers wake for one request, the second must not wait for the next
    log("listening on port", listener.getsockname()[1])

    # The master loads, before it forks. A worker must not load for it: see
    # docs/applications.md.
    unit = Unit(NAME)
    if not unit.load():
        sys.exit("prefork: not loaded")
    workers = {start_worker(place, listener): place for place in range(1, WORKERS + 1)}
    while not stopping:
        unit.turn()  # ready: it listens, and the workers have been started
        time.sleep(min(BEAT_EVERY, 1))
        for pid, place in list(workers.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                log("worker", place, "has ended")
                del workers[pid]
                if not stopping:
                    workers[start_worker(place, listener)] = place

    listener.close()
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    for pid in workers:
        os.waitpid(pid, 0)  # they end their requests, and reset
    unit.reset()  # last of all


# The handler only leaves a note. The workers inherit it.
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
signal.signal(signal.SIGINT, lambda *_: stopping.append(True))

if __name__ == "__main__":
    run_master()
