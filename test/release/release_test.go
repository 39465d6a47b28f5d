//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var long = flag.Bool("long", false, "build in two clones; make a release of two platforms, verify it, and damage it")

// newClone makes a repository of the files that are here, whether they are committed
// or not, and tags its one commit. All have the same commit.
func newClone(t *testing.T, tag string) (dir string) {
	t.Helper()
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "clone")
	// tar rather than git: what is here may have been unpacked from an archive.
	command(t, root, "sh", "-c", `mkdir "$0" && tar --exclude=./.git --exclude=./bin --exclude=./dist -cf - . | tar -xf - -C "$0"`, dir)
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"commit", "--quiet", "--message=all"}, {"tag", tag}} {
		command(t, dir, "git", args...)
	}
	return dir
}

// command runs a command that has to succeed, and returns its standard output.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, errs, err := try(dir, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, errs)
	}
	return out
}

func try(dir, name string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		cmd.Env = append(cmd.Env, "GIT_"+who+"_NAME=test", "GIT_"+who+"_EMAIL=test@localhost", "GIT_"+who+"_DATE=2026-01-02T03:04:05Z")
	}
	cmd.Env = append(append(os.Environ(), cmd.Env...), "GIT_CONFIG_GLOBAL=/dev/null", "PLATFORMS=linux/arm64 linux/amd64")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// TestClones builds the programs in two clones of one commit. They have the same
// bytes, and the version is that of the tag, as recorded and as printed.
func TestClones(t *testing.T) {
	if !*long {
		t.Skip("needs -long, and links the programs three times")
	}
	if err := testenv.TrackSources(); err != nil {
		t.Fatal(err)
	}
	testenv.LookPath(t, "git", "git")
	const tag = "v0.0.1-test"
	first, second := newClone(t, tag), newClone(t, tag)
	commit := strings.TrimSpace(command(t, first, "git", "rev-parse", "HEAD"))
	for _, clone := range []string{first, second} {
		command(t, clone, "./build.sh", clone+"-built")
	}
	for _, name := range []string{"healthprobe", "healthctl"} {
		a, errA := os.ReadFile(filepath.Join(first+"-built", name))
		b, errB := os.ReadFile(filepath.Join(second+"-built", name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between two clones: %v %v", name, errA, errB)
		}
		info, err := buildinfo.Read(bytes.NewReader(a))
		if err != nil {
			t.Fatal(err)
		}
		if info.Main.Version != tag || !strings.Contains(info.String(), "vcs.revision="+commit) {
			t.Errorf("%s: want version %s and commit %s:\n%v", name, tag, commit, info)
		}
		want := name + " " + tag + " commit " + commit + " "
		if got := command(t, first, filepath.Join(first+"-built", name), "-version"); !strings.HasPrefix(got, want) {
			t.Errorf("%s -version says %q, want %q", name, got, want)
		}
	}
	// What is not committed shows.
	if err := os.WriteFile(filepath.Join(second, "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, second, "./build.sh", second+"-built")
	if got := command(t, second, second+"-built/healthprobe", "-version"); !strings.HasPrefix(got, "healthprobe "+tag+"+dirty commit "+commit+" ") {
		t.Errorf("with changes, healthprobe -version says %q", got)
	}
}

// TestBuildSettings: what a user has set for other purposes does not change what build.sh
// makes, nor hide what is not committed.
func TestBuildSettings(t *testing.T) {
	if err := testenv.TrackSources(); err != nil {
		t.Fatal(err)
	}
	testenv.LookPath(t, "git", "git")
	clone := newClone(t, "v0.0.1-test")
	elsewhere := t.TempDir()
	for _, dir := range []string{"bin", filepath.Base(clone)} {
		if err := os.Mkdir(filepath.Join(elsewhere, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command(t, clone, "./build.sh", "dist")
	for name, setting := range map[string]string{
		"CDPATH":   "CDPATH=" + elsewhere,
		"coverage": "GOFLAGS=-cover",
		"race":     "GOFLAGS=-race",
	} {
		if err := os.MkdirAll(filepath.Join(clone, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		command(t, clone, "env", setting, "./build.sh", "bin")
		for _, program := range []string{"healthprobe", "healthctl"} {
			want, errWant := os.ReadFile(filepath.Join(clone, "dist", program))
			got, errGot := os.ReadFile(filepath.Join(clone, "bin", program))
			if errWant != nil || errGot != nil || !bytes.Equal(want, got) {
				t.Errorf("%s: another %s than without: %v %v", name, program, errWant, errGot)
			}
		}
		if err := os.RemoveAll(filepath.Join(clone, "bin")); err != nil {
			t.Fatal(err)
		}
	}

	command(t, clone, "git", "config", "status.showUntrackedFiles", "no")
	if err := os.WriteFile(filepath.Join(clone, "cmd/healthctl/new.go"), []byte("//go:build unix\n\npackage main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, clone, "./build.sh", "dist")
	if got := command(t, clone, "dist/healthprobe", "-version"); !strings.HasPrefix(got, "healthprobe v0.0.1-test+dirty ") {
		t.Errorf("with a file that git does not know, healthprobe -version says %q", got)
	}
	if _, stderr, err := try(clone, "./release.sh", "v0.0.1-test", filepath.Join(t.TempDir(), "dist")); err == nil || !strings.Contains(stderr, "cmd/healthctl/new.go") {
		t.Errorf("a release with a file that git does not know: %v, %q", err, stderr)
	}
	command(t, clone, "env", "CDPATH="+elsewhere, "./build.sh", "dist")
	if _, stderr, err := try(clone, "env", "CDPATH="+elsewhere, "./release.sh", "v0.0.1-test", "bin"); err == nil || !strings.Contains(stderr, "uncommitted changes") {
		t.Errorf("release.sh with CDPATH: %v, %q", err, stderr)
	}
}

// TestRelease makes a release of two platforms and verifies it. Then it damages each
// file in turn, which has to be found, also by whoever got checksums to match.
func TestRelease(t *testing.T) {
	if !*long {
		t.Skip("needs -long, a minute, and a Go module proxy")
	}
	testenv.LookPath(t, "podman", "podman")
	config := filepath.Join(t.TempDir(), "containers.conf") // podman's limits may be higher than root may set here
	if err := os.WriteFile(config, []byte("[engine]\nlock_type = \"file\"\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n"+
		"[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_CONF", config)
	clone, dist := newClone(t, "v0.0.1-test"), filepath.Join(t.TempDir(), "dist")
	if _, stderr, err := try(clone, "./release.sh", "v0.0.2", dist); err == nil || !strings.Contains(stderr, "v0.0.1-test and not v0.0.2") {
		t.Errorf("a release with the wrong version: %v, %q", err, stderr)
	}
	command(t, clone, "./release.sh", "snapshot", dist)
	out, stderr, err := try(clone, "./release.sh", "verify", dist)
	t.Logf("./release.sh verify says\n%s", out)
	status := 0
	if exit, ok := err.(*exec.ExitError); ok {
		status = exit.ExitCode()
	}
	// Only the database may be out of reach, and then the exit status has to say so.
	missing := strings.Count(out, "NOT CHECKED: ")
	if reached := !strings.Contains(out, "\nvulnerabilities NOT CHECKED: "); reached && (status != 0 || missing != 0) || !reached && (status != 3 || missing != 1) {
		t.Fatalf("status %d\n%s%s", status, out, stderr)
	}

	again := &release{dir: dist}
	if _, err := checkSums(again); err != nil {
		t.Fatal(err)
	}
	if want := 5; len(again.files) != want {
		t.Errorf("%d files, want %d: %q", len(again.files), want, slices.Collect(maps.Keys(again.files)))
	}
	for name := range again.files {
		t.Run(name, func(t *testing.T) { damage(t, dist, name) })
	}
	t.Run(sums, func(t *testing.T) { damage(t, dist, sums) })
}

// damage flips a bit of a file in a copy of the release.
func damage(t *testing.T, dist, name string) {
	copied := filepath.Join(t.TempDir(), "dist")
	if err := os.CopyFS(copied, os.DirFS(dist)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(copied, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if status := verify(copied); status != 1 {
		t.Errorf("with a bit of %s flipped, verify has status %d", name, status)
	}
	if name == sums {
		return
	}
	list := ""
	all, err := filepath.Glob(filepath.Join(copied, "healthprobe_*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%x  %s\n", sha256.Sum256(content), filepath.Base(path))
	}
	if err := os.WriteFile(filepath.Join(copied, sums), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	damaged := &release{dir: copied}
	if _, err := checkSums(damaged); err != nil {
		t.Fatal(err)
	}
	if _, err := damaged.compare(dist); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("with the right checksum, the damage of %s is not found: %v", name, err)
	}
}
