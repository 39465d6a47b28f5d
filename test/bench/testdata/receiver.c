// The least that can be done: receiver SOCKET COMMAND [ARG]... starts COMMAND with that
// NOTIFY_SOCKET, and receives.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	unlink(argv[1]);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) {
		perror(argv[1]);
		return 1;
	}
	if (!fork()) {
		setenv("NOTIFY_SOCKET", argv[1], 1);
		execv(argv[2], argv + 2);
		return 127;
	}
	for (;;) {
		char text[4097], control[256];
		struct iovec part = {text, sizeof text};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
		recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	}
}
