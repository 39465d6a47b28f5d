//go:build linux

package kubelet

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// root is the directory of the project, and registry is where its example pods take images from. There
// is no such registry: containerd has all images before the first pod starts.
const (
	root     = "../../.."
	registry = "registry.example.com/"
)

// importImages builds the programs, and makes the images that the pods run.
func importImages() error {
	bin := filepath.Join(workdir, "bin")
	for _, build := range [][]string{
		{"./build.sh", bin},
		{"go", "build", "-o", bin + "/ordinary", "-ldflags=-w", "./cmd/healthprobe"},
		{"go", "build", "-o", bin + "/worker", "./examples/worker"},
		{"go", "build", "-o", bin + "/app", "./test/integration/containers/testdata/app"},
		{"go", "build", "-o", bin + "/nothing", "-ldflags=-w -E=main.baseline", "./test/bench/testdata/baseline"},
	} {
		cmd := exec.Command(build[0], build[1:]...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if _, err := run(cmd); err != nil {
			return err
		}
	}
	guest := exec.Command("go", "build", "-o", bin+"/guest", "./testdata/guest")
	guest.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := run(guest); err != nil {
		return err
	}
	programs := []file{{"/healthprobe", bin + "/healthprobe"}, {"/healthctl", bin + "/healthctl"}}
	application := append(programs, file{"/app", bin + "/app"})
	shell, err := withLibraries("bash", "sleep", "perl")
	if err != nil {
		return err
	}
	shell = append(append(shell, application...),
		file{"/ordinary", bin + "/ordinary"}, file{"/nothing", bin + "/nothing"},
		file{"/check.bash", root + "/test/compat/testdata/check.bash"})
	redis, err := redisFiles()
	if err != nil {
		return err
	}
	for _, image := range []struct {
		name       string
		entrypoint string
		files      []file
	}{
		{"pause:1.0", "/guest", []file{{"/guest", bin + "/guest"}}},
		{"healthprobe:1.0", "/healthctl", programs},
		{"web:1.0", "/app /run/liveness", application},
		{"api:1.0", "/app /run/liveness", application},
		{"worker:1.0", "/worker", append(programs, file{"/worker", bin + "/worker"})},
		{"guest:1.0", "", []file{{"/usr/bin/guest", bin + "/guest"}}},
		{"cache:1.0", "", redis},
		{"shell:1.0", "/app /run/liveness", shell},
	} {
		if err := importImage(registry+image.name, strings.Fields(image.entrypoint), image.files); err != nil {
			return err
		}
	}
	return nil
}

// A file of an image, and where it is on this machine.
type file struct{ path, source string }

func importImage(tag string, entrypoint []string, files []file) error {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return archive(files) })
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.Entrypoint = "linux", runtime.GOARCH, entrypoint
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	reference, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	out := filepath.Join(workdir, "image.tar")
	if err := tarball.WriteToFile(out, reference, image); err != nil {
		return err
	}
	_, err = run(exec.Command("ctr", "--address", containerdSocket, "--namespace", "k8s.io", "images", "import", out))
	return err
}

func archive(files []file) (io.ReadCloser, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		content, err := os.ReadFile(f.source)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: strings.TrimPrefix(f.path, "/"), Mode: 0o755, Size: int64(len(content))}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&out), w.Close()
}

// withLibraries returns programs of this machine and the shared libraries that they need.
func withLibraries(programs ...string) (files []file, err error) {
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			files = append(files, file{path, path})
		}
	}
	for _, program := range programs {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, err
		}
		libraries, err := run(exec.Command("ldd", path))
		if err != nil {
			return nil, err
		}
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(libraries, -1) {
			add(library)
		}
		files = append(files, file{"/bin/" + program, path})
	}
	return files, nil
}
