package manifests

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestProbes runs every probe of the file with the variables of its container, at each step from before
// an application's load until after its exit. Only the state is in a directory of the test's.
func TestProbes(t *testing.T) {
	programs := t.TempDir()
	build := exec.Command("sh", "./build.sh", programs)
	build.Dir = "../../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, pod := range pods(t) {
		for _, c := range pod.Containers {
			t.Run(name+"/"+c.Name, func(t *testing.T) { follow(t, programs, pod, c) })
		}
	}
}

func follow(t *testing.T, programs string, pod corev1.PodSpec, c corev1.Container) {
	rundir := t.TempDir()
	env := []string{"LIVENESS_RUNDIR=" + rundir, "LIVENESS_UNIT_NAME=" + variable(c, "LIVENESS_UNIT_NAME")}
	run := func(argv ...string) (says string, err error) {
		cmd := exec.Command(filepath.Join(programs, path.Base(argv[0])), argv[1:]...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	expect := func(when string, live, ready bool) {
		t.Helper()
		for _, p := range []struct {
			name  string
			probe *corev1.Probe
			want  bool
		}{{"startup", c.StartupProbe, live}, {"liveness", c.LivenessProbe, live}, {"readiness", c.ReadinessProbe, ready}} {
			says, err := run(command(t, p.probe)...)
			if (err == nil) != p.want || strings.HasPrefix(says, "unhealthy: ") == p.want {
				t.Errorf("%s: %s says %q, %v", when, p.name, says, err)
			}
		}
	}
	control := func(argv ...string) {
		t.Helper()
		if says, err := run(append([]string{"healthctl"}, argv...)...); err != nil {
			t.Fatalf("healthctl %q: %v\n%s", argv, err, says)
		}
	}

	// The commands of the initContainers must work too.
	for _, init := range pod.InitContainers {
		tools := t.TempDir()
		control(append(slices.Clone(init.Command[1:len(init.Command)-1]), tools)...)
		if _, err := os.Stat(filepath.Join(tools, "healthprobe")); err != nil {
			t.Error(err)
		}
	}

	app := exec.Command("sleep", "infinity")
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer app.Wait()
	defer app.Process.Kill()
	beats := slices.ContainsFunc(c.LivenessProbe.Exec.Command, func(arg string) bool { return strings.HasPrefix(arg, "-max-age") })
	expect("before load", false, false)
	control("load", "-pid", strconv.Itoa(app.Process.Pid))
	expect("after load", !beats, false)
	control("set", "0")
	expect("after set 0", true, true)
	control("set", "3", "no database")
	expect("after set 3", true, false)
	control("set", "0")
	if beats {
		long := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(rundir, variable(c, "LIVENESS_UNIT_NAME"), "error"), long, long); err != nil {
			t.Fatal(err)
		}
		expect("without a beat", false, true)
		control("beat")
		expect("after a beat", true, true)
	}
	app.Process.Kill()
	app.Wait()
	expect("after its exit", false, false)
}
