#!/bin/bash
# npm @gquittet/graceful-server 5.2.17: what a server answers before setReady() and while it
# stops. Seen with Node.js 20.20.2.
#
# Best guess: the library adds /live and /ready and leaves all other requests to the
# application; before setReady only /ready says 503.
#
# Seen: before setReady, and again from SIGTERM on, it resets the connection of every other
# request, while /live goes on to answer 200. So a warm-up request to the server itself, a
# check that asks a route of the application, and a request that a load balancer sends in
# the seconds in which a stopping pod still gets traffic all see ECONNRESET, not a 503.
# An orderly stop ends with exit status 15, the signal's number: neither 0 nor 143.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent @gquittet/graceful-server@5.2.17
cat >ask.js <<'JS'
const http = require('http');
const library = require('@gquittet/graceful-server');

const server = http.createServer((request, answer) => answer.end('application'));
const graceful = (library.default ?? library)(server, { closePromises: [() => new Promise((done) => setTimeout(done, 1500))] });

const ask = (path) => new Promise((done) => {
  http.get({ port: server.address().port, path, agent: false }, (answer) => {
    answer.resume();
    answer.on('end', () => done(`${path} ${answer.statusCode}`));
  }).on('error', (error) => done(`${path} ${error.code}`));
});
const show = async (when) => console.log(`${when}:`, await ask('/live'), await ask('/ready'), await ask('/orders'));

server.listen(0, async () => {
  await show('before setReady');
  graceful.setReady();
  await show('after it');
  process.kill(process.pid, 'SIGTERM');
  await new Promise((done) => setTimeout(done, 300));
  await show('after SIGTERM');
});
JS
status=0
node ask.js >seen || status=$?
echo "exit status $status" >>seen
cat seen
diff - seen <<'SEEN'
before setReady: /live 200 /ready 503 /orders ECONNRESET
after it: /live 200 /ready 200 /orders 200
after SIGTERM: /live 200 /ready 503 /orders ECONNRESET
exit status 15
SEEN
