/* The unit's directory, the processes, and what is promised about them. */

/* What a file holds. */
#define NOTHING 0 /* there is no such file */
#define EMPTY 1
#define ZERO 2
#define CODE 3 /* an error code */
#define PIDFILE(p) (3 + p)
#define IDENTITY(p, at, of) (6 + (p - 1) + 2 * (at) + 8 * (of))
#define PID(id) (1 + (id - 6) % 2)
#define START(id) (((id - 6) / 2) % 4)
#define BOOT(id) ((id - 6) / 8)
#define IS_PID(n) (n == PIDFILE(1) || n == PIDFILE(2))
#define IS_IDENTITY(id) (id >= IDENTITY(1, 0, 0))

/* A file that somebody may have open, or compare with one seen before, is here
 * by its inode: an index into holds. The others are only ever replaced. */
typedef Directory {
	byte pid_file; /* what it holds */
	byte identity; /* what it holds */
	byte error;    /* its inode */
	byte temp;     /* its inode */
	byte holder    /* of the lock: a writer, or NOBODY */
};
#define NOBODY 0
#define DIRECTORIES 2
Directory dir[DIRECTORIES + 1]; /* by inode */
byte web;                       /* the directory that the path names */
byte made;                      /* how many directories */
#define INODES 11               /* so many can be in use, and 0 is none */
byte holds[INODES + 1];         /* by inode */
#define PROBE 3
byte opened[4];     /* by writer or PROBE: the inode of the error file that it has open */
byte seen_error[3]; /* by writer: the inode of the error file that it has looked at */
byte seen_temp[3];  /* the same of .tmp */
byte inode; /* counts; 0 between steps */

/* Processes, by pid. */
mtype = { gone, alive, zombie };
mtype is[3];
byte start[3]; /* start time, by pid */
byte boot;

#define RUNS(id) (BOOT(id) == boot && is[PID(id)] == alive && start[PID(id)] == START(id))

/* What the callers have been told. */
byte owner; /* the identity of the process that the last successful load recorded */
byte last;  /* its last set since then: NOTHING, ZERO or CODE */

byte setting; /* the writer whose set 0 has found the owner alive, and is about to record that */

#define READY (owner != NOTHING && RUNS(owner) && last == ZERO)
#define MAYBE_READY (owner != NOTHING && RUNS(owner) && (last == ZERO || setting != NOBODY))

bool asked;       /* a probe runs */
bool answered;    /* it has ended: what follows can break no promise */
bool was_ready;   /* MAYBE_READY at some moment since it began */
bool was_unready; /* not READY at some moment since it began */
bool two_owners;  /* a load has succeeded while another live process owned the unit */

/* observe follows all that may change these two. */
inline observe() {
	d_step {
		if
		:: asked && MAYBE_READY -> was_ready = true
		:: else
		fi;
		if
		:: asked && !READY -> was_unready = true
		:: else
		fi
	}
}

/* A call is for a process, or for ANY: whichever owns the unit. It may change the
 * unit unless another live process owns that. */
#define ANY 0
#define MAY_CHANGE(p) (p == ANY || owner == NOTHING || !RUNS(owner) || PID(owner) == p)

/* told notes that the error file has changed in a call for process p. */
inline told(p, value) {
	if
	:: MAY_CHANGE(p) && owner != NOTHING -> last = value
	:: else
	fi;
	observe()
}

#define IN_USE(i) (dir[1].error == i || dir[2].error == i || dir[1].temp == i || dir[2].temp == i || \
	opened[1] == i || opened[2] == i || opened[PROBE] == i || \
	SEEN_DIFFER && (seen_error[1] == i || seen_error[2] == i || seen_temp[1] == i || seen_temp[2] == i))

/* new_temp makes a file with the next free inode. */
inline new_temp(value) {
	d_step {
		inode = 1;
		do
		:: IN_USE(inode) -> inode++
		:: else -> break
		od;
		holds[inode] = value;
		dir[d].temp = inode;
		inode = 0
	}
}

/* tidy forgets what free inodes held, so that equal states are one. */
inline tidy() {
	d_step {
		inode = 1;
		do
		:: inode <= INODES ->
			if
			:: IN_USE(inode)
			:: else -> holds[inode] = NOTHING
			fi;
			inode++
		:: else -> inode = 0; break
		od
	}
}
