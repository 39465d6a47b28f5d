/* What a writer does in its calls. */

inline rename_error() {
	dir[d].error = dir[d].temp;
	dir[d].temp = NOTHING;
	tidy();
	if
	:: !taken[me] -> told(who, code)
	:: else
	fi
}

/* open_error opens the error file that a failed call is to make unhealthy. */
inline open_error() {
	does("open error");
	opened[me] = dir[d].error
}

inline truncate_error() {
	does("truncate error");
	holds[opened[me]] = EMPTY;
	if
	:: opened[me] == dir[web].error -> told(who, NOTHING)
	:: opened[me] != dir[web].error && MAY_CHANGE(who) && asked -> was_unready = true
	:: else
	fi;
	opened[me] = NOTHING;
	tidy()
}

/* to_tell reads what stands now, for the message. */
inline to_tell() {
	does("open error");
	if
	:: dir[d].error != NOTHING -> does("read error")
	:: else
	fi
}

proctype writer(byte me) {
	mtype call;
	byte who;   /* the process that the call is for, or ANY */
	byte began; /* 1 + its start time when load began */
	byte code;  /* to set: ZERO or CODE */
	byte d;     /* the directory, by inode */
	byte number, identity; /* what pid and identity held */

	do
	:: atomic {
		calls > 0 && !answered && CAN_CHOOSE && (me == 1 || made > 0);
		rebooted[me] = false;
		choose();
		calls--;
		printf("writer %d: calls %e", me, call);
		if
		:: who != ANY -> printf(" for process %d", who)
		:: else
		fi;
		printf("\n");
		if
		:: call == LOAD -> identify(); began = 1 + start[who]
		:: else
		fi;
		open_directory();
		does("open .lock")
	   };
	   lock();
	   if
	   :: call == LOAD ->
		clear();
		atomic { turn(); unlock() };
		/* now the checks run */
		atomic { turn(); open_directory(); does("open .lock") };
		lock();
		if
		:: CLEARED_ONCE
		:: else -> clear()
		fi;
		atomic {
			turn();
			identify();
			if
			:: is[who] != alive || 1 + start[who] != began -> refuse()
			:: else
			fi;
			WRITE_FIRST
		};
		atomic {
			turn();
			WRITE_SECOND;
			if
			:: !taken[me] ->
				two_owners = owner != NOTHING && RUNS(owner) && PID(owner) != who;
				assert(!two_owners);
				owner = IDENTITY(who, began - 1, boot);
				last = NOTHING;
				observe()
			:: else
			fi;
			unlock()
		}
	   :: call == SET ->
		atomic {
			turn();
			does("stat reason");
			if
			:: WORKS(AT_CREATE) -> create(code)
			:: FAILS(AT_CREATE) && code == CODE -> faults--; does("create .tmp"); goto failed
			fi
		};
		atomic {
			turn();
			does("rename error");
			if
			:: WORKS(AT_RENAME) && dir[d].temp != NOTHING -> rename_error(); unlock()
			:: FAILS(AT_RENAME) && code == CODE -> faults--; unlink_temp(); goto failed
			:: FAILS(AT_RENAME) && code == CODE && dir[d].temp != NOTHING && MAY_LIE ->
				faults--;
				rename_error(); /* and yet it reports an error */
				does("unlink .tmp");
				goto failed
			:: dir[d].temp == NOTHING && code == CODE -> goto failed
			:: dir[d].temp == NOTHING && code == ZERO -> refuse()
			fi
		}
	   :: call == BEAT ->
		atomic {
			turn();
			does("open error");
			if
			:: dir[d].error != NOTHING -> does("touch error")
			:: else
			fi;
			unlock()
		}
	   :: call == RESET ->
		clear();
		atomic { turn(); unlock() }
	   fi;
	   goto over;

failed: /* an error code cannot be recorded: clear the state before */
	   atomic { turn(); does("stat .tmp"); does("stat error"); open_error(); unlink_temp() };
	   atomic {
		turn();
		if
		:: opened[me] != NOTHING && WORKS(AT_TRUNCATE) -> truncate_error()
		:: opened[me] != NOTHING && FAILS(AT_TRUNCATE) -> faults--; does("truncate error"); opened[me] = NOTHING; unlink_error()
		:: else -> unlink_error()
		fi;
		to_tell();
		unlock()
	   };
	   goto over;

unlocked: /* the same without the lock, and only to files seen before the owner was */
	   atomic { turn(); does("open web"); d = web; if :: d == NOTHING -> goto over :: else fi };
	   atomic { turn(); does("stat .tmp"); seen_temp[me] = dir[d].temp };
	   atomic { turn(); does("stat error"); seen_error[me] = dir[d].error };
	   atomic {
		turn();
		does("open error");
		if
		:: WORKS(AT_OPEN) -> opened[me] = dir[d].error
		:: FAILS(AT_OPEN) -> faults--
		fi
	   };
	   atomic { turn(); read_pid() };
	   atomic { turn(); read_identity() };
	   atomic {
		turn();
		read_process();
		if
		:: OURS || OWNER_IGNORED
		:: else -> to_tell(); goto over
		fi;
		number = NOTHING;
		identity = NOTHING
	   };
	   atomic {
		turn();
		does("stat .tmp");
		if
		:: seen_temp[me] == NOTHING || dir[d].temp != seen_temp[me]
		:: else -> unlink_temp()
		fi
	   };
	   atomic {
		turn();
		if
		:: opened[me] != NOTHING && WORKS(AT_TRUNCATE) -> truncate_error(); to_tell(); goto over
		:: opened[me] != NOTHING && FAILS(AT_TRUNCATE) -> faults--; does("truncate error"); opened[me] = NOTHING; tidy()
		:: else
		fi
	   };
	   atomic {
		turn();
		does("stat error");
		if
		:: seen_error[me] == NOTHING || dir[d].error != seen_error[me] -> to_tell(); goto over
		:: else
		fi;
		MEANWHILE
		unlink_error();
		to_tell()
	   };

over:
	   atomic {
		opened[me] = NOTHING; seen_error[me] = NOTHING; seen_temp[me] = NOTHING;
		tidy();
		taken[me] = false;
		call = 0; who = 0; began = 0; code = 0; d = 0;
		number = 0; identity = 0
	   }
	:: FINISHED -> break
	od
}
