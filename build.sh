#!/bin/sh
# Builds healthprobe and healthctl the way releases are: this is the one place
# that says how they are linked. Static, for a scratch image has no dynamic
# loader; no paths of the building machine; DWARF left out, the symbol table kept
# (govulncheck reads it).
#
#   ./build.sh OUTDIR      GOOS, GOARCH and VERSION are honoured
#
# On Linux healthprobe gets the direct entry if its architecture has one: the linker
# is told to let the kernel enter at main.direct (cmd/healthprobe/entry_linux.go).
# The two flags of the compiler save it page faults. -wb=false leaves out what helps a
# running garbage collector, and here none ever runs: a look at a flag whenever a
# pointer is stored. -d=disablenil leaves out a look at the beginning of a large
# variable before its end is used.
set -eu
out=${1:?usage: ./build.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
ldflags="-w -X 'main.version=${VERSION:-devel}'"
tags= gcflags= entry=
if [ -f "cmd/healthprobe/entry_$(go env GOOS)_$(go env GOARCH).s" ]; then
	tags=healthprobe_direct
	gcflags="github.com/healthprobe/healthprobe/...=-wb=false -d=disablenil"
	entry=-E=main.direct
fi
export CGO_ENABLED=0
go build -buildmode=exe -trimpath -buildvcs=false -tags "$tags" -gcflags "$gcflags" -ldflags "$ldflags $entry" -o "$out/healthprobe" ./cmd/healthprobe
go build -buildmode=exe -trimpath -buildvcs=false -ldflags "$ldflags" -o "$out/healthctl" ./cmd/healthctl
