package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Options say what Build builds. The zero value is a release for this machine.
type Options struct {
	Arch    Arch   // the zero value is this machine's
	Plain   bool   // by go build, as a user would, and not by build.sh: healthprobe has the runtime entry
	Overlay string // a file for go build -overlay, or ""
}

// PrebuiltEnv is a variable for a machine without the go command, such as those
// of test/integration/machine. It names a directory with the outcome of two builds: release,
// which is that of build.sh, and plain.
const PrebuiltEnv = "HEALTHPROBE_TEST_PREBUILT"

// Build builds healthprobe and healthctl into dir, which it makes.
func Build(dir string, o Options) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if prebuilt := os.Getenv(PrebuiltEnv); prebuilt != "" {
		return o.copyPrebuilt(dir, prebuilt)
	}
	cmd := exec.Command("./build.sh", dir)
	if o.Plain {
		cmd = exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o", dir+"/", "./cmd/healthprobe", "./cmd/healthctl")
	}
	env := []string{"CGO_ENABLED=0", "GOOS=" + runtime.GOOS}
	if o.Arch.Name != "" {
		env = append(env, o.Arch.Env()...)
	}
	if o.Overlay != "" {
		env = append(env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+o.Overlay))
	}
	if err := TrackSources(); err != nil {
		return err
	}
	return run(cmd, env...)
}

// copyPrebuilt copies programs that were built before for this machine.
func (o Options) copyPrebuilt(dir, prebuilt string) error {
	if o.Arch.Name != "" && o.Arch.Name != runtime.GOARCH || o.Overlay != "" {
		return fmt.Errorf("%s has no build %+v", prebuilt, o)
	}
	name := "release"
	if o.Plain {
		name = "plain"
	}
	return os.CopyFS(dir, os.DirFS(filepath.Join(prebuilt, name)))
}

// BuildPackage builds another program of this module, such as one in a testdata
// directory, statically into the file out. pkg is a path below the module's
// root: ./examples/worker.
func BuildPackage(out, pkg string, flags ...string) error {
	if err := TrackSources(pkg); err != nil {
		return err
	}
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, flags...)
	return run(exec.Command("go", append(args, pkg)...), "CGO_ENABLED=0")
}

// run runs a command at the module's root. Its output matters only if it fails.
func run(cmd *exec.Cmd, env ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// Root returns the directory of the module's go.mod.
var Root = sync.OnceValues(func() (dir string, err error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
})
