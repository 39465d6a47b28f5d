// Package containers tests the programs in containers of real engines. Run it with
//
//	go test -tags containers ./test/integration/containers
//
// It starts a private dockerd (its own socket, data and cgroup, no network), imports a stand-in for
// golang:1.26 that is made by debootstrap and from the Go on this machine, builds Dockerfile.scratch
// with it, and stops and removes all of it afterwards. podman gets storage of its own, and bundles are
// run by runc, crun and gVisor's runsc without any engine. It needs root on Linux and these Debian
// packages: docker.io, debootstrap, docker-compose, podman, buildah, conmon, runc, crun, runsc, procps,
// tar and util-linux. Without one of them the tests that need it skip and name it; with CI=true they
// fail.
//
// Where the machine has cgroup v2 the tests use it, otherwise v1; each table names what it was measured
// on. No registry is used.
package containers
