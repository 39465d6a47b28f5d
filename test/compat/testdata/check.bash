#!/bin/bash
# The three checks that healthprobe replaces, written with care: there is a pid,
# the process exists, and the error is 0. original.bash is less careful. This one
# forks nothing, so that comparisons of cost with it are fair.
dir=${LIVENESS_RUNDIR:-/run}/${LIVENESS_UNIT_NAME:-$HOSTNAME}

unhealthy() {
    echo "unhealthy: $*" >&2
    exit 1
}

[[ -f $dir/pid ]] || unhealthy "no pid in $dir"
read -r pid <"$dir/pid"
[[ -n $pid && -d /proc/$pid ]] || unhealthy "process ${pid:-without a pid} does not exist"
[[ -f $dir/error ]] || unhealthy "no error in $dir"
read -r error <"$dir/error"
[[ $error == 0 ]] || unhealthy "error $error"
