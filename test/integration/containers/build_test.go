//go:build containers && linux

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

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
