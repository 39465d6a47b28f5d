#!/bin/bash
# The small inits of Debian 12, tini 0.19.0, dumb-init 1.2.5 and catatonit 0.1.7 (which podman
# run --init uses): their exit status if the command does not exist or cannot be executed.
#
# Best guess: 127 and 126 in all three, as in a shell, env(1) and docker run.
#
# Seen: only in tini. dumb-init ends with 2 in both cases and catatonit with 1, as the
# application itself might have. So whoever tells "the image is broken" from "the
# application has failed" by 126 and 127 does not see it behind these two, and a restart
# policy that counts on it restarts for ever.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
apt-get download -qq tini=0.19.0-1+b3 dumb-init=1.2.5-2 catatonit=0.1.7-1+b2 2>/dev/null # its packages are for amd64
for package in *.deb; do dpkg -x "$package" .; done
for init in "tini-static -s" dumb-init catatonit; do
	for command in /nonexistent /etc/passwd; do
		status=0
		usr/bin/$init -- "$command" 2>/dev/null || status=$?
		echo "$init $command $status"
	done
done | tee seen
diff - seen <<'SEEN'
tini-static -s /nonexistent 127
tini-static -s /etc/passwd 126
dumb-init /nonexistent 2
dumb-init /etc/passwd 2
catatonit /nonexistent 1
catatonit /etc/passwd 1
SEEN
