//go:build servers && linux

package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// server is a row of the table of servers.
type server struct {
	name     string
	packages string   // of Debian
	programs []string // from them
	prepare  func(a *app)
	config   map[string]string // files
	command  []string
	ready    []string // values of -ready
	ask      func(a *app) (string, error)
	notifies []string           // lines of what it says before it is ready, in order
	waiting  string             // what the probe says meanwhile, if it takes long enough to be seen
	reload   unix.Signal        // 0: there is none
	fails    func(a *app) error // makes the check fail
	recovers func(a *app) error
	failure  string // what the probe says then
	stopped  int    // the exit status after TERM
}

func check(argv ...string) string {
	text, _ := json.Marshal(argv)
	return string(text)
}

const haproxyConfig = `
defaults
	mode http
	timeout connect 10s
	timeout client 10s
	timeout server 10s
frontend web
	bind 127.0.0.1:{port}
	http-request return status %d content-type text/plain string "{text}"
`

// reconfigured writes a configuration of HAProxy and has it loaded.
func reconfigured(status int) func(a *app) error {
	return func(a *app) error {
		a.write("haproxy.cfg", fmt.Sprintf(haproxyConfig, status))
		return unix.Kill(a.pid, unix.SIGUSR2)
	}
}

var redis = server{
	packages: "redis-server",
	programs: []string{"redis-server", "redis-cli"},
	prepare:  writeDump,
	// It loads its dump for some seconds.
	command: []string{"redis-server", "--bind", "127.0.0.1", "--port", "{port}", "--dir", "{dir}", "--save", "",
		"--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"},
	ask: pingRedis,
}

// writeDump writes a dump of Redis: strings in database 0, without a checksum.
func writeDump(a *app) {
	dump := bytes.NewBufferString("REDIS0009\xfe\x00")
	for i := range 1000 {
		fmt.Fprintf(dump, "\x00\x06%06d\x05value", i)
	}
	a.write("dump.rdb", dump.String()+"\xff"+strings.Repeat("\x00", 8))
}

func (s server) named(name string, change func(*server)) server {
	s.name = name
	change(&s)
	return s
}

var servers = []server{
	redis.named("redis", func(s *server) {
		s.command = append(s.command, "--supervised", "systemd")
		s.ready = []string{"notify"}
		s.waiting = "Redis is loading"
		s.notifies = []string{"STATUS=Redis is loading...", "READY=1"}
	}),
	redis.named("redis with a check", func(s *server) {
		s.ready = []string{check("redis-cli", "-p", "{port}", "-e", "ping")}
		s.waiting = "error 1: LOADING Redis is loading the dataset in memory"
		s.fails = func(a *app) error { _, err := askRedis(a, "CONFIG SET requirepass secret"); return err }
		s.recovers = func(a *app) error { _, err := askRedis(a, "AUTH secret", `CONFIG SET requirepass ""`); return err }
		s.failure = "error 1: NOAUTH Authentication required."
	}),
	{
		name:     "postgresql",
		packages: "postgresql-15",
		programs: []string{"psql", "pg_isready"},
		prepare:  initdb,
		config:   map[string]string{"data/postgresql.conf": "app.text = {text}\nfsync = off\nunix_socket_directories = ''\n"},
		command:  []string{"{dir}/postgres", "-D", "{dir}/data", "-p", "{port}"},
		ready:    []string{"notify", check("pg_isready", "-h", "127.0.0.1", "-p", "{port}", "-U", "postgres")},
		ask:      askPostgres,
		notifies: []string{"READY=1"},
		reload:   unix.SIGHUP,
	},
	{
		name:     "haproxy",
		packages: "haproxy curl",
		programs: []string{"haproxy", "curl"},
		config:   map[string]string{"haproxy.cfg": fmt.Sprintf(haproxyConfig, 200)},
		command:  []string{"haproxy", "-Ws", "-f", "{dir}/haproxy.cfg"},
		ready:    []string{"notify", check("curl", "-fsS", "http://127.0.0.1:{port}/")},
		ask:      askHTTP,
		notifies: []string{"RELOADING=1", "READY=1"},
		reload:   unix.SIGUSR2,
		fails:    reconfigured(503),
		recovers: reconfigured(200),
		failure:  "error 22: curl: (22) The requested URL returned error: 503",
	},
	{
		name:     "unbound",
		packages: "unbound",
		programs: []string{"unbound"},
		config: map[string]string{"unbound.conf": `
server:
	interface: 127.0.0.1
	port: {port}
	directory: "{dir}"
	chroot: ""
	username: ""
	use-syslog: no
	module-config: "iterator"
	local-data: 'app.test. TXT "{text}"'
`},
		command:  []string{"unbound", "-d", "-p", "-c", "{dir}/unbound.conf"},
		ready:    []string{"notify"},
		ask:      askDNS,
		notifies: []string{"READY=1"},
		reload:   unix.SIGHUP,
	},
	{
		name:     "php-fpm",
		packages: "php8.2-fpm libfcgi-bin",
		programs: []string{"php-fpm8.2", "cgi-fcgi"},
		config:   map[string]string{"fpm.conf": fpmConfig},
		command:  fpmCommand,
		ready:    []string{"notify", check(cgi...)},
		ask:      askFPM,
		notifies: []string{"READY=1"},
		reload:   unix.SIGUSR2,
	},
	{
		name:     "gunicorn",
		packages: "gunicorn",
		programs: []string{"gunicorn"},
		config: map[string]string{"app.py": `
def app(environ, start_response):
	start_response("200 OK", [])
	return [b"{text}"]
`},
		// A worker that still starts misses the TERM, and would be waited for for 30 s.
		command:  []string{"gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--graceful-timeout", "3", "app:app"},
		ready:    []string{"notify"},
		ask:      askHTTP,
		notifies: []string{"READY=1"},
		reload:   unix.SIGHUP,
	},
	{
		name:     "nginx",
		packages: "nginx-light",
		programs: []string{"nginx"},
		config:   map[string]string{"nginx.conf": nginxConfig},
		command:  append(nginxCommand, "-g", "daemon off;"),
		ready:    []string{"listen:{port}"},
		ask:      askHTTP,
		reload:   unix.SIGHUP,
	},
	{
		name:     "puma",
		packages: "puma ruby-sd-notify",
		programs: []string{"puma"},
		config:   map[string]string{"config.ru": `run lambda { |env| [200, {}, ["{text}"]] }`},
		command:  []string{"puma", "-b", "tcp://127.0.0.1:{port}", "config.ru"},
		ready:    []string{"notify"},
		ask:      askHTTP,
		notifies: []string{"READY=1"},
		reload:   unix.SIGUSR2,
		stopped:  143,
	},
	{
		name:     "go-systemd",
		prepare:  buildGo,
		config:   map[string]string{"text": "{text}"},
		command:  []string{"{dir}/server", "{port}", "{dir}/text"},
		ready:    []string{"notify"},
		ask:      askHTTP,
		notifies: []string{"STATUS=reading its data", "READY=1"},
		waiting:  "error 1: reading its data",
		reload:   unix.SIGHUP,
	},
	{
		name:     "nodejs",
		packages: "g++ libnode-dev libsystemd-dev make nodejs npm",
		programs: []string{"g++", "make", "node", "npm"},
		prepare:  buildNode,
		config:   map[string]string{"text": "{text}"},
		command:  []string{"node", "{dir}/server.js", "{port}", "{dir}/text"},
		ready:    []string{"notify"},
		ask:      askHTTP,
		notifies: []string{"STATUS=reading its data", "READY=1"},
		waiting:  "error 1: reading its data",
		reload:   unix.SIGHUP,
	},
}

// buildGo builds a server that is a module of its own, for the library that it needs.
func buildGo(a *app) {
	build := exec.Command("go", "build", "-C", "gosystemd", "-o", a.path("server"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		a.t.Fatalf("%s: %v\n%s", build, err, out)
	}
}

// buildNode installs a server with the library that it needs, which npm compiles against Node's headers.
func buildNode(a *app) {
	a.must(os.CopyFS(a.dir, os.DirFS("nodejs")))
	build := exec.Command("npm", "ci", "--nodedir=/usr", "--no-audit", "--no-fund")
	build.Dir = a.dir
	if out, err := build.CombinedOutput(); err != nil {
		a.t.Fatalf("%s: %v\n%s", build, err, out)
	}
}

const fpmConfig = `
[global]
error_log = /dev/stderr
systemd_interval = 1
; without it a reload resets connections that are being answered
process_control_timeout = 10s
[www]
listen = 127.0.0.1:{port}
pm = static
pm.max_children = 2
ping.path = /ping
ping.response = {text}
`

var fpmCommand = []string{"php-fpm8.2", "--nodaemonize", "--fpm-config", "{dir}/fpm.conf"}

const nginxConfig = `
pid {dir}/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	server {
		listen 127.0.0.1:{port};
		location / { return 200 "{text}"; }
	}
}
`

var nginxCommand = []string{"nginx", "-e", "stderr", "-c", "{dir}/nginx.conf"}

// initdb makes a database cluster. It wants a user that has a name, so it is another one.
func initdb(a *app) {
	const nobody = 65534
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	testenv.Require(a.t, len(found) > 0, "no postgres (Debian: postgresql-15)")
	a.must(os.Symlink(found[0], a.path("postgres")))
	a.must(os.Chown(a.dir, nobody, -1))
	out, err := a.as(nobody, filepath.Dir(found[0])+"/initdb", "-D", a.path("data"), "-A", "trust", "-U", "postgres", "-N").CombinedOutput()
	if err != nil {
		a.t.Fatalf("initdb: %v\n%s", err, out)
	}
	a.must(exec.Command("chown", "-R", fmt.Sprint(uid), a.dir).Run())
}

// newApp returns the app of a server, not started.
func (s *server) newApp(t *testing.T) *app {
	for _, name := range s.programs {
		testenv.LookPath(t, name, s.packages)
	}
	var flags []string
	for _, when := range s.ready {
		flags = append(flags, "-ready", when)
	}
	a := newApp(t, append(flags, "-ready-every", "200ms"), s.command)
	if s.prepare != nil {
		s.prepare(a)
	}
	s.configure(a, "one")
	return a
}

// configure makes the server answer with text, once it has loaded its files.
func (s *server) configure(a *app, text string) {
	a.text = text
	for name, content := range s.config {
		a.write(name, content)
	}
}

// TestServers: the life of each server.
func TestServers(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.life(s.newApp(t))
		})
	}
}

func (s *server) life(a *app) {
	asks := strings.HasPrefix(s.ready[len(s.ready)-1], "[")
	w := s.watch(a)
	defer w.end()

	a.says("^unhealthy: web: not loaded")
	a.start()
	if s.waiting != "" {
		a.awaits("^unhealthy: web: .*" + s.waiting)
		w.awaitRefused()
	}
	a.awaits(healthy)
	last := 0
	for _, line := range s.notifies {
		at := a.said.last(line)
		if at < last {
			a.t.Errorf("it is ready, and has not said %q in this order", s.notifies)
		}
		last = at
	}
	w.awaitAnswered()

	if s.reload != 0 {
		w.steady.Store(true)
		s.reloaded(a, "two")
		w.awaitAnswered()
		w.steady.Store(false)
	}

	// What somebody has set stands, whatever the server says, and until somebody sets 0.
	a.output(bin+"/healthctl", "set", "9", "draining")
	if s.reload != 0 {
		s.reloaded(a, "three")
	}
	if asks {
		a.awaitHeartbeats(3)
	}
	a.says("error 9: draining")
	a.output(bin+"/healthctl", "set", "0")
	a.says(healthy)

	if asks {
		a.signalAll(unix.SIGSTOP)
		a.awaits("error 124: .*: no answer within 2s")
		a.awaits("^unhealthy", "-live", "-max-age", "3s")
		a.says(healthy, "-live")
		a.signalAll(unix.SIGCONT)
		a.awaits(healthy)
		w.awaitAnswered()
	}

	if s.fails != nil {
		w.late.Store(true)
		a.must(s.fails(a))
		a.awaits("^unhealthy: web: " + regexp.QuoteMeta(s.failure) + "$")
		w.late.Store(false)
		w.awaitRefused()
		a.awaitHeartbeats(2)
		a.awaitReloaded()
		a.must(s.recovers(a))
		a.awaits(healthy)
		a.awaitReloaded()
		w.awaitAnswered()
	}

	s.stops(a, w)
	w.awaitRefused()
	a.start()
	a.awaits(healthy)
	w.awaitAnswered()

	// What is left of a run that was killed makes nothing ready.
	w.late.Store(true)
	a.must(a.run.Process.Kill())
	a.run.Wait()
	a.run = nil
	if s.name == "redis" {
		a.awaits("^unhealthy")
		w.late.Store(false)
		a.start()
		a.awaits(healthy)
		s.stops(a, w)
	}
}

// reloaded has the server load its files again.
func (s *server) reloaded(a *app, text string) {
	a.t.Helper()
	s.configure(a, text)
	a.must(a.run.Process.Signal(s.reload)) // which passes it on
	a.await("the answer "+text, func() bool {
		answer, _ := s.ask(a)
		return answer == text
	})
	a.awaitReloaded()
}

// awaitReloaded waits for the READY=1 after a RELOADING=1: HAProxy loses a signal that comes sooner, or
// is killed by it.
func (a *app) awaitReloaded() {
	a.t.Helper()
	a.await("READY=1 after RELOADING=1", func() bool { return a.said.last("READY=1") >= a.said.last("RELOADING=1") })
}

func (s *server) stops(a *app, w *watcher) {
	a.t.Helper()
	w.late.Store(true)
	if status := a.stop(); status != s.stopped {
		a.t.Errorf("after TERM the exit status is %d, not %d", status, s.stopped)
	}
	w.late.Store(false)
}

// watcher makes requests, and asks the probe, until it is told to end.
type watcher struct {
	a      *app
	steady atomic.Bool // the probe must say ready
	late   atomic.Bool // it may still say ready: it has not been asked since a change, or the process ends

	answered, refused atomic.Int32
	quit, done        chan struct{}
}

func (s *server) watch(a *app) *watcher {
	w := &watcher{a: a, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.quit:
				return
			default:
				w.look(s)
			}
		}
	}()
	return w
}

func (w *watcher) end() {
	close(w.quit)
	<-w.done
}

// look makes one request. Where the probe says ready before and after it, it must be answered.
func (w *watcher) look(s *server) {
	steady, late := w.steady.Load(), w.late.Load()
	before := w.a.probe()
	answer, err := s.ask(w.a)
	after := w.a.probe()
	steady = steady && w.steady.Load()
	late = late || w.late.Load()
	ready := isReady(before) && isReady(after)
	switch {
	case ready && err != nil && !late:
		w.a.t.Errorf("the probe says ready, and a request: %v", err)
	case steady && !ready:
		w.a.t.Errorf("while it is to stay ready, the probe says %q and %q", before, after)
	case ready && answer != "":
		w.answered.Add(1)
	case !ready && err != nil:
		w.refused.Add(1)
	}
}

func (w *watcher) awaitAnswered() { w.a.t.Helper(); w.awaitMore("answered while ready", &w.answered) }
func (w *watcher) awaitRefused()  { w.a.t.Helper(); w.awaitMore("refused while not ready", &w.refused) }

func (w *watcher) awaitMore(what string, count *atomic.Int32) {
	w.a.t.Helper()
	before := count.Load()
	w.a.await("requests "+what, func() bool { return count.Load() > before+1 })
}
