package testenv

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Arch is an architecture that has a direct entry on Linux.
type Arch struct {
	Name     string // GOARCH
	ARM      string // GOARM, or "" where it does not apply
	emulator string // its program of Debian's qemu-user-static, and arguments
}

// Archs are all of them. It is the one list of the project: tests hold the stubs,
// the builds and the documentation against it.
var Archs = []Arch{
	{"amd64", "", "qemu-x86_64-static"},
	{"arm64", "", "qemu-aarch64-static"},
	{"386", "", "qemu-i386-static"},
	{"arm", "7", "qemu-arm-static -cpu cortex-a7"},
	{"arm", "6", "qemu-arm-static -cpu arm1176"},
	{"arm", "5", "qemu-arm-static -cpu arm926"},
	{"loong64", "", "qemu-loongarch64-static"},
	{"ppc64le", "", "qemu-ppc64le-static"},
	{"riscv64", "", "qemu-riscv64-static"},
	{"s390x", "", "qemu-s390x-static"},
}

// String returns the name of a, which for arm includes the variant as Docker has it.
func (a Arch) String() string {
	if a.ARM != "" {
		return a.Name + "v" + a.ARM
	}
	return a.Name
}

// Env returns the variables that make the go command build for a.
func (a Arch) Env() []string { return []string{"GOARCH=" + a.Name, "GOARM=" + a.ARM} }

// Tested returns those that the tests cover: all with CI=true. On a developer's
// machine, where go test has to be quick, and where the programs were built before, it
// is the machine's own.
func Tested() []Arch {
	if CI() && os.Getenv(PrebuiltEnv) == "" {
		return Archs
	}
	own := slices.DeleteFunc(slices.Clone(Archs), func(a Arch) bool { return a.Name != runtime.GOARCH })
	return own[:min(1, len(own))] // of arm, the newest
}

// HasDirectEntry reports whether the machine that runs the tests has one.
func HasDirectEntry() bool {
	return runtime.GOOS == "linux" && slices.ContainsFunc(Archs, func(a Arch) bool { return a.Name == runtime.GOARCH })
}

// Native reports whether this machine runs the architecture's programs itself.
func (a Arch) Native() bool {
	return a.Name == runtime.GOARCH || a.Name == "386" && runtime.GOARCH == "amd64" && runs386()
}

// RunsGo reports whether the Go runtime works here in a program of the architecture,
// emulated or not. Under qemu-i386 it crashes as soon as it has threads.
func (a Arch) RunsGo() bool { return a.Native() || a.Name != "386" }

// runs386 reports whether the kernel of an amd64 machine runs programs of 386 as well:
// some virtual machines have 64 bits only. It starts the smallest program that there is.
var runs386 = sync.OnceValue(func() bool {
	const headers, address = 52 + 32, 0x08048000
	exit := "\x31\xdb\x8d\x43\x01\xcd\x80" // xor ebx, ebx; lea eax, [ebx+1]; int 0x80
	var program bytes.Buffer
	err := binary.Write(&program, binary.LittleEndian, struct {
		elf.Header32
		elf.Prog32
	}{
		elf.Header32{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: uint32(elf.EV_CURRENT),
			Entry: address + headers, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
		},
		elf.Prog32{
			Type: uint32(elf.PT_LOAD), Vaddr: address, Filesz: headers + uint32(len(exit)), Memsz: headers + uint32(len(exit)),
			Flags: uint32(elf.PF_R | elf.PF_X), Align: 0x1000,
		},
	})
	dir, errDir := os.MkdirTemp("", "healthprobe-386")
	if err != nil || errDir != nil {
		return true // and let whatever needs it fail
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "exit")
	if os.WriteFile(path, append(program.Bytes(), exit...), 0o755) != nil {
		return true
	}
	return !errors.Is(exec.Command(path).Run(), syscall.ENOEXEC)
})

// Emulate returns the command that runs a program of the architecture; its arguments
// follow. It is an error if the emulator is not installed.
func (a Arch) Emulate(program string) ([]string, error) {
	if a.Native() {
		return []string{program}, nil
	}
	emulator := strings.Fields(a.emulator)
	path, err := exec.LookPath(emulator[0])
	if err != nil {
		return nil, fmt.Errorf("%w (Debian: qemu-user-static)", err)
	}
	return append(append([]string{path}, emulator[1:]...), program), nil
}

// Command is Emulate for a test. Without CI=true it returns nil where the emulator is
// not installed, and the test's log says so.
func (a Arch) Command(t testing.TB, program string) []string {
	t.Helper()
	argv, err := a.Emulate(program)
	if err != nil && CI() {
		t.Fatal(err)
	}
	if err != nil {
		t.Logf("%s is left out: %v", a, err)
	}
	return argv
}
