// Package containers tests the programs where their users run them: in containers of a real engine.
//
//	go test -tags containers ./test/containers
//
// starts a private dockerd (its own socket, data and cgroup, no network), imports a stand-in for
// golang:1.26 that debootstrap and the Go on this machine make, builds Dockerfile.scratch with it,
// and stops and removes all of it afterwards. It needs root on Linux and, by their Debian names,
// docker.io, debootstrap, docker-compose, tar and util-linux. Without one of them the tests skip and say which;
// with CI=true they fail.
package containers
