//go:build linux

package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestPids leaves a healthy container three free pids. The direct entry goes on to answer; the ordinary
// program cannot start, which the kubelet takes for a failure, and restarts the application.
//
// The pods run with crun: runc's own threads may find no pid there, on a slow machine in each attempt, and
// then no probe is started at all.
func TestPids(t *testing.T) {
	t.Parallel()
	requireKubelet(t)
	p := startPod(t, limited(t, "direct", "/healthprobe"))
	q := startPod(t, limited(t, "ordinary", "/ordinary"))
	p.awaitReady("web")
	q.awaitReady("web")
	p.limitPids("web", 3)
	q.limitPids("web", 3)
	q.await("the ordinary program gets it restarted", func() bool { return q.restarts("web") > 0 })
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
	// A busy machine may need more than the 5 s that a probe has. Three such in a row would be a restart.
	n := p.saw("Liveness probe failed") - p.saw("Liveness probe failed: command timed out")
	if n != 0 || p.restarts("web") != 0 {
		p.t.Errorf("%s: liveness failed %d times, %d restarts", p.name, n, p.restarts("web"))
	}
}

// limited returns the first pod of the examples with another program as its probe, which asks every
// second, and an application of one thread, which needs no further pid. containerd runs it with crun, of which
// it learns from the annotation: for a RuntimeClass the kubelet asks an API server.
func limited(t *testing.T, name, probe string) *corev1.Pod {
	t.Helper()
	pod := examplePod(t, "web")
	pod.Name = name
	pod.Annotations = map[string]string{"io.kubernetes.cri.untrusted-workload": "true"}
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

// TestMemory leaves a container only so much free memory, and calls what the kubelet calls for an exec
// probe. With crun the probe decides whether the application is killed. With runc it depends as much on
// runc's own process, which runs inside the limit before the probe does.
//
// It is not parallel, so that it ends before a kubelet starts.
func TestMemory(t *testing.T) {
	requireContainerd(t)
	for handler, rooms := range map[string][]int{"runc": {2048, 1024, 512, 256}, "crun": {1024, 512, 256}} {
		table := "| memory left |"
		for _, probe := range probes[1:] {
			table += " " + probe.name + " |"
		}
		table += "\n|---|---|---|---|"
		killed, answered := map[string]int{}, map[string]int{}
		for _, room := range rooms {
			table += fmt.Sprintf("\n| %d KiB |", room)
			for _, probe := range probes[1:] {
				n := 0
				for range *repeats {
					survived, healthy := survives(t, handler, room<<10, probe.command)
					if !survived {
						n++
					}
					if healthy {
						answered[probe.name]++
					}
				}
				killed[probe.name] += n
				table += fmt.Sprintf(" %d |", n)
			}
		}
		t.Logf("%s: application killed, of %d ExecSync\n\n%s", measuredOn(handler), *repeats, table)
		if handler == "crun" && answered["direct entry"] == 0 {
			t.Error("crun never started the direct entry")
		}
		if handler == "crun" && killed["direct entry"] > killed["bash script"] {
			t.Error("the direct entry has the application killed more often than the script")
		}
	}
}

// survives reports whether an application of 32 MiB outlives a probe when only room bytes are left, and
// whether the probe said healthy.
func survives(t *testing.T, handler string, room int, probe []string) (survived, healthy bool) {
	t.Run("", func(t *testing.T) { // its container is removed at its end
		id := startContainer(t, handler, "/bin/perl", "-e",
			`$x = "x" x (32 << 20); open(my $ready, ">", "/ready"); close($ready); sleep`)
		pid := containerPid(t, id)
		if err := retry(func() error { _, err := os.Stat(fmt.Sprintf("/proc/%d/root/ready", pid)); return err }); err != nil {
			t.Fatal(err)
		}
		limitMemory(t, controlGroup(t, id, "memory"), room)
		healthy = succeeds(execSync(id, probe)) == nil
		survived = sleeping(pid)
	})
	return survived, healthy
}

// limitMemory limits a cgroup to what it uses and room bytes more, after the kernel has reclaimed what it
// can.
func limitMemory(t *testing.T, group string, room int) {
	t.Helper()
	used, limit, reclaim, all := "memory.usage_in_bytes", "memory.limit_in_bytes", "memory.force_empty", "0"
	if cgroupVersion() == 2 {
		used, limit, reclaim, all = "memory.current", "memory.max", "memory.reclaim", "1G"
		os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0) // absent without swap
	}
	// It fails where there is less to reclaim than asked for.
	os.WriteFile(filepath.Join(group, reclaim), []byte(all), 0)
	text, err := os.ReadFile(filepath.Join(group, used))
	if err != nil {
		t.Fatal(err)
	}
	current, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(current+room)), 0); err != nil {
		t.Fatal(err)
	}
}

// sleeping reports whether a process that does nothing else still sleeps. One that was killed wakes up,
// and frees its memory before it can sleep again.
func sleeping(pid int) bool {
	for {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		const state, vsize = 0, 20
		if len(fields) <= vsize || fields[vsize] == "0" {
			return false
		}
		if fields[state] == "S" {
			return true
		}
	}
}
