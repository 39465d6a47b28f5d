// Package containers tests the programs in containers of a real engine. Run it with
//
//	go test -tags containers ./test/containers
//
// It starts a private dockerd (its own socket, data and cgroup, no network), imports a stand-in for
// golang:1.26 that is made by debootstrap and from the Go on this machine, builds Dockerfile.scratch
// with it, and stops and removes all of it afterwards. It needs root on Linux and these Debian
// packages: docker.io, debootstrap, docker-compose, tar and util-linux. Without one of them the tests
// skip and name it; with CI=true they fail.
package containers
