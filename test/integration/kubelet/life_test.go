//go:build linux

package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func (p livePod) gate(name string, open bool) {
	p.t.Helper()
	path := filepath.Join(p.volume("liveness"), name)
	err := os.Remove(path)
	if open {
		err = os.WriteFile(path, nil, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p livePod) kill(container string, signal syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(containerPid(p.t, p.id(container)), signal); err != nil {
		p.t.Fatal(err)
	}
}

// stop stops a container's process, and waits until none of its threads is in a system call any more.
func (p livePod) stop(container string) {
	p.t.Helper()
	p.kill(container, syscall.SIGSTOP)
	pid := containerPid(p.t, p.id(container))
	p.await(container+" has stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, thread := range threads {
			stat, _ := os.ReadFile(thread)
			if !bytes.Contains(stat, []byte(") T ")) {
				return false
			}
		}
		return err == nil && len(threads) > 0
	})
}

// TestWeb takes the first pod of the examples through its life, then kills its application and keeps the
// next run from loading for a while.
func TestWeb(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	t.Log(measuredOn(*runtimeName))
	p := startPod(t, examplePod(t, "web"))
	p.awaitEvent("Startup probe failed: unhealthy: web: not loaded: no directory /run/liveness/web")
	p.gate("load", true)
	p.awaitEvent("Readiness probe failed: unhealthy: web: not ready: loaded, but not set to 0 yet")
	if p.ready("web") {
		t.Error("ready before the first set")
	}
	p.gate("set", true)
	p.awaitReady("web")

	p.exec("web", "/healthctl", "set", "3", "upstream db unreachable")
	p.awaitEvent("Readiness probe failed: unhealthy: web: error 3: upstream db unreachable")
	p.await("it is not ready", func() bool { return !p.ready("web") })
	passed := p.succeeded("Liveness")
	p.await("liveness passes twice", func() bool { return p.succeeded("Liveness") >= passed+2 })
	p.neverFailed()
	p.exec("web", "/healthctl", "set", "0")
	p.awaitReady("web")

	p.gate("load", false)
	p.gate("set", false)
	wasReady := p.watch("web", 1)
	p.kill("web", syscall.SIGKILL)
	const stale = "Startup probe failed: unhealthy: web: stale state: pid 1 is another process now"
	p.await("three startup probes say stale", func() bool { return p.saw(stale) >= 3 })
	notSet := p.saw("Readiness probe failed: unhealthy: web: not ready")
	p.gate("load", true)
	p.await("readiness is asked", func() bool { return p.saw("Readiness probe failed: unhealthy: web: not ready") > notSet })
	if wasReady() {
		t.Error("ready before the first set of the next run")
	}
	p.gate("set", true)
	p.awaitReady("web")
	if n := p.restarts("web"); n != 1 {
		t.Errorf("%d restarts, and the application was killed once", n)
	}
}

// watch looks all the time whether the container is ready in its nth restart. What it returns ends that,
// and reports whether it ever was.
func (p livePod) watch(container string, restart int32) (wasReady func() bool) {
	seen, done := make(chan bool), make(chan struct{})
	go func() {
		for ready, last := false, false; ; {
			status := p.status(container)
			ready = ready || status.Ready && status.RestartCount == restart
			if last {
				seen <- ready
				return
			}
			select {
			case <-done:
				last = true
			case <-p.t.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() bool { close(done); return <-seen }
}

// TestScript gives the same pod the script that healthprobe replaces. It takes the state of the previous
// run for that of the next: what TestWeb tests for can happen.
func TestScript(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	pod := examplePod(t, "web")
	pod.Name = "script"
	c := &pod.Spec.Containers[0]
	c.Image = registry + "shell:1.0"
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		probe.Exec.Command = []string{"/bin/bash", "/check.bash"}
	}
	p := startPod(t, pod)
	p.awaitEvent("Startup probe failed: unhealthy: no pid in /run/liveness/web")
	p.gate("load", true)
	p.gate("set", true)
	p.awaitReady("web")
	p.gate("load", false)
	p.gate("set", false)
	wasReady := p.watch("web", 1)
	p.kill("web", syscall.SIGKILL)
	p.await("it is restarted and ready", func() bool { return p.restarts("web") > 0 && p.ready("web") })
	if !wasReady() {
		t.Error("the test does not notice what it is for")
	}
	t.Log("with the script, the pod was ready before its application had loaded")
}

// TestShop stops the worker of the second pod, whose heartbeat then ends.
func TestShop(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	p := startPod(t, examplePod(t, "shop"))
	p.await("api has a container", func() bool { return p.restarts("api") == 0 && p.id("api") != "" })
	p.gate("load", true)
	p.gate("set", true)
	p.awaitReady("api")
	p.awaitReady("worker")
	p.stop("worker")
	// Rather than wait for a minute.
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(p.volume("liveness"), "worker", "error"), long, long); err != nil {
		t.Fatal(err)
	}
	p.awaitEvent("Liveness probe failed: unhealthy: worker: no heartbeat for 36")
	p.await("the worker is restarted", func() bool { return p.restarts("worker") == 1 })
	p.awaitReady("worker")
	if n := p.restarts("api"); n != 0 || !p.ready("api") {
		t.Errorf("api: %d restarts, ready %v", n, p.ready("api"))
	}
}

// TestGuest kills the application of the third pod, which does not know about health checks.
func TestGuest(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	p := startPod(t, examplePod(t, "guest"))
	p.awaitReady("guest")
	p.kill("guest", syscall.SIGKILL)
	p.await("it is restarted", func() bool { return p.restarts("guest") == 1 })
	p.awaitReady("guest")
}
