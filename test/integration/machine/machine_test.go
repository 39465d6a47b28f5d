//go:build machine

package machine

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// machine is a machine that qemu emulates, and what Debian has for it.
type machine struct {
	arch    testenv.Arch
	debian  string // Debian's name of the architecture
	suite   string // the release of Debian
	kernel  string // a package that depends on the newest kernel
	pkg     string // that has qemu
	console string
	qemu    []string
}

// machines are all of them. To add an architecture, add a line. loong64 is missing:
// no release of Debian has it yet.
var machines = []machine{
	{arch("amd64"), "amd64", "bookworm", "linux-image-cloud-amd64", "qemu-system-x86", "ttyS0", []string{"qemu-system-x86_64", "-machine", "q35"}},
	{arch("arm64"), "arm64", "bookworm", "linux-image-arm64", "qemu-system-arm", "ttyAMA0", []string{"qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"}},
	{arch("386"), "i386", "bookworm", "linux-image-686-pae", "qemu-system-x86", "ttyS0", []string{"qemu-system-i386", "-machine", "q35"}},
	{arch("arm"), "armhf", "bookworm", "linux-image-armmp", "qemu-system-arm", "ttyAMA0", []string{"qemu-system-arm", "-machine", "virt", "-cpu", "cortex-a15"}},
	{arch("ppc64le"), "ppc64el", "bookworm", "linux-image-powerpc64le", "qemu-system-ppc", "hvc0", []string{"qemu-system-ppc64", "-machine", "pseries"}},
	{arch("riscv64"), "riscv64", "trixie", "linux-image-riscv64", "qemu-system-misc", "ttyS0", []string{"qemu-system-riscv64", "-machine", "virt"}},
	{arch("s390x"), "s390x", "bookworm", "linux-image-s390x", "qemu-system-misc", "ttysclp0", []string{"qemu-system-s390x"}},
}

// arch returns the architecture with that name, the newest one of arm.
func arch(name string) testenv.Arch {
	return testenv.Archs[slices.IndexFunc(testenv.Archs, func(a testenv.Arch) bool { return a.Name == name })]
}

// binary is a test binary that the machine runs.
type binary struct {
	pkg   string // below the module's root
	tests []string
}

// binaries are all of them. Each test has to run there: none may skip.
var binaries = []binary{
	{"test/entry", []string{"TestExhaustion", "TestPidsMax", "TestMemoryMax"}},
	{"test/script", append(scripts("direct", "life", "life-heartbeat", "load-checks", "load-again", "set-reason", "status-json",
		"exec", "exec-children", "pid-1", "pid-reused", "probe-ended", "probe-leaderless", "boot-id"),
		scripts("runtime", "life", "life-heartbeat")...)},
}

// scripts returns the tests that run scripts of testdata/script with an entry of
// healthprobe. Their other programs are those of busybox, so not every script can
// run in the machine.
func scripts(entry string, names ...string) (tests []string) {
	for _, name := range names {
		tests = append(tests, "TestScript/"+entry+"/"+name)
	}
	return tests
}

// command returns the line of the file /commands that runs the tests: like go test,
// in the package's directory.
func (b binary) command() string {
	var patterns []string
	for _, test := range b.tests {
		patterns = append(patterns, "^"+strings.ReplaceAll(test, "/", "$/^")+"$")
	}
	return "/" + b.pkg + " ./tests -test.v=test2json -test.short -test.run=" + strings.Join(patterns, "|") + "\n"
}

// TestMachines boots one machine after the other. Each of the tests that ran there is
// a subtest here.
func TestMachines(t *testing.T) {
	for _, m := range machines {
		t.Run(m.arch.Name, func(t *testing.T) {
			debian := m.fromDebian(t)
			console := m.boot(t, filepath.Join(debian, "kernel"), m.archive(t, debian))
			t.Log(regexp.MustCompile(`Linux machine .*`).FindString(console)) // of uname
			ran := results(t, console)
			for _, r := range ran {
				t.Run(r.test, func(t *testing.T) {
					t.Log(r.output)
					if r.action != "pass" {
						t.Error(r.action)
					}
				})
			}
			for _, b := range binaries {
				for _, test := range b.tests {
					if !ran.has(test) {
						t.Errorf("%s did not run", test)
					}
				}
			}
			if !strings.Contains(console, "\n"+end+"\n") {
				t.Errorf("the machine did not write %q. Its console:\n%s", end, console)
			}
		})
	}
}
