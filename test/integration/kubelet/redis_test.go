//go:build linux

package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// redisFiles are an image with Redis and a dump that it loads for some seconds. Its format is that of version
// 9: strings in database 0, and no checksum.
func redisFiles() ([]file, error) {
	dump := bytes.NewBufferString("REDIS0009\xfe\x00")
	for i := range 16000 {
		fmt.Fprintf(dump, "\x00\x06%06d\x05value", i)
	}
	dump.WriteString("\xff" + strings.Repeat("\x00", 8))
	path := filepath.Join(workdir, "dump.rdb")
	if err := os.WriteFile(path, dump.Bytes(), 0o644); err != nil {
		return nil, err
	}
	files, err := withLibraries("redis-server", "redis-cli")
	return append(files, file{"/data/dump.rdb", path}), err
}

const redisSocket = "/run/liveness/redis.sock" // the stub of a network has not even a loopback interface

// TestRedis starts a server that nobody has changed with healthctl run. It is not ready while it loads its
// data, nor while it hangs, and is restarted for neither.
func TestRedis(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	pod := examplePod(t, "guest")
	pod.Name = "cache"
	c := &pod.Spec.Containers[0]
	c.Name, c.Image = "cache", registry+"cache:1.0"
	c.Command = []string{"/tools/healthctl", "run", "-ready", `["/bin/redis-cli", "-s", "` + redisSocket + `", "-e", "ping"]`, "--",
		"/bin/redis-server", "--port", "0", "--unixsocket", redisSocket, "--dir", "/data", "--save", "", "--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"}
	for i := range c.Env {
		if c.Env[i].Name == "LIVENESS_UNIT_NAME" {
			c.Env[i].Value = "cache"
		}
	}
	c.ReadinessProbe.PeriodSeconds = 1
	p := startPod(t, pod)
	answers := func() bool {
		return succeeds(execSync(p.id("cache"), []string{"/bin/redis-cli", "-s", redisSocket, "-e", "ping"})) == nil
	}

	p.awaitEvent("Readiness probe failed: unhealthy: cache: error 1: LOADING Redis is loading the dataset in memory")
	loading := 0
	p.await("it is ready", func() bool {
		ready := p.ready("cache")
		if !answers() {
			loading++
			if ready {
				t.Error("ready while it loads")
			}
		}
		return ready
	})
	if loading == 0 {
		t.Error("it had loaded before anybody looked: the test does not see what it is for")
	}

	server := childOf(t, containerPid(t, p.id("cache")))
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(server, s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	p.awaitEvent("Readiness probe failed: unhealthy: cache: error 124: /bin/redis-cli: no answer within 2s")
	p.await("it is not ready", func() bool { return !p.ready("cache") })
	signal(syscall.SIGCONT)
	p.awaitReady("cache")
	if n := p.restarts("cache"); n != 0 || !answers() {
		t.Errorf("%d restarts, answers: %v", n, answers())
	}
}

// childOf returns the pid of a process that a process has started, and that is not one of its checks.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(children)) {
		name, _ := os.ReadFile("/proc/" + word + "/comm")
		if pid, err := strconv.Atoi(word); err == nil && strings.TrimSpace(string(name)) == "redis-server" {
			return pid
		}
	}
	t.Fatalf("no redis-server among the children of %d: %q", parent, children)
	return 0
}
