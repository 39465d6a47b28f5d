//go:build linux

package mutation

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// laboratory runs tests on mutants.
type laboratory struct {
	root  string
	tests string                  // a directory with the compiled tests of test/script and test/docs
	took  map[stage]time.Duration // how long a stage takes here without a mutant
}

// atOnce is how many mutants are tried at once.
var atOnce = runtime.NumCPU() + 1

func newLaboratory(t *testing.T, root string) *laboratory {
	t.Helper()
	lab := &laboratory{root: root, tests: t.TempDir()}
	cmd := exec.Command("go", "test", "-c", "-o", lab.tests+"/", "./test/script", "./test/docs")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return lab
}

// A stage is some tests that may find a mutant.
type stage struct {
	pkg  string
	run  string // these tests, which build the programs in child processes; "": all
	arch string // GOARCH, if it is not this machine's
	tags string // of the build
}

// stages returns the tests for a file, the fastest first.
func stages(file string) []stage {
	scripts, messages := stage{pkg: "test/script", run: "^TestScript$/^direct$"}, stage{pkg: "test/docs", run: "^TestMessages$"}
	switch dir := filepath.Dir(file); dir {
	case "internal/sys":
		tags := ""
		if filepath.Base(file) == "direct_linux.go" {
			tags = directTag
		} else {
			scripts.run = "^TestScript$/^runtime$"
		}
		all := []stage{{pkg: dir, tags: tags}, {pkg: "internal/state", tags: tags}, {pkg: "internal/verdict", tags: tags}, scripts, messages}
		if narrow := (testenv.Arch{Name: "386"}); runtime.GOARCH == "amd64" && narrow.Native() { // times are other calls on 32 bits
			all = append(all, stage{pkg: dir, tags: tags, arch: narrow.Name})
		}
		return all
	case "internal/state", "internal/text":
		return []stage{{pkg: dir}, {pkg: "internal/verdict"}, scripts, {pkg: "writer"}, messages}
	case "internal/verdict":
		return []stage{{pkg: dir}, scripts, messages}
	case "writer":
		if file == "writer/permissions.go" || file == "writer/acl_linux.go" { // what several users may do
			return []stage{{pkg: dir}, {pkg: "test/shared"}, scripts, messages}
		}
		return []stage{{pkg: dir}, scripts, messages}
	default: // the programs
		if file == "cmd/healthprobe/main.go" || file == "cmd/healthctl/start_none.go" { // a release does not run these
			scripts.run = "^TestScript$/^runtime$"
		}
		return []stage{{pkg: dir}, scripts, messages}
	}
}

// requirePass ends the test if the code as it is fails, since then every mutant is found.
func (lab *laboratory) requirePass(t *testing.T) {
	t.Helper()
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	var all []stage
	for _, d := range directories {
		for _, s := range slices.Concat(stages(d.path+"/main.go"), stages(d.path+"/direct_linux.go"), stages(d.path+"/permissions.go")) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	took := map[stage]time.Duration{}
	var mu sync.Mutex
	queue := make(chan stage)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for s := range queue {
				started := time.Now()
				out, failed, err := lab.runStage(s, overlay)
				if failed || err != nil {
					t.Errorf("%v fails without a mutant: %v\n%s", s, err, out)
				}
				mu.Lock()
				took[s] = time.Since(started)
				mu.Unlock()
				t.Logf("%.1fs %v", time.Since(started).Seconds(), s)
			}
		})
	}
	for _, s := range all {
		queue <- s
	}
	close(queue)
	group.Wait()
	lab.took = took
	if t.Failed() {
		t.FailNow()
	}
}

// try returns which stage found a mutant, and what it printed: "" if it survived.
func (lab *laboratory) try(m mutant, dir string) (found, output string, err error) {
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	list, _ := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(lab.root, m.file): changed}})
	if err := errors.Join(os.WriteFile(changed, []byte(m.text), 0o644), os.WriteFile(overlay, list, 0o644)); err != nil {
		return "", "", err
	}
	for _, s := range stages(m.file) {
		out, failed, err := lab.runStage(s, overlay)
		if err != nil || strings.Contains(out, "[build failed]") {
			return "", "", fmt.Errorf("%v: %v\n%s", s, err, out)
		}
		if failed {
			return s.pkg + " " + s.run, out, nil
		}
	}
	return "", "", nil
}

// runStage runs the tests of a stage. GOFLAGS tells the go command about the overlay,
// also where tests build the programs.
func (lab *laboratory) runStage(s stage, overlay string) (output string, failed bool, err error) {
	limit := 10 * time.Minute        // without a mutant, on a busy machine
	if took, ok := lab.took[s]; ok { // a mutant may run forever
		limit = 20*time.Second + 3*took
	}
	argv := []string{"go", "test", "-count=1", "-vet=off", "-failfast", fmt.Sprintf("-timeout=%v", limit), "-tags=" + s.tags, "./" + s.pkg}
	dir := lab.root
	if s.run != "" { // the mutant is in what they build, so they themselves are compiled once
		argv = []string{filepath.Join(lab.tests, filepath.Base(s.pkg)+".test"), "-test.failfast", fmt.Sprintf("-test.timeout=%v", limit), "-test.run=" + s.run}
		dir = filepath.Join(lab.root, s.pkg)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	if s.arch != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+s.arch)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	file, err := os.CreateTemp(filepath.Dir(overlay), "output")
	if err != nil {
		return "", false, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file // no pipe: what a test leaves behind could hold it open
	if err := cmd.Start(); err != nil {
		return "", false, err
	}
	err = cmd.Wait()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // programs that a mutant makes run forever
	out, _ := os.ReadFile(file.Name())
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), true, nil
	}
	return string(out), false, err
}
