//go:build machine

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// fromDebian returns a directory with what the machine has from Debian: the file
// kernel, and the directory root with busybox. It asks Debian if the cache has none.
func (m machine) fromDebian(t *testing.T) (dir string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "healthprobe-machine")
	dir = filepath.Join(cache, m.suite+"-"+m.debian)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(cache, "tmp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	err = m.download(t, tmp)
	testenv.Require(t, err == nil, "no kernel for %s: %v", m.debian, err)
	// All or nothing: the next run takes what it finds.
	if err := os.Rename(filepath.Join(tmp, "files"), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// download makes the directory files below tmp. It uses apt with a configuration
// of its own, as if this were a system of that architecture.
func (m machine) download(t *testing.T, tmp string) error {
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb", "tar"} {
		testenv.LookPath(t, program, "apt, dpkg, tar")
	}
	for _, dir := range []string{"files/root/bin", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(tmp, dir), 0o755); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"etc/apt/sources.list": "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian " + m.suite + " main\n",
		"status":               "",
		"apt.conf": fmt.Sprintf(`Dir %q; Dir::State::status %[1]q/status;
APT::Architecture %q; APT::Architectures { %[2]q; };
APT::Sandbox::User "root"; Acquire::Languages "none";
`, tmp, m.debian),
	} {
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = tmp, append(os.Environ(), "LC_ALL=C", "APT_CONFIG="+filepath.Join(tmp, "apt.conf"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		return string(out), err
	}
	if _, err := run("apt-get", "update", "--error-on=any"); err != nil {
		return err
	}
	depends, err := run("apt-cache", "depends", m.kernel)
	if err != nil {
		return err
	}
	image := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindStringSubmatch(depends)
	if image == nil {
		return fmt.Errorf("%s depends on no kernel: %s", m.kernel, depends)
	}
	// The rest of a kernel's package are modules, which the machine does not need.
	for pkg, unpack := range map[string]string{
		image[1]:         `tar -xO --wildcards './boot/vmlinu[xz]-*' >files/kernel; test -s files/kernel`,
		"busybox-static": `tar -x -C files/root/bin --wildcards --transform='s,.*/,,' ./bin/busybox ./usr/bin/busybox; test -x files/root/bin/busybox`,
	} {
		if _, err := run("apt-get", "download", pkg); err != nil {
			return err
		}
		if _, err := run("sh", "-c", "dpkg-deb --fsys-tarfile "+pkg+"_*.deb | "+unpack); err != nil {
			return err
		}
	}
	return nil
}
