#!/bin/sh
# A shell entrypoint that records the health of its own loop with healthctl. The
# run directory and the unit's name come from LIVENESS_RUNDIR and
# LIVENESS_UNIT_NAME of the container, not from an export in this script:
# healthctl would see that, but the exec probe, which the engine starts, would
# not.
#
# An entrypoint that only prepares things and then becomes the application needs
# just the load, the set and   exec /app/server
set -eu

healthctl load -pid $$ ${CHECK:+-check "$CHECK"} # an executable that checks the environment

trap 'healthctl set 3 upstream db unreachable || :' USR1
trap 'healthctl set 0 || :' USR2
trap 'healthctl reset; exit 0' TERM INT # reset is the last act

healthctl set 0
failed=
while :; do
	# Beat from the loop that does the work. If healthctl fails, that is no
	# reason to stop: the probe sees the state itself.
	if ! ${WORK:-true}; then
		failed=1
		healthctl set 4 work failed || :
	elif [ "$failed" ]; then
		failed=
		healthctl set 0 || :
	else
		healthctl beat || :
	fi
	sleep "${EVERY:-1}" & wait $! || : # not sleep alone: a trap runs only when wait returns
done
