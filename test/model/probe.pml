/* A probe: healthprobe without flags. */

#define asks(what) printf("probe: "); printf(what); printf("\n")

proctype probe() {
	byte d;
	byte number, identity;
	byte code;

	atomic {
		!answered;
		asked = true;
		observe();
		asks("open web");
		d = web;
		if
		:: d == NOTHING -> goto unhealthy
		:: else
		fi
	};
#ifdef BUG_ERROR_FIRST
	atomic { !answered; opened[PROBE] = dir[d].error };
	atomic { !answered; code = holds[opened[PROBE]] };
#endif
	atomic {
		!answered;
		asks("open pid");
		number = dir[d].pid_file;
		if
		:: number == NOTHING -> goto unhealthy
		:: else -> asks("read pid")
		fi;
		if
		:: IS_PID(number)
		:: else -> goto unhealthy
		fi
	};
	atomic {
		!answered;
		asks("open identity");
		identity = dir[d].identity;
		if
		:: identity == NOTHING
		:: IS_IDENTITY(identity) && PIDFILE(PID(identity)) == number -> asks("read identity")
		:: else -> asks("read identity"); goto unhealthy
		fi
	};
	atomic {
		!answered;
		if
		:: identity != NOTHING -> asks("open boot_id"); asks("read boot_id")
		:: else
		fi;
		asks("open stat");
		if
		:: identity != NOTHING && is[PID(identity)] == gone || identity == NOTHING && is[number - 3] == gone -> asks("kill"); goto unhealthy
		:: identity != NOTHING && LOOKS_ALIVE(identity) || identity == NOTHING && is[number - 3] == alive -> asks("read stat")
		:: else -> asks("read stat"); goto unhealthy
		:: UNSEEN -> answered = true; goto end /* it says unhealthy, which is all that it can */
		fi
	};
#ifndef BUG_ERROR_FIRST
	atomic {
		!answered;
		asks("open error");
		opened[PROBE] = dir[d].error;
		if
		:: opened[PROBE] == NOTHING -> goto unhealthy
		:: else
		fi
	};
	atomic { !answered; asks("read error"); code = holds[opened[PROBE]] };
#endif
	atomic {
		!answered;
		if
		:: code == ZERO
		:: code == CODE -> asks("open reason"); goto unhealthy
		:: else -> goto unhealthy
		fi;
		asks("healthy");
		assert(was_ready); /* promise S */
		answered = true;
		goto end
	};
unhealthy:
	atomic {
		!answered;
		asks("unhealthy");
		assert(was_unready); /* promise L */
		answered = true
	};
end:
	skip
}
