//go:build linux

package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestEmulatedWriters: programs that record themselves under qemu-user, as in an image
// of another architecture on a laptop, record the start time that a probe outside the
// emulator sees: an application that uses package writer, and healthctl exec.
func TestEmulatedWriters(t *testing.T) {
	release := t.TempDir()
	if err := testenv.Build(release, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, arch := range testenv.Tested() {
		if arch.Native() || !arch.RunsGo() {
			continue
		}
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := testenv.Build(dir, testenv.Options{Arch: arch}); err != nil {
				t.Fatal(err)
			}
			worker := filepath.Join(dir, "worker")
			if err := testenv.BuildPackageFor(arch, worker, "./examples/worker"); err != nil {
				t.Fatal(err)
			}
			spool := filepath.Join(dir, "spool")
			if err := os.Mkdir(spool, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, argv := range map[string][]string{
				"writer": append(arch.Command(t, worker), "-spool", spool),
				"exec":   append(arch.Command(t, filepath.Join(dir, "healthctl")), "exec", "sleep", "600"),
			} {
				if arch.Command(t, worker) == nil {
					t.Skip("see above")
				}
				for range 5 { // the emulator's start times differ from thread to thread
					checkRecorded(t, filepath.Join(release, "healthprobe"), name, argv)
				}
			}
		})
	}
}

// checkRecorded starts a program that records itself and waits until it is healthy.
func checkRecorded(t *testing.T, healthprobe, name string, argv []string) {
	t.Helper()
	env := append(os.Environ(), "LIVENESS_RUNDIR="+t.TempDir(), "LIVENESS_UNIT_NAME=web")
	var output strings.Builder
	app := exec.Command(argv[0], argv[1:]...)
	app.Env, app.Stdout, app.Stderr = env, &output, &output
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { app.Wait(); close(ended) }()
	defer func() { app.Process.Kill(); <-ended }()
	for {
		probe := exec.Command(healthprobe, "-strict", "-v")
		probe.Env = env
		line, err := probe.CombinedOutput()
		if err == nil {
			if want := "healthy: web: pid " + strconv.Itoa(app.Process.Pid) + ", identity verified"; !strings.HasPrefix(string(line), want) {
				t.Errorf("%s: %s", name, line)
			}
			return
		}
		select {
		case <-ended:
			t.Errorf("%s has ended: %s", name, output.String())
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
