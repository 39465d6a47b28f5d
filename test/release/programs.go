package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// errNotRebuilt is why something was not run.
var errNotRebuilt = unchecked{errors.New("not run, for it has not been made again here")}

// checkPrograms runs the programs for Linux, by qemu-user where it must, and compares
// what they say of themselves.
func checkPrograms(r *release) (string, error) {
	if !r.rebuilt {
		return "", errNotRebuilt
	}
	ran, others := 0, 0
	for _, a := range r.archives {
		if a.os != "linux" {
			others++
			continue
		}
		i := slices.IndexFunc(testenv.Archs, func(arch testenv.Arch) bool { return arch.String() == a.arch })
		if i < 0 {
			return "", fmt.Errorf("%s: no such architecture", a.base)
		}
		for program, entry := range map[string]string{"healthprobe": "direct", "healthctl": "runtime"} {
			path, err := r.write(a, program)
			if err != nil {
				return "", err
			}
			argv, err := testenv.Archs[i].Emulate(path)
			if err == nil && entry == "runtime" && !testenv.Archs[i].RunsGo() {
				err = errors.New("this machine runs no Go program for it")
			}
			if err != nil {
				return "", unchecked{fmt.Errorf("%s: %w", a.base, err)}
			}
			out, err := exec.Command(argv[0], append(argv[1:], "-version")...).CombinedOutput()
			if want := r.says(program, testenv.Archs[i].Name, entry); err != nil || string(out) != want {
				return "", fmt.Errorf("%s: %s -version says %q, %v, want %q", a.base, program, out, err, want)
			}
		}
		ran++
	}
	return fmt.Sprintf("those of %d archives ran; those of %d are for another system", ran, others), nil
}

// says returns what a program's -version says.
func (r *release) says(program, arch, entry string) string {
	return fmt.Sprintf("%s %s commit %s linux/%s (%s entry)\n", program, r.version, r.commit, arch, entry)
}

// checkModules wants each platform's list of modules to name all that its programs
// are made of: their own, the others and the standard library.
func checkModules(r *release) (string, error) {
	for _, a := range r.archives {
		file := a.base + ".cdx.json"
		type component struct{ Name, Version string }
		var sbom struct {
			BomFormat  string
			Metadata   struct{ Component component }
			Components []component
		}
		if err := json.Unmarshal(r.files[file], &sbom); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if sbom.BomFormat != "CycloneDX" {
			return "", fmt.Errorf("%s: its format is %q", file, sbom.BomFormat)
		}
		listed := append(sbom.Components, sbom.Metadata.Component)
		for program, info := range a.info {
			for _, m := range append([]*debug.Module{&info.Main, {Path: "std", Version: info.GoVersion}}, info.Deps...) {
				if !slices.Contains(listed, component{m.Path, m.Version}) {
					return "", fmt.Errorf("%s lacks %s %s, which is in %s", file, m.Path, m.Version, program)
				}
			}
		}
	}
	return fmt.Sprintf("%d lists are complete", len(r.archives)), nil
}

// vulnerabilityDatabase is what govulncheck asks.
const vulnerabilityDatabase = "https://vuln.go.dev"

// checkVulnerabilities wants govulncheck to find no vulnerable function in a program.
func checkVulnerabilities(r *release) (string, error) {
	client := http.Client{Timeout: 20 * time.Second}
	answer, err := client.Get(vulnerabilityDatabase + "/index/db.json")
	if err != nil {
		return "", unchecked{fmt.Errorf("the database cannot be reached: %w", err)}
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", unchecked{fmt.Errorf("the database %s answers %s", vulnerabilityDatabase, answer.Status)}
	}
	n := 0
	for _, a := range r.archives {
		for program := range a.programs {
			path, err := r.write(a, program)
			if err != nil {
				return "", err
			}
			cmd := exec.Command("go", "run", "golang.org/x/vuln/cmd/govulncheck@v1.9.0", "-db", vulnerabilityDatabase, "-mode=binary", path)
			if out, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%s: %s: %w\n%s", a.base, program, err, out)
			}
			n++
		}
	}
	return fmt.Sprintf("none in %d programs", n), nil
}

// checkRebuild makes the release again, from the commit that the programs name and
// with the version of Go that they name, and compares all files.
func checkRebuild(r *release) (string, error) {
	if runtime.GOOS != "linux" {
		return "", unchecked{errors.New("release.sh needs GNU tar, so this needs Linux")}
	}
	clone, again := filepath.Join(r.tmp, "clone"), filepath.Join(r.tmp, "dist")
	run := func(name string, args ...string) error {
		cmd := exec.Command(name, args...)
		if name != "git" {
			cmd.Dir = clone
		}
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+r.compiler, "PLATFORMS="+strings.Join(r.platforms(), " "))
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		return nil
	}
	if err := run("git", "clone", "--quiet", ".", clone); err != nil {
		return "", unchecked{err}
	}
	if err := run("git", "-C", clone, "checkout", "--quiet", r.commit); err != nil {
		return "", unchecked{fmt.Errorf("this clone lacks the commit: git fetch --tags\n%w", err)}
	}
	name := r.version
	if err := run("git", "-C", clone, "rev-parse", "--verify", "refs/tags/"+name); err != nil {
		name = "snapshot"
	}
	if err := run("./release.sh", name, again); err != nil {
		return "", err
	}
	found, err := r.compare(again)
	r.rebuilt = err == nil
	return found, err
}

// platforms returns what release.sh has been given as PLATFORMS.
func (r *release) platforms() (all []string) {
	for _, a := range r.archives {
		all = append(all, a.os+"/"+strings.Replace(a.arch, "armv", "arm/v", 1))
	}
	return all
}

// compare wants another directory to hold the same files.
func (r *release) compare(dir string) (string, error) {
	other := &release{dir: dir}
	if _, err := checkSums(other); err != nil {
		return "", err
	}
	var differ []string
	for name, content := range r.files {
		if again, ok := other.files[name]; !ok || string(again) != string(content) {
			differ = append(differ, name)
		}
		delete(other.files, name)
	}
	if slices.Sort(differ); len(differ) > 0 || len(other.files) > 0 {
		return "", errors.New("made again from the same commit, these differ: " + strings.Join(differ, ", "))
	}
	return "the same bytes", nil
}
