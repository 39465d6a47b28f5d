/* The smallest useful check of a pid, to compare healthprobe with. It reads one
 * file and checks that the process exists. It detects neither a stale file nor a
 * zombie, and knows nothing of the application's own state.
 *
 *     cc -O2 -static -o pidcheck pidcheck.c
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[64];
	ssize_t n;
	int fd;
	long pid;

	if (argc != 2 || (fd = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0)
		return 1;
	if ((n = read(fd, text, sizeof text - 1)) <= 0)
		return 1;
	text[n] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) ? 0 : 1;
}
