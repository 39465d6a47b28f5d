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

# clear empties the file error, so that no old 0 is left: the probe takes that for
# unhealthy. All of it is built into the shell, since there may be no process left,
# and the unit must still be this script's. The shell cannot count hard links: leave
# this out where other users may write the unit directory.
unit=${LIVENESS_RUNDIR:-/run}/${LIVENESS_UNIT_NAME:-$(uname -n)}
clear() {
	[ -f "$unit/error" ] && [ ! -h "$unit/error" ] && [ -f "$unit/pid" ] &&
		read -r owner <"$unit/pid" && [ "$owner" = $$ ] && true >"$unit/error" # not ":", which would end the script if it fails
}

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
	# reason to stop: the next turn tries again. If set ran and failed (1), it has
	# cleared the old state itself where it may. If it did not run, or crashed because
	# it could not start a thread (2), the old 0 is still there.
	if [ "$state" = "$said" ]; then
		healthctl beat -pid $$ || :
	elif healthctl set -pid $$ $state; then # unquoted: the code, and the reason's words
		said=$state
	else
		[ $? = 1 ] || [ "$state" = 0 ] || clear || :
		said=
	fi
	sleep "${EVERY:-1}" & wait $! || : # not sleep alone: a trap runs only when wait returns
done
