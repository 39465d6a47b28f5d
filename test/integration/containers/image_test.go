//go:build containers && linux

package containers

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// tree is a copy of what a build needs, made once, as a clone with a tag. Images and programs are built
// from the same files, and from another directory than the repository, so that a path that gets into a
// program is noticed.
var tree = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(workdir, "tree")
	args := []string{"-R", "../../../Dockerfile.scratch", "../../../.dockerignore", "../../../build.sh", "../../../go.mod", "../../../go.sum",
		"../../../cmd", "../../../internal", "../../../writer", "../../../examples", dir}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	git := []string{"git", "-C", dir, "-c", "user.name=test", "-c", "user.email=test@localhost"}
	return dir, sequence(append([]string{"cp"}, args...), append(git, "init", "--quiet"), append(git, "add", "."),
		append(git, "commit", "--quiet", "--message=all"), append(git, "tag", version))
})

// build links both programs as a release, from the copy: testenv.Build would do it in the repository.
func build(t testing.TB, env ...string) (dir string) {
	t.Helper()
	source, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	cmd := exec.Command("sh", "build.sh", dir)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), env...)
	if stdout, stderr, code := try(cmd); code != 0 {
		t.Fatalf("%v build.sh: status %d\n%s\n%s", env, code, stdout, stderr)
	}
	return dir
}

// TestImage checks the image's files and its metadata.
func TestImage(t *testing.T) {
	requireImages(t)
	if names := slices.Sorted(maps.Keys(content(t, releaseImage))); !slices.Equal(names, []string{"healthctl", "healthprobe"}) {
		t.Errorf("the image holds %q", names)
	}
	for format, want := range map[string]string{
		"{{.Config.User}}":       "65532:65532",
		"{{.Config.Entrypoint}}": "[/healthctl]",
		`{{index .Config.Labels "org.opencontainers.image.licenses"}}`: "MIT",
	} {
		if got := inspect(t, releaseImage, format); got != want {
			t.Errorf("%s is %q, want %q", format, got, want)
		}
	}
	// The version is that of the tag, without "+dirty": the build has all files of the commit.
	says := docker(t, "run", "--rm", "--network=none", "--entrypoint=/healthprobe", releaseImage, "-version")
	if !strings.HasPrefix(says, "healthprobe "+version+" commit ") || !strings.Contains(says, "(direct entry)") {
		t.Errorf("healthprobe -version says %q", says)
	}
}

// TestReproducible compares the programs in images for several platforms with those from a build in
// another directory, with another build cache.
func TestReproducible(t *testing.T) {
	requireImages(t)
	for platform, env := range map[string][]string{
		"linux/amd64":  {"GOARCH=amd64"},
		"linux/arm/v7": {"GOARCH=arm", "GOARM=7"},
	} {
		t.Run(strings.ReplaceAll(platform, "/", "-"), func(t *testing.T) {
			const tag = "healthprobe-platform"
			if err := buildImage("--tag", tag, "--platform", platform); err != nil {
				t.Fatal(err)
			}
			local := build(t, append(env, "GOOS=linux")...)
			programs := content(t, tag)
			for _, name := range []string{"healthprobe", "healthctl"} {
				want, err := os.ReadFile(filepath.Join(local, name))
				if err != nil {
					t.Fatal(err)
				}
				if programs[name] != string(want) {
					t.Errorf("%s in the image differs from one built elsewhere", name)
				}
			}
		})
	}
}

// content returns the regular files of an image by their names, without those that the engine adds.
func content(t *testing.T, image string) map[string]string {
	t.Helper()
	id := docker(t, "create", image)
	defer docker(t, "rm", id)
	archive := filepath.Join(t.TempDir(), "image.tar")
	docker(t, "export", "--output="+archive, id)
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	added := []string{".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"}
	files := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir || slices.Contains(added, h.Name) {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}
