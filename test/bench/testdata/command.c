// What healthctl run is measured with: it notifies as servers do.
//
//	command start    prints when it has started, in ns of the monotonic clock
//	command ready    sends READY=1, waits until the unit is ready, and prints after how many ns
//	                 it has seen that
//	command beat N   sends WATCHDOG=1 1,000 times a second, N times
//	command idle     does nothing
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int fd;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void notify(const char *message) {
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address) < 0) {
		perror("sendto");
		exit(1);
	}
}

int main(int argc, char **argv) {
	long long began = now();
	if (argc > 1 && !strcmp(argv[1], "start")) {
		printf("%lld\n", began);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "idle")) {
		pause();
		return 0;
	}
	strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof address.sun_path - 1);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (!strcmp(argv[1], "ready")) {
		char path[sizeof address.sun_path];
		strcpy(path, address.sun_path);
		*strrchr(path, '/') = 0;
		int changes = inotify_init(); // looking all the time would take the CPU from its parent
		inotify_add_watch(changes, path, IN_MOVED_TO);
		usleep(20000); // until its parent has nothing else to do
		began = now();
		notify("READY=1");
		char change[1024];
		if (read(changes, change, sizeof change) < 0) { // error is not set before, and appears with 0
			perror("inotify");
			return 1;
		}
		printf("%lld\n", now() - began);
		return 0;
	}
	notify("READY=1");
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int i = atoi(argv[2]); i > 0; i--) {
		notify("WATCHDOG=1");
		if ((next.tv_nsec += 1000000) >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	pause();
}
