// Package machine boots a machine of another architecture, with a kernel of
// Debian and emulated by qemu, and runs tests of this project in it. Run it with
//
//	go test -tags machine -count=1 ./test/integration/machine
//
// What qemu-user emulates is the processor alone: the system calls, /proc and the
// limits are those of the kernel that runs the tests. Here they are those of the
// other architecture's kernel. Its cgroups are v2, whatever the outer machine has.
//
// The machine has no disk. Its first file system is an archive of the programs as
// build.sh links them, the same by go build, the test binaries of this module,
// busybox for the tests' scripts, and a small program that starts them
// (testdata/init). Nothing is tested by rules of its own: the whole life is that
// of testdata/script, and the limits are those of test/entry.
//
// The tests need no privileges, but apt-get, which finds kernels and checks their
// signatures, and these Debian packages: debian-archive-keyring, cpio,
// qemu-system-arm, qemu-system-misc, qemu-system-ppc and qemu-system-x86. Kernels are
// kept in the user's cache directory, below healthprobe-machine: remove it for newer
// ones.
package machine
