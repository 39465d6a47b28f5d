package testenv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
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
	// The programs are to be the same until their code changes, so build.sh finds no clone.
	env := []string{"CGO_ENABLED=0", "GOOS=" + runtime.GOOS, "GIT_DIR=" + os.DevNull}
	if o.Arch.Name != "" {
		env = append(env, o.Arch.Env()...)
	}
	if o.Overlay != "" {
		env = append(env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+o.Overlay))
	}
	if o.Plain {
		return build{argv: []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o", "OUT/", "./cmd/healthprobe", "./cmd/healthctl"}, env: env}.into(dir)
	}
	return build{argv: []string{"./build.sh", "OUT"}, env: env}.into(dir)
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
	return BuildPackageFor(Arch{Name: runtime.GOARCH}, out, pkg, flags...)
}

// BuildPackageFor is BuildPackage for another architecture.
func BuildPackageFor(arch Arch, out, pkg string, flags ...string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(out), "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args := slices.Concat([]string{"go", "build", "-trimpath", "-buildvcs=false", "-o", "OUT/program"}, flags, []string{pkg})
	if err := (build{argv: args, env: append(arch.Env(), "CGO_ENABLED=0"), sources: []string{pkg}}).into(dir); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "program"), out)
}

// build is a command that puts programs into the directory OUT.
type build struct {
	argv, env []string
	sources   []string // what it reads in addition to the sources of the programs
}

// into runs the build, unless the user's cache directory has its outcome: most packages
// of tests need the same programs, and the go command links them anew each time.
func (b build) into(dir string) error {
	key, err := b.key()
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil || strings.Contains(strings.Join(append(os.Environ(), b.env...), " "), "-overlay=") {
		return b.run(dir) // for nobody else
	}
	cache = filepath.Join(cache, "healthprobe", "builds")
	kept := filepath.Join(cache, key)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	// One at a time: else two packages of tests would compile the same.
	unlock, err := lockedfile.MutexAt(filepath.Join(cache, "lock")).Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(kept); err != nil {
		removeOld(cache)
		tmp, err := os.MkdirTemp(cache, "tmp-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		if err := b.run(tmp); err != nil {
			return err
		}
		if err := os.Rename(tmp, kept); err != nil {
			return err
		}
	}
	os.Chtimes(kept, time.Now(), time.Now())
	return os.CopyFS(dir, os.DirFS(kept))
}

// key returns a name for the outcome: a hash of all that it depends on.
func (b build) key() (string, error) {
	hash := sha256.New()
	if err := readSources(hash, b.sources...); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "env", "-changed")
	cmd.Env = append(os.Environ(), b.env...)
	settings, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w", cmd, err)
	}
	fmt.Fprintf(hash, "%q %q %s %s", b.argv, b.env, runtime.Version(), settings)
	return hex.EncodeToString(hash.Sum(nil)[:16]), nil
}

// removeOld removes what nobody has needed for a day.
func removeOld(cache string) {
	all, _ := os.ReadDir(cache)
	for _, entry := range all {
		if info, err := entry.Info(); err == nil && entry.IsDir() && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(filepath.Join(cache, entry.Name()))
		}
	}
}

// run runs the command at the module's root. Its output matters only if it fails.
func (b build) run(out string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	var argv []string
	for _, arg := range b.argv {
		argv = append(argv, strings.Replace(arg, "OUT", out, 1))
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), b.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
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
