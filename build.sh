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
set -eu
out=${1:?usage: ./build.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
ldflags="-w -X 'main.version=${VERSION:-devel}'"
entry=
if [ -f "cmd/healthprobe/entry_$(go env GOOS)_$(go env GOARCH).s" ]; then
	entry=-E=main.direct
fi
export CGO_ENABLED=0
go build -buildmode=exe -trimpath -buildvcs=false -ldflags "$ldflags $entry" -o "$out/healthprobe" ./cmd/healthprobe
go build -buildmode=exe -trimpath -buildvcs=false -ldflags "$ldflags" -o "$out/healthctl" ./cmd/healthctl
