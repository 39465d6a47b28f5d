#!/bin/sh
# Makes a release, or verifies one:
#
#   ./release.sh VERSION DIST     VERSION is the tag of this commit, or snapshot
#   ./release.sh verify DIST      checks all that test/release can check
#
# The directory DIST gets an archive and a list of modules (SBOM, in CycloneDX) for
# each platform, one image for all platforms of Linux, as an OCI layout, and their
# checksums. PLATFORMS="linux/amd64 linux/arm/v7" makes only these.
#
# The bytes depend on the commit, its tag and the version of Go, and not on the
# machine, the directory or the time, so that anyone can make them again. The image
# is made without an engine for that reason: the layers of docker build have the
# time in them, and a digest would depend on which of the tools there is.
set -eu
unset CDPATH # with it, cd may go elsewhere, and prints where

fail() {
	echo "release.sh: $*" >&2
	exit 1
}

[ $# = 2 ] || { echo "usage: ./release.sh VERSION DIST, ./release.sh snapshot DIST or ./release.sh verify DIST" >&2; exit 2; }
version=$1 dist=$2
[ "$version" = verify ] || mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
tmp=$(mktemp -d)
registry=
trap '[ -z "$registry" ] || kill "$registry"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
if [ "$version" = verify ]; then
	cd "$(dirname "$0")"
	go build -o "$tmp/verify" ./test/release
	"$tmp/verify" "$dist" # its exit status counts
	exit
fi
[ -z "$(ls -A "$dist")" ] || fail "$dist is not empty: remove it, or name another directory"
cd "$(dirname "$0")"
tar --version 2>/dev/null | grep -q GNU || fail "tar is not GNU tar, which can make the same archive twice"
changes=$(git status --porcelain --untracked-files=normal) || fail "this is not a git clone, and the version comes from its tags"
[ -z "$changes" ] || fail "there are uncommitted changes, and a release is a commit: $changes"

# Whatever this machine or this user has set for the go command.
export GOENV=off GOWORK=off
unset GOOS GOARCH GOFLAGS GOEXPERIMENT GOFIPS140 GO386 GOAMD64 GOARM64 GOPPC64 GORISCV64

# Linux: what has a direct entry. GOARM=5 is left out: images have no such variant.
if [ -z "${PLATFORMS:-}" ]; then
	for stub in cmd/healthprobe/entry_linux_*.s; do
		arch=${stub##*_}
		arch=${arch%.s}
		[ "$arch" = arm ] && arch="arm/v6 linux/arm/v7"
		PLATFORMS="${PLATFORMS:-} linux/$arch"
	done
	PLATFORMS="$PLATFORMS darwin/amd64 darwin/arm64"
fi
PLATFORMS=$(echo "$PLATFORMS" | tr -s ' ' '\n' | LC_ALL=C sort -u) # for the image has them in this order

mkdir "$tmp/dist"

GOBIN=$tmp go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
GOBIN=$tmp go install github.com/google/go-containerregistry/cmd/crane@v0.22.1

# archive FILE.tar DIR FILE ... [-C DIR FILE ...]: the owner is root, whatever the umask
# is, and the date is that of the commit.
time=$(git log -1 --format=%ct)
archive() {
	to=$1 from=$2
	shift 2
	tar --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$time" -cf "$to" -C "$from" "$@"
}

# image NAME PLATFORM: an image that holds the two programs, with the metadata of Dockerfile.scratch.
address=
image() {
	if [ -z "$address" ]; then # crane makes images in a registry only, so it gets one
		"$tmp/crane" registry serve --address 127.0.0.1:0 >"$tmp/registry" 2>&1 &
		registry=$!
		until address=$(grep -o '[0-9]*$' "$tmp/registry"); do
			kill -0 "$registry" || fail "crane registry serve: $(cat "$tmp/registry")"
			sleep 0.1
		done
		address=127.0.0.1:$address/healthprobe
	fi
	archive "$tmp/layer.tar" "$tmp/$1" healthctl healthprobe
	"$tmp/crane" append --oci-empty-base --new_layer "$tmp/layer.tar" --new_tag "$address:layer" >/dev/null
	set -- --set-platform "$2" --user "$(sed -n 's/^USER //p' Dockerfile.scratch)" \
		--entrypoint "$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]$/\1/p' Dockerfile.scratch | head -n 1)" \
		--label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
		--tag "$address:$1" "$address:layer"
	sed -n 's/.*\(org\.opencontainers\.image\.[a-z]*\)="\(.*\)".*/\1=\2/p' Dockerfile.scratch >"$tmp/labels"
	while read -r label; do
		set -- --label "$label" "$@"
	done <"$tmp/labels"
	"$tmp/crane" mutate "$@" >/dev/null
}

images=
for platform in $PLATFORMS; do
	os=${platform%%/*} arch=${platform#*/} variant=
	case $arch in */v*) variant=${arch#*/v} arch=${arch%/*} ;; esac
	name=${os}_$arch${variant:+v$variant}
	export GOOS="$os" GOARCH="$arch" GOARM="$variant"
	./build.sh "$tmp/$name"
	built=$(go version -m "$tmp/$name/healthctl" | awk '$1 == "mod" { print $3 }')
	[ "$version" != snapshot ] || version=$built
	[ "$version" = "$built" ] || fail "this commit is $built and not $version: git tag $version, or check out that tag"
	archive "$tmp/$name.tar" "$tmp/$name" healthctl healthprobe -C "$PWD" LICENSE README.md
	base=$tmp/dist/healthprobe_${version}_$name
	gzip -9 -n -c "$tmp/$name.tar" >"$base.tar.gz"
	"$tmp/cyclonedx-gomod" mod -json -std -noserial -notimestamp -output "$tmp/sbom" 2>"$tmp/log" || fail "cyclonedx-gomod: $(cat "$tmp/log")"
	sed '/^ \{8\}"hashes": \[$/,/^ \{8\}\],$/d' "$tmp/sbom" >"$base.cdx.json" # of the tool itself, which this machine has built
	if [ "$os" = linux ]; then
		image "$name" "$platform" 2>"$tmp/log" || fail "crane: $(cat "$tmp/log")"
		images="$images --manifest $address:$name"
	fi
done
if [ -n "$images" ]; then
	# shellcheck disable=SC2086 # a list of words
	"$tmp/crane" index append $images --tag "$address:index" >/dev/null 2>"$tmp/log" || fail "crane: $(cat "$tmp/log")"
	"$tmp/crane" pull --format=oci "$address:index" "$tmp/layout"
	archive "$tmp/dist/healthprobe_${version}_image.tar" "$tmp/layout" .
fi
(cd "$tmp/dist" && sha256sum -- * >"$tmp/SHA256SUMS")
mv "$tmp/SHA256SUMS" "$tmp"/dist/* "$dist"
echo "release.sh: $version is in $dist"
