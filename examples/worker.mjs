// A worker with an HTTP port that records its own health. Node.js 18 or newer, no
// packages: node worker.mjs
//
// For each file NAME.in in its spool directory it makes NAME.out, with the SHA-256
// of the content. Over HTTP it says how many it has made.
//
//   SPOOL      the directory to take files from (default /spool)
//   UPSTREAM   HOST:PORT of the database that it needs (default: none)
//   PORT       where to listen (default 8080)
//   MAX_AGE    the -max-age of its probe, in seconds (default 60)
//   HEALTHCTL  the path of healthctl (default /healthctl)
//
// It is healthy (0) while its loop turns, and reports two errors:
//
//   3  the upstream cannot be reached
//   4  a file cannot be processed
//
// It needs LIVENESS_RUNDIR and LIVENESS_UNIT_NAME, as the probe does: set them in
// the image or in the pod. healthctl, which it starts, sees them too.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const SPOOL = process.env.SPOOL || "/spool";
const UPSTREAM = process.env.UPSTREAM;
const PORT = Number(process.env.PORT || 8080);
const HEALTHCTL = process.env.HEALTHCTL || "/healthctl";
const BEAT_EVERY = (Number(process.env.MAX_AGE || 60) * 1000) / 10; // in ms
const PID = String(process.pid);

const UNIT = path.join(process.env.LIVENESS_RUNDIR || "/run", process.env.LIVENESS_UNIT_NAME || os.hostname());
const ERROR = path.join(UNIT, "error"); // its modification time is the heartbeat

const log = (...words) => console.error("worker:", ...words);

// healthctl runs healthctl and returns its exit status, or null if it did not run to its end.
//
// There is no shell: the arguments are a list, so a reason may hold anything.
// healthctl prints its own errors. It ends by itself, after 2 seconds at most if
// it has to wait for another writer; the timeout is for a machine that is in
// trouble.
//
// spawn, and not spawnSync, so that requests are answered meanwhile.
async function healthctl(...args) {
  try {
    const child = spawn(HEALTHCTL, args, { stdio: ["ignore", "inherit", "inherit"], timeout: 10_000, killSignal: "SIGKILL" });
    const [status, killed] = await once(child, "exit"); // throws if it cannot be started
    if (killed) log(`${HEALTHCTL} ${args[0]}: ${killed}`);
    return status;
  } catch (error) {
    log(error.message);
    return null;
  }
}

// clear empties the file error, so that no old 0 is left: the probe takes that for
// unhealthy. It starts no process, so it works at the limit of processes too. It
// never makes the file, follows no link and does not wait for the other end of a
// FIFO. The file is opened before the look at pid: if another process loads after
// that, this is no longer the file that the probe reads.
async function clear() {
  const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let error;
  try {
    error = await fs.open(ERROR, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    const status = await error.stat();
    const pid = await fs.readFile(path.join(UNIT, "pid"), { encoding: "utf8", flag: O_RDONLY | O_NOFOLLOW | O_NONBLOCK });
    if (status.isFile() && status.nlink === 1 && pid.trim() === PID) await error.truncate(0);
  } catch (failure) {
    log(failure.message);
  } finally {
    await error?.close();
  }
}

// health is what the unit says. Only the main loop uses it.
const health = {
  recorded: null, // the last state that was set, or null if that is not known
  beaten: 0, // when error was last set or touched

  // report sets the state if it has changed, or if the last set failed. Else it beats.
  async report(code, reason = "") {
    const state = `${code} ${reason}`;
    if (state === this.recorded) {
      await this.beat();
      return;
    }
    // -pid makes healthctl refuse if another process has the unit now.
    const status = await healthctl("set", "-pid", PID, "--", String(code), ...(reason ? [reason] : []));
    // If set ran and failed (1), it has cleared the old state itself where it may. If it did not
    // run, or crashed because it could not start a thread (2), the old 0 is still there.
    if (code !== 0 && status !== 0 && status !== 1) await clear();
    this.recorded = status === 0 ? state : null; // null: the next turn tries again
    this.beaten = performance.now();
  },

  // beat sets the modification time of error to now, which is all that a heartbeat
  // is. It is much cheaper than to start "healthctl beat". It never makes the file:
  // if someone has reset the unit, there is none, and the next turn sets again.
  async beat() {
    if (performance.now() - this.beaten < BEAT_EVERY) return;
    this.beaten = performance.now();
    try {
      const now = new Date();
      await fs.lutimes(ERROR, now, now);
    } catch (error) {
      log(error.message);
      this.recorded = null;
    }
  },
};

// checkSpool checks what must be in order before the start.
async function checkSpool() {
  const file = path.join(SPOOL, `.check-${PID}`);
  await fs.writeFile(file, "");
  await fs.rm(file);
}

// checkUpstream tells whether the upstream accepts connections. It waits 2 s at most.
function checkUpstream() {
  if (!UPSTREAM) return true;
  const colon = UPSTREAM.lastIndexOf(":");
  return new Promise((answer) => {
    const socket = net.connect({ host: UPSTREAM.slice(0, colon), port: Number(UPSTREAM.slice(colon + 1)) });
    const end = (reachable) => {
      socket.destroy();
      answer(reachable);
    };
    socket.setTimeout(2000, () => end(false));
    socket.on("error", () => end(false));
    socket.on("connect", () => end(true));
  });
}

const names = async (suffix) => (await fs.readdir(SPOOL)).filter((name) => name.endsWith(suffix));

// work processes the files that are new. An error says what is wrong.
async function work() {
  const done = new Set(await names(".out"));
  for (const name of await names(".in")) {
    const target = name.slice(0, -".in".length) + ".out";
    if (done.has(target)) continue;
    const content = await fs.readFile(path.join(SPOOL, name));
    await fs.writeFile(path.join(SPOOL, target), createHash("sha256").update(content).digest("hex") + "\n");
  }
}

// turn is one turn of the main loop. It returns the state: a code, and a reason if
// that is not 0. One place decides what the unit says. Else the end of one error
// would hide another that goes on.
async function turn() {
  try {
    await work();
  } catch (error) {
    return [4, error.message];
  }
  if (!(await checkUpstream())) return [3, "upstream db unreachable"];
  return [0];
}

// The handler only leaves a note: the loop ends its turn, and then shuts down.
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    stopping = true;
  });
}

try {
  await checkSpool();
} catch (error) {
  log(error.message);
  process.exit(1);
}
// load records the process that starts it, which is this one. It also removes what
// the previous run left. Without it the unit never becomes healthy: end.
if ((await healthctl("load")) !== 0) {
  log("not loaded");
  process.exit(1);
}

const server = http.createServer(async (request, response) => {
  const count = await names(".out").then((list) => list.length, () => 0);
  response.end(`${count} files\n`);
});
server.listen(PORT);
await once(server, "listening"); // throws if the port is taken
log("listening on port", server.address().port);

await health.report(...(await turn())); // ready: it listens, and its first turn is done
while (!stopping) {
  await sleep(Math.min(BEAT_EVERY, 1000));
  // From the loop that does the work: if that hangs, there is no beat. A beat in a
  // setInterval of its own would go on.
  await health.report(...(await turn()));
}

const closed = once(server, "close");
server.close(); // stop accepting
server.closeIdleConnections?.(); // Node.js 18.2; close does it itself from 19 on
setTimeout(() => server.closeAllConnections?.(), 10_000).unref();
await closed; // wait for the requests that are running
await healthctl("reset", "-pid", PID); // last of all: until here the liveness probe should find the process
process.exit(0);
