/* The steps of a writer: healthctl, or an application with package writer. Each
 * atomic block is a step: nobody sees what is between its system calls. */

mtype = { LOAD, SET, BEAT, RESET };

byte calls = CALLS;   /* that writers may still begin */
byte faults = FAULTS; /* system calls that may still fail */
bool rebooted[3];     /* by writer: it is no longer there */
bool taken[3];        /* by writer: its directory was replaced while it had the lock */

#define does(what) printf("writer %d: ", me); printf(what); printf("\n")

inline drop_lock() {
	dir[d].holder = NOBODY;
	if
	:: setting == me -> setting = NOBODY
	:: else
	fi
}

/* turn begins a step. A writer with the lock may be killed before each, which
 * frees the lock; to the others a call that fails is the same. A writer that is
 * killed without the lock is one that takes no further step. */
inline turn() {
	!answered;
	if
	:: !rebooted[me]
	:: rebooted[me] -> goto over
	:: MAY_DIE && dir[d].holder == me -> does("killed"); drop_lock(); goto over
	fi
}

inline unlock() {
	does("unlock .lock");
	drop_lock()
}

inline refuse() {
	unlock();
	goto over
}

inline identify() {
	does("open stat");
	does("read stat");
	does("open boot_id");
	does("read boot_id");
	does("open self");
	does("read self")
}

/* open_directory opens the unit's directory, which load makes. */
inline open_directory() {
	does("open web");
	if
	:: web == NOTHING && call == LOAD ->
		does("mkdir web");
		made++;
		web = made;
		does("open web")
	:: web == NOTHING && call != LOAD -> goto over
	:: else
	fi;
	d = web
}

inline read_pid() {
	does("open pid");
	number = dir[d].pid_file;
	if
	:: number != NOTHING -> does("read pid")
	:: else
	fi
}

inline read_identity() {
	does("open identity");
	identity = dir[d].identity;
	if
	:: identity != NOTHING -> does("read identity")
	:: else
	fi
}

inline read_process() {
	if
	:: IS_IDENTITY(identity) ->
		does("open boot_id");
		does("read boot_id");
		does("open stat");
		if
		:: is[PID(identity)] != gone -> does("read stat")
		:: else -> does("kill")
		fi
	:: else
	fi
}

/* A live process owns the unit: one that the call is for, or another. */
#define OWNED (IS_IDENTITY(identity) && LOOKS_ALIVE(identity))
#define OWN (PID(identity) == who && (call == RESET || 1 + START(identity) == began))

/* The process that the call is for is recorded, and alive. Without identity, in
 * the directory of another program, its pid is enough. */
#define OURS (IS_PID(number) && (who == ANY || number == PIDFILE(who)) && \
	(identity == NOTHING || OWNED && number == PIDFILE(PID(identity))))

/* look reads who owns the unit, and ends a call that must not change it. */
inline look() {
	if
	:: call == RESET && who == ANY
	:: else -> read_pid(); read_identity(); read_process()
	fi;
	if
	:: call == RESET && who == ANY
	:: call == RESET && who != ANY && (!OWNED || OWN) -> identify()
	:: call == LOAD && (!OWNED || OWN)
	:: (call == SET || call == BEAT) && OURS ->
		if
		:: call == SET && code == ZERO -> setting = me; observe()
		:: else
		fi
	:: (call == LOAD || call == RESET && who != ANY) && OWNED && !OWN -> refuse()
	:: (call == SET || call == BEAT) && !OURS -> refuse()
	:: call == LOAD && IS_IDENTITY(identity) && is[PID(identity)] != gone && UNSEEN -> WHEN_UNSURE
	fi;
	number = NOTHING;
	identity = NOTHING
}

/* lock takes the lock and looks. The path must still name the directory that is
 * locked, or the call opens it again. */
inline lock() {
	do
	:: atomic {
		LOCK_WORKS && LOCK_FREE;
		turn();
		does("lock .lock");
		does("stat web");
		if
		:: d != web && PATH_CHECKED -> open_directory(); does("open .lock")
		:: else -> dir[d].holder = me; taken[me] = false; look(); break
		fi
	   }
	:: atomic {
		LOCK_FAILS && call == SET && code == CODE;
		turn();
		does("lock .lock");
		goto unlocked
	   }
	od
}

inline unlink_error() {
	does("unlink error");
	dir[d].error = NOTHING;
	tidy();
	if
	:: !taken[me] -> told(who, NOTHING)
	:: else
	fi
}

inline unlink_pid() {
	does("unlink reason");
	does("unlink pid");
	dir[d].pid_file = NOTHING;
	if
	:: !taken[me] && MAY_CHANGE(who) -> owner = NOTHING; last = NOTHING; observe()
	:: else
	fi
}

inline unlink_temp() {
	does("unlink .tmp");
	dir[d].temp = NOTHING;
	tidy()
}

inline unlink_identity_and_temp() {
	does("unlink identity");
	dir[d].identity = NOTHING;
	unlink_temp()
}

/* clear removes what makes a unit loaded, error first. */
inline clear() {
#ifdef BUG_RESET_REMOVES_IDENTITY_FIRST
	if
	:: call == RESET -> atomic { turn(); does("unlink identity"); dir[d].identity = NOTHING }
	:: else
	fi;
#endif
	if
	:: ERROR_KEPT
	:: else -> atomic { turn(); unlink_error() }
	fi;
	atomic { turn(); unlink_pid() };
	atomic { turn(); unlink_identity_and_temp() }
}

/* create makes the temporary file. One that exists was left by a writer that was
 * killed. */
inline create(value) {
	does("create .tmp");
	if
	:: dir[d].temp != NOTHING -> unlink_temp(); does("create .tmp")
	:: else
	fi;
	does("write .tmp");
	new_temp(value)
}

inline write_identity() {
	create(IDENTITY(who, began - 1, boot));
	does("rename identity");
	dir[d].identity = holds[dir[d].temp];
	dir[d].temp = NOTHING;
	tidy()
}

inline write_pid() {
	create(PIDFILE(who));
	does("rename pid");
	dir[d].pid_file = holds[dir[d].temp];
	dir[d].temp = NOTHING;
	tidy()
}
