/* The protocol of the state directory. doc.go says how to run it and how to read
 * a counterexample. This file has what differs between runs, and the world around
 * the programs: processes that end, a boot, a directory that is replaced. */

/* Bounds. */
#ifndef CALLS
#define CALLS 3 /* of writers */
#endif
#ifdef FAILING /* a script, see below */
#define FAULTS 9
#endif
#ifndef FAULTS
#define FAULTS 0 /* system calls that fail */
#endif
#ifndef BIRTHS
#define BIRTHS 0 /* processes that get the pid of one that has ended */
#endif
#ifndef BOOTS
#define BOOTS 0 /* at most 1: start times begin again */
#endif
#ifndef REPLACED
#define REPLACED 0 /* at most 1: the unit's directory gets another name */
#endif

/* Bugs. Each of them must break a promise. */
#ifdef BUG_NO_LOCK
#define LOCK_FREE true
#else
#define LOCK_FREE (dir[d].holder == NOBODY)
#endif
#ifdef BUG_ERROR_KEPT
#define ERROR_KEPT (call == LOAD)
#else
#define ERROR_KEPT false
#endif
#ifdef BUG_CLEARED_ONCE
#define CLEARED_ONCE true
#else
#define CLEARED_ONCE false
#endif
#ifdef BUG_NO_START_TIME
#define LOOKS_ALIVE(id) (BOOT(id) == boot && is[PID(id)] == alive)
#else
#define LOOKS_ALIVE(id) RUNS(id)
#endif
#ifdef BUG_OWNER_IGNORED
#define OWNER_IGNORED true
#else
#define OWNER_IGNORED false
#endif
#ifdef BUG_TAKEN_WHEN_UNSURE
#define WHEN_UNSURE skip
#else
#define WHEN_UNSURE refuse()
#endif
#ifdef BUG_REPLACED_DIRECTORY
#define PATH_CHECKED false
#else
#define PATH_CHECKED true
#endif
#ifdef BUG_PID_FIRST
#define WRITE_FIRST write_pid()
#define WRITE_SECOND write_identity()
#else
#define WRITE_FIRST write_identity()
#define WRITE_SECOND write_pid()
#endif
#ifdef BUG_INODES_ONLY /* a file with the number of one that is gone looks like that */
#define SEEN_DIFFER false
#else
#define SEEN_DIFFER true
#endif

/* A limitation, not a bug of the protocol: see limitations.md. */
#ifdef LIMIT_LAST_LOOK
#define MEANWHILE }; atomic { turn();
#else
#define MEANWHILE
#endif

/* What may fail: in a search anything, in a script what is named in FAILING. */
#define AT_LOCK 1
#define AT_CREATE 2
#define AT_RENAME 4
#define AT_OPEN 8
#define AT_TRUNCATE 16
#ifdef FAILING
#define FAILS(at) (calls == 0 && ((FAILING) & at) != 0)
#define WORKS(at) (!FAILS(at))
#define LOCK_FAILS FAILS(AT_LOCK)
#define LOCK_WORKS WORKS(AT_LOCK)
#define MAY_DIE false
#define MAY_LIE false
#define UNSEEN false
#else
#define FAILS(at) (faults > 0)
#define WORKS(at) true
#define LOCK_FAILS true /* others may have it for too long */
#define LOCK_WORKS true
#define MAY_DIE true
#define MAY_LIE true
#define UNSEEN true
#endif

#define LOAD_1 call = LOAD; who = 1
#define LOAD_2 call = LOAD; who = 2
#define SET_0 call = SET; code = ZERO; who = ANY
#define SET_CODE call = SET; code = CODE; who = ANY
#define BEAT_ANY call = BEAT; who = ANY
#define RESET_ANY call = RESET; who = ANY
#define RESET_1 call = RESET; who = 1

/* For scripts: what happens before a call, or before the probe. */
#define PROCESS_ENDS is[1] = gone
#define PID_REUSED start[1]++
#define GONE_LOAD_2 PROCESS_ENDS; LOAD_2
#define GONE_SET_0 PROCESS_ENDS; SET_0

#include "files.pml"
#include "writer.pml"

#ifdef FAILING /* a script: one writer makes the calls ONE, TWO and THREE, then THEN happens, and a probe runs */

#define CAN_CHOOSE true
#define FINISHED calls == 0

inline choose() {
	if
	:: calls == CALLS -> ONE
	:: calls == CALLS - 1 -> TWO
	:: calls == CALLS - 2 -> THREE
	fi
}

#include "calls.pml"
#include "probe.pml"

init {
	atomic { is[1] = alive; is[2] = alive };
	run writer(1);
	calls == 0 && _nr_pr == 1;
	THEN;
	run probe()
}

#else

#define CAN_CHOOSE (is[1] == alive || is[2] == alive || web != NOTHING)
#define FINISHED false

inline choose() {
	if
#ifdef HANDOVER /* fewer calls, so that there can be more of them: process 2 follows process 1 */
	:: is[2] == alive -> LOAD_2
	:: web != NOTHING -> SET_0; who = 2
	:: web != NOTHING -> SET_CODE; who = 1
#else
	:: is[1] == alive -> LOAD_1
	:: is[2] == alive -> LOAD_2
	:: web != NOTHING -> SET_0
	:: web != NOTHING -> SET_0; who = 1
	:: web != NOTHING -> SET_0; who = 2
	:: web != NOTHING -> SET_CODE
	:: web != NOTHING -> SET_CODE; who = 1
	:: web != NOTHING -> SET_CODE; who = 2
	:: web != NOTHING -> BEAT_ANY
	:: web != NOTHING -> RESET_ANY
	:: web != NOTHING -> RESET_1
	:: web != NOTHING -> RESET_1; who = 2
#endif
	fi
}

#include "calls.pml"
#include "probe.pml"

byte births = BIRTHS;
byte boots = BOOTS;
byte replacements = REPLACED;

active proctype world() {
	do
	:: atomic { !answered && is[1] == alive; is[1] = zombie; printf("process 1 ends, and is a zombie\n"); observe() }
	:: atomic { !answered && is[1] == zombie; is[1] = gone; printf("process 1 is reaped\n") }
	:: atomic { !answered && is[1] == gone && births > 0; births--; start[1]++; is[1] = alive; printf("another process has pid 1\n") }
	:: atomic { !answered && is[2] == alive; is[2] = gone; printf("process 2 ends\n"); observe() }
	:: atomic {
		!answered && replacements > 0 && web != NOTHING;
		replacements--;
		printf("the directory is renamed\n");
		/* what is under way in it is no longer about the unit */
		taken[1] = dir[web].holder == 1;
		taken[2] = dir[web].holder == 2;
		answered = asked;
		web = NOTHING; owner = NOTHING; last = NOTHING
	   }
	:: atomic {
		!answered && boots > 0;
		boots--;
		printf("the machine boots\n");
		boot++;
		is[1] = alive; is[2] = alive; start[1] = 0; start[2] = 0;
		rebooted[1] = true; rebooted[2] = true; answered = asked;
		dir[1].holder = NOBODY; dir[2].holder = NOBODY;
		owner = NOTHING; last = NOTHING; setting = NOBODY
	   }
	od
}

init {
	atomic {
		is[1] = alive;
		is[2] = alive;
#ifdef LOADED /* by process 1, which has set 0 */
		made = 1;
		web = 1;
		dir[1].pid_file = PIDFILE(1);
		dir[1].identity = IDENTITY(1, 0, 0);
		dir[1].error = 1;
		holds[1] = ZERO;
		owner = IDENTITY(1, 0, 0);
		last = ZERO;
#endif
		run writer(1);
		run writer(2);
		run probe()
	}
}

#endif
