#!/bin/bash
# npm @cloudnative/health-connect 2.1.0 (with @cloudnative/health 2.1.2): what its endpoints
# say while a startup check is still pending. Seen with Node.js 20.20.2.
#
# Best guess: the check runs once; until it passes, the liveness endpoint answers 200 and
# the readiness endpoint 503, both at once.
#
# Seen: every request starts the check again, though the first run is still pending. The
# health endpoint answers 503 STARTING at once. The liveness and the readiness endpoint
# answer only when the check that they have started has ended, and then 200 UP. So a probe
# with the usual timeout of 1 s fails at both for as long as startup takes, and a startup
# check that opens connections opens more with each probe. A liveness probe of such an
# application needs a startupProbe in front of it, or asks the health endpoint, which
# fails in startup too, but at once.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent @cloudnative/health-connect@2.1.0 @cloudnative/health@2.1.2
cat >ask.js <<'JS'
const http = require('http');
const health = require('@cloudnative/health-connect');

let runs = 0;
const checker = new health.HealthChecker();
checker.registerStartupCheck(new health.StartupCheck('data', () => {
  runs++;
  return new Promise((done) => setTimeout(done, 2000));
}));
checker.registerLivenessCheck(new health.LivenessCheck('loop', async () => {}));
checker.registerReadinessCheck(new health.ReadinessCheck('queue', async () => {}));
const endpoints = {
  '/health': health.HealthEndpoint(checker),
  '/live': health.LivenessEndpoint(checker),
  '/ready': health.ReadinessEndpoint(checker),
};
const server = http.createServer((request, answer) => endpoints[request.url](request, answer, () => answer.end()));

const ask = (path) => new Promise((done) => {
  const began = Date.now();
  http.get({ port: server.address().port, path, agent: false }, (answer) => {
    let body = '';
    answer.on('data', (part) => { body += part; });
    answer.on('end', () => done(`${path} ${answer.statusCode} ${JSON.parse(body).status} ${Date.now() - began < 1000 ? 'at once' : 'late'}`));
  });
});

server.listen(0, async () => {
  const lines = await Promise.all(['/health', '/live', '/ready'].map(ask));
  console.log([...lines, `the check ran ${runs} times`].join('\n'));
  process.exit();
});
JS
node ask.js | tee seen
diff - seen <<'SEEN'
/health 503 STARTING at once
/live 200 UP late
/ready 200 UP late
the check ran 4 times
SEEN
