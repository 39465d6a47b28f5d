//go:build linux

package kubelet

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestPids leaves a healthy container three free pids. The direct entry goes on to answer; the ordinary
// program cannot start, which the kubelet takes for a failure, and restarts the application.
func TestPids(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	p := startPod(t, limited(t, "direct", "/healthprobe"))
	q := startPod(t, limited(t, "ordinary", "/ordinary"))
	p.awaitReady("web")
	q.awaitReady("web")
	p.limitPids("web", 3)
	q.limitPids("web", 3)
	// On a slow machine runc itself may find no pid for its threads, each time.
	notStarted := func() bool {
		return q.saw("Liveness probe failed: ") == 0 && q.saw("Liveness probe errored") >= 60
	}
	q.await("the ordinary program gets it restarted", func() bool { return q.restarts("web") > 0 || notStarted() })
	if notStarted() {
		t.Logf("runc cannot start a probe here: %s", q.events()[len(q.events())-1])
		p.neverFailed()
		return
	}
	for _, message := range q.events() {
		if strings.HasPrefix(message, "Liveness probe failed: ") {
			line, _, _ := strings.Cut(message, "\n")
			t.Logf("the ordinary program: %s", line)
			break
		}
	}
	// The state is written from outside: the container has no pid left for a healthctl.
	code := filepath.Join(p.volume("liveness"), "web", "error")
	for _, state := range []struct {
		code  string
		ready bool
	}{{"3\n", false}, {"0\n", true}} {
		if err := os.WriteFile(code, []byte(state.code), 0); err != nil {
			t.Fatal(err)
		}
		p.await("the direct entry sees error "+state.code, func() bool { return p.ready("web") == state.ready })
	}
	p.neverFailed()
}

// neverFailed wants liveness to have held all the time.
func (p livePod) neverFailed() {
	p.t.Helper()
	if n := p.saw("Liveness probe failed"); n != 0 || p.restarts("web") != 0 {
		p.t.Errorf("%s: liveness failed %d times, %d restarts", p.name, n, p.restarts("web"))
	}
}

// limited returns the first pod of the examples with another program as its probe, which asks every
// second, and an application of one thread, which needs no further pid.
func limited(t *testing.T, name, probe string) *corev1.Pod {
	t.Helper()
	pod := examplePod(t, "web")
	pod.Name = name
	pod.Spec.TerminationGracePeriodSeconds = new(int64)
	c := &pod.Spec.Containers[0]
	c.Image = registry + "shell:1.0"
	c.Command = []string{"/healthctl", "exec", "/bin/sleep", "infinity"}
	for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		p.Exec.Command[0] = probe
		p.PeriodSeconds = 1
	}
	return pod
}

// limitPids leaves a container so many free pids.
func (p livePod) limitPids(container string, free int) {
	p.t.Helper()
	group := controlGroup(p.t, p.id(container), "pids")
	var used int
	p.await("no probe runs", func() bool {
		text, err := os.ReadFile(filepath.Join(group, "pids.current"))
		if err != nil {
			p.t.Fatal(err)
		}
		used, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return used == 1
	})
	if err := os.WriteFile(filepath.Join(group, "pids.max"), []byte(strconv.Itoa(used+free)), 0); err != nil {
		p.t.Fatal(err)
	}
}

// TestCannotStart has a probe whose program does not exist. The kubelet says so in an event, and does
// nothing else: it neither takes it for a failure nor for a success.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	live, ready := examplePod(t, "web"), examplePod(t, "web")
	for _, pod := range []*corev1.Pod{live, ready} {
		c := &pod.Spec.Containers[0]
		c.Image, c.StartupProbe = registry+"shell:1.0", nil
		c.Command = []string{"/healthctl", "exec", "/bin/sleep", "infinity"}
		c.LivenessProbe.PeriodSeconds, c.ReadinessProbe.PeriodSeconds = 1, 1
		c.LivenessProbe.FailureThreshold = 1
	}
	live.Name, ready.Name = "badliveness", "badreadiness"
	live.Spec.Containers[0].LivenessProbe.Exec.Command[0] = "/nonexistent"
	ready.Spec.Containers[0].ReadinessProbe.Exec.Command[0] = "/nonexistent"
	p, q := startPod(t, live), startPod(t, ready)
	p.awaitReady("web")
	p.await("five attempts", func() bool { return p.saw("Liveness probe errored") >= 5 })
	q.await("five attempts", func() bool { return q.saw("Readiness probe errored") >= 5 })
	if p.restarts("web") != 0 || !p.ready("web") {
		t.Errorf("liveness: %d restarts, ready %v", p.restarts("web"), p.ready("web"))
	}
	if q.restarts("web") != 0 || q.ready("web") {
		t.Errorf("readiness: %d restarts, ready %v", q.restarts("web"), q.ready("web"))
	}
	t.Log(p.events()[len(p.events())-1])
}

// TestImageVolume starts the fourth pod of the examples. Image volumes need containerd 2.1: an older
// one does not start the container, and says why.
func TestImageVolume(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	p := startPod(t, examplePod(t, "volume"))
	if *containerdVersion != "" {
		p.awaitReady("volume")
		return
	}
	// docs/kubernetes.md has this line.
	p.await("the kubelet says why it does not start", func() bool {
		waiting := p.status("volume").State.Waiting
		return waiting != nil && waiting.Reason == "CreateContainerError" &&
			strings.Contains(waiting.Message, `failed to mkdir "": mkdir : no such file or directory`)
	})
}
