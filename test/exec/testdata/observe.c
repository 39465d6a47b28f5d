/*
 * Prints what a program sees of itself: some files of /proc/self, its open
 * descriptors, and what only a system call tells. It is in C because a Go
 * program would print what the Go runtime has made of the signals, and of
 * closed descriptors.
 *
 *     observe OUT    writes to the file OUT, since descriptor 1 may be closed
 *
 * Each file is one part, which begins with a line "== NAME".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { LAST_DESCRIPTOR = 63 }; /* of those that are looked at */

static const char *files[] = {
	"status", "stat", "limits", "sched", "environ", "cmdline", "comm", "autogroup", "cgroup", "coredump_filter",
	"loginuid", "oom_score_adj", "personality", "timerslack_ns",
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void copy(FILE *out, const char *name)
{
	char path[64], buf[4096];
	size_t n;
	FILE *in;

	fprintf(out, "== %s\n", name);
	snprintf(path, sizeof path, "/proc/self/%s", name);
	in = fopen(path, "r");
	if (!in) { /* a kernel may lack it */
		fprintf(out, "%s\n", strerror(errno));
		return;
	}
	while ((n = fread(buf, 1, sizeof buf, in)) > 0)
		fwrite(buf, 1, n, out);
	fclose(in);
	fputc('\n', out);
}

static void calls(FILE *out)
{
	struct itimerval timer;
	int death = -1, reaper = -1, which;

	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	fprintf(out, "== calls\nparent-death signal %d\nsubreaper %d\nsecurebits %d\ndumpable %d\nkeepcaps %d\nthp_disable %d\n",
		death, reaper, prctl(PR_GET_SECUREBITS), prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS),
		prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	fprintf(out, "ioprio %ld\nnice %d\npolicy %#x\n",
		syscall(SYS_ioprio_get, 1, 0), getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	for (which = 0; which < 3; which++) {
		getitimer(which, &timer);
		fprintf(out, "timer %d %s\n", which, timer.it_value.tv_sec || timer.it_value.tv_usec ? "runs" : "is off");
	}
	fprintf(out, "secure %lu\nexecuted as %s\n", getauxval(AT_SECURE), (char *)getauxval(AT_EXECFN));
}

int main(int argc, char **argv)
{
	char path[64], target[4096];
	int open_[LAST_DESCRIPTOR + 1], flags[LAST_DESCRIPTOR + 1], fd;
	unsigned i;
	ssize_t n;
	FILE *out;

	for (fd = 0; fd <= LAST_DESCRIPTOR; fd++) { /* before this program opens anything */
		open_[fd] = fcntl(fd, F_GETFD);
		flags[fd] = fcntl(fd, F_GETFL);
	}
	if (argc < 2)
		return 2;
	out = fopen(argv[1], "w");
	if (!out)
		die(argv[1]);
	for (i = 0; i < sizeof files / sizeof *files; i++)
		copy(out, files[i]);
	fprintf(out, "== fd\n");
	for (fd = 0; fd <= LAST_DESCRIPTOR; fd++) {
		if (open_[fd] == -1)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = 0;
		fprintf(out, "%d %d %o %s\n", fd, open_[fd], flags[fd], fd == fileno(out) ? "" : target);
	}
	calls(out);
	return fclose(out) == 0 ? 0 : 1;
}
