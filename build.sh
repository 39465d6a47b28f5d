#!/bin/sh
# Builds healthprobe and healthctl the way releases are: this is the one place
# that says how they are linked. Static, for a scratch image has no dynamic
# loader; no paths of the building machine; DWARF left out, the symbol table kept
# (govulncheck reads it).
#
#   ./build.sh OUTDIR      GOOS, GOARCH and GOARM are honoured
#
# In a clone the version is what the go command makes of its tags: v1.2.3 for a
# commit with that tag, a pseudo-version after the last one for any other, with
# +dirty if there are changes. Elsewhere it is devel.
#
# On Linux healthprobe gets the direct entry if its architecture has one: the linker
# makes main.direct the address where the kernel enters the program
# (cmd/healthprobe/entry_linux.go). There no garbage collector ever runs, so
# -wb=false leaves out the write barriers, which would call it. healthctl gets the start
# symbol main.start where it has one (cmd/healthctl/start_linux.go).
set -eu
unset CDPATH # with it, cd may go elsewhere, and prints where
out=${1:?usage: ./build.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
export CGO_ENABLED=0
vcs=false # where git does not work, or does not trust the directory's owner, the go command would fail
if git rev-parse HEAD >/dev/null 2>&1; then vcs=true; fi
# A file that git does not know makes a build +dirty, whatever the user has configured.
n=${GIT_CONFIG_COUNT:-0}
export "GIT_CONFIG_KEY_$n=status.showUntrackedFiles" "GIT_CONFIG_VALUE_$n=normal" "GIT_CONFIG_COUNT=$((n + 1))"
# GOFLAGS may ask for programs that are instrumented: they would not be what a release is.
build() { go build -cover=false -race=false -msan=false -asan=false -buildmode=exe -trimpath -buildvcs="$vcs" "$@"; }

tags= ldflags=-w
if [ -f "cmd/healthctl/start_$(go env GOOS)_$(go env GOARCH).s" ]; then
	tags=healthctl_start
	ldflags="-w -E=main.start"
fi
build -tags "$tags" -ldflags "$ldflags" -o "$out/healthctl" ./cmd/healthctl
# healthprobe is told what the go command has recorded in healthctl: see internal/version.
recorded=$(go version -m "$out/healthctl")
version=$(echo "$recorded" | awk '$1 == "mod" { print $3 }')
commit=$(echo "$recorded" | awk -F= '$1 ~ /vcs.revision/ { print $2 }')
variables=github.com/healthprobe/healthprobe/internal/version
ldflags="-w -X $variables.version=$version -X $variables.commit=$commit"

tags= gcflags= entry=
if [ -f "cmd/healthprobe/entry_$(go env GOOS)_$(go env GOARCH).s" ]; then
	tags=healthprobe_direct
	gcflags="github.com/healthprobe/healthprobe/...=-wb=false"
	entry=-E=main.direct
fi
build -tags "$tags" -gcflags "$gcflags" -ldflags "$ldflags $entry" -o "$out/healthprobe" ./cmd/healthprobe
