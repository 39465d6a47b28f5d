//go:build linux

package kubelet

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const kubeletPackage = "k8s.io/kubernetes/cmd/kubelet"

// buildKubelet builds the kubelet of a release, or of go.mod if version is empty. What it builds for go.mod
// stays in go's cache.
func buildKubelet(version string) (path string, err error) {
	if version == "" {
		// Not its standard error, where go says what it downloads.
		out, err := exec.Command("go", "tool", "-n", kubeletPackage).Output()
		return strings.TrimSpace(string(out)), withStderr(err)
	}
	source, err := download("k8s.io/kubernetes", version)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	// Kubernetes replaces its other modules with directories. They are released with the same version, but
	// for the first digit.
	gomod := "module kubelet\n\nrequire k8s.io/kubernetes " + version + "\n"
	for _, m := range regexp.MustCompile(`(?m)^\s*(k8s\.io/\S+) => \./staging/`).FindAllStringSubmatch(string(text), -1) {
		gomod += "replace " + m[1] + " => " + m[1] + " v0" + version[len("v1"):] + "\n"
	}
	dir := filepath.Join(workdir, "kubelet-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(gomod), 0o644); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "kubelet")
	build := exec.Command("go", "build", "-mod=mod", "-o", path, kubeletPackage)
	build.Dir = dir
	_, err = run(build)
	return path, err
}

// download returns the directory of a module's source.
func download(module, version string) (dir string, err error) {
	out, err := exec.Command("go", "mod", "download", "-json", module+"@"+version).Output()
	var found struct{ Dir, Error string }
	if json.Unmarshal(out, &found) == nil && found.Error != "" {
		return "", errors.New(found.Error)
	}
	return found.Dir, withStderr(err)
}

// buildContainerd builds containerd and its shim, or finds those of this machine if version is empty.
func buildContainerd(version string) (path string, err error) {
	if version == "" {
		return exec.LookPath("containerd")
	}
	source, err := download("github.com/containerd/containerd/v2", version)
	if err != nil {
		return "", err
	}
	out := filepath.Join(workdir, "containerd-"+version)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", out+"/", "./cmd/containerd", "./cmd/containerd-shim-runc-v2")
	build.Dir = source
	_, err = run(build)
	return filepath.Join(out, "containerd"), err
}

// measuredOn describes what a result depends on, in one line.
func measuredOn(runtimes ...string) string {
	var parts []string
	for _, program := range append(daemons, runtimes...) {
		name, version := filepath.Base(program), ""
		if info, err := buildinfo.ReadFile(program); err == nil && name == "kubelet" {
			version = info.Main.Version // kubelet -version does not know it
		} else if out, err := run(exec.Command(program, "--version")); err == nil {
			version = regexp.MustCompile(`\d+\.\d+(\.\d+)?`).FindString(out)
		}
		parts = append(parts, name+" "+version)
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, cgroup v%d, Linux %s", strings.Join(parts, ", "), cgroupVersion(), strings.TrimSpace(string(kernel)))
}
