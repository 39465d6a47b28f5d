// A web server that reports itself by the npm package sd-notify. Its arguments are the port and the
// file with the text that it answers, which it reads again at SIGHUP.
const fs = require('fs')
const http = require('http')
const notify = require('sd-notify')

const [port, path] = process.argv.slice(2)
let text
const read = () => { text = fs.readFileSync(path) }
const server = http.createServer((_, response) => response.end(text))

notify.sendStatus('reading its data')
setTimeout(() => {
  read()
  server.listen(port, '127.0.0.1', notify.ready)
}, 500)

process.on('SIGHUP', read)
process.on('SIGTERM', () => {
  notify.stopping(process.pid)
  server.close()
  server.closeIdleConnections()
})
