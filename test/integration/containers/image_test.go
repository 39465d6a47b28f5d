//go:build containers && linux

package containers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	version      = "v0.0.0-test"
	releaseImage = "healthprobe"
	exampleImage = "healthprobe-example"
	debianImage  = "golang:1.26" // the stand-in, which tests also use as an image with a shell
)

// images are built once, by the first test that needs them.
var images = sync.OnceValue(func() error {
	if err := standIn(); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"--tag", releaseImage},
		{"--tag", exampleImage, "--target", "example"},
	} {
		if err := buildImage(args...); err != nil {
			return err
		}
	}
	return nil
})

func requireImages(t testing.TB) {
	t.Helper()
	requireEngine(t)
	if err := images(); err != nil {
		t.Fatal(err)
	}
}

func buildImage(args ...string) error {
	source, err := tree()
	if err != nil {
		return err
	}
	args = append([]string{"build", "--network=none", "--progress=plain", "--file", source + "/Dockerfile.scratch"}, args...)
	if _, stderr, code := tryDocker(append(args, source)...); code != 0 {
		return fmt.Errorf("docker %s: status %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return nil
}

// standIn makes golang:1.26 from Debian's packages and this machine's own Go and module cache. There
// may be no network to a registry, and what a test builds must not depend on what a tag means today.
func standIn() error {
	minbase, err := minbase()
	if err != nil {
		return err
	}
	env, err := exec.Command("go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	goroot, modules, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	dir, err := os.MkdirTemp("", "healthprobe-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "image.tar")
	return sequence(
		[]string{"cp", minbase, image},
		[]string{"tar", "-rf", image, "--transform=s,^[.],usr/local/go,", "--exclude=./test", "-C", goroot, "."},
		[]string{"tar", "-rf", image, "--transform=s,^,go/pkg/mod/cache/,", "-C", modules + "/cache", "download"},
		[]string{"docker", "import",
			"-c", "ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"-c", "ENV GOPATH=/go GOPROXY=off GOTOOLCHAIN=local", image, debianImage})
}

// minbase returns an archive of a minimal Debian with git, which debootstrap makes only once.
var minbase = sync.OnceValues(func() (archive string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	archive = filepath.Join(cache, "healthprobe", "minbase-git-bookworm.tar")
	if _, err := os.Stat(archive); err != nil {
		return archive, debootstrap(archive)
	}
	return archive, nil
})

// debootstrap makes an archive of a minimal Debian with git, which is kept for later runs.
func debootstrap(archive string) error {
	dir, err := os.MkdirTemp("", "healthprobe-minbase-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return err
	}
	root, partial := filepath.Join(dir, "root"), archive+".new"
	return sequence(
		[]string{"debootstrap", "--variant=minbase", "--include=git", "bookworm", root},
		[]string{"tar", "-cf", partial, "--exclude=./var/cache/apt", "--exclude=./var/lib/apt/lists", "-C", root, "."},
		[]string{"mv", partial, archive})
}

// sequence runs commands until one fails.
func sequence(commands ...[]string) error {
	for _, args := range commands {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}
