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

# Remember each thing that can be wrong, and let one place decide what the unit
# says: else the end of one error would hide another that goes on.
upstream=
trap 'upstream=down' USR1
trap 'upstream=' USR2
trap 'healthctl reset -pid $$; exit 0' TERM INT # reset is the last act

said=
while :; do
	if ! ${WORK:-true}; then
		state='4 work failed'
	elif [ "$upstream" ]; then
		state='3 upstream db unreachable'
	else
		state=0
	fi
	# Set or beat from the loop that does the work. If healthctl fails, that is no
	# reason to stop: the probe sees the state itself, and the next turn tries again.
	if [ "$state" = "$said" ]; then
		healthctl beat -pid $$ || :
	elif healthctl set -pid $$ $state; then # unquoted: the code, and the reason's words
		said=$state
	else
		said=
	fi
	sleep "${EVERY:-1}" & wait $! || : # not sleep alone: a trap runs only when wait returns
done
