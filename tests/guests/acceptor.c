// What a C program does with listening sockets, from descriptor 3 on. Its first argument says what it tries.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

enum { LISTENER = 3, MOST = 64 };

static void fail(const char *what) {
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

static int accepted(void) {
    int connection = accept(LISTENER, NULL, NULL);
    if (connection < 0) fail("accept");
    return connection;
}

static void send_all(int connection, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(connection, data, size, 0);
        if (sent < 0) fail("send");
        data += sent;
        size -= sent;
    }
}

// One after the other, each until it is shut down: every byte comes back.
static void echo(void) {
    static char buffer[1 << 16];
    for (;;) {
        int connection = accepted();
        ssize_t size;
        while ((size = recv(connection, buffer, sizeof buffer, 0)) > 0) send_all(connection, buffer, size);
        if (size < 0) fail("recv");
        close(connection);
    }
}

// Counts until the other side is done, then answers and is done, too.
static void half_close(void) {
    static char buffer[1 << 16];
    int connection = accepted();
    long count = 0;
    ssize_t size;
    while ((size = read(connection, buffer, sizeof buffer)) > 0) count += size;
    int length = snprintf(buffer, sizeof buffer, "%ld bytes", count);
    send_all(connection, buffer, length);
    if (shutdown(connection, SHUT_WR)) fail("shutdown");
    errno = 0;
    if (send(connection, "x", 1, 0) != -1) fail("send after shutdown succeeded");
    printf("send after shutdown: %s\n", errno == EPIPE ? "EPIPE" : strerror(errno));
    if (read(connection, buffer, 1) != 0) fail("read at the end");
    close(connection);
}

// All at once, without blocking anywhere.
static void many(void) {
    static struct pollfd polled[1 + MOST];
    static char buffer[1 << 14];
    int count = 1;
    if (fcntl(LISTENER, F_SETFL, fcntl(LISTENER, F_GETFL) | O_NONBLOCK)) fail("fcntl");
    if (accept(LISTENER, NULL, NULL) != -1 || errno != EAGAIN) fail("accept of nothing");
    puts("nothing to accept");
    fflush(stdout);
    polled[0] = (struct pollfd){.fd = LISTENER, .events = POLLIN};
    for (;;) {
        if (poll(polled, count, -1) < 0) fail("poll");
        for (int place = count - 1; place > 0; place--) {
            if (!polled[place].revents) continue;
            ssize_t size = recv(polled[place].fd, buffer, sizeof buffer, 0);
            if (size > 0) {
                send_all(polled[place].fd, buffer, size);
            } else if (size == 0 || errno != EAGAIN) {
                close(polled[place].fd);
                polled[place] = polled[--count];
            }
        }
        int connection;
        while (count <= MOST && (connection = accept4(LISTENER, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
            if (recv(connection, buffer, 0, 0) > 0) fail("recv of nothing");
            polled[count++] = (struct pollfd){.fd = connection, .events = POLLIN};
        }
    }
}

static __wasi_subscription_t clock_in(__wasi_timestamp_t nanoseconds, __wasi_subclockflags_t flags) {
    __wasi_subscription_t it = {.userdata = 1, .u = {.tag = __WASI_EVENTTYPE_CLOCK}};
    it.u.u.clock = (__wasi_subscription_clock_t){__WASI_CLOCKID_MONOTONIC, nanoseconds, 0, flags};
    return it;
}

static __wasi_subscription_t readable(int descriptor) {
    __wasi_subscription_t it = {.userdata = 2, .u = {.tag = __WASI_EVENTTYPE_FD_READ}};
    it.u.u.fd_read.file_descriptor = descriptor;
    return it;
}

static void wait_for(__wasi_subscription_t clock, int descriptor) {
    __wasi_subscription_t asked[] = {clock, readable(descriptor)};
    __wasi_event_t events[2];
    __wasi_size_t count = 0;
    if (__wasi_poll_oneoff(asked, events, 2, &count)) fail("poll_oneoff");
    for (size_t place = 0; place < count; place++)
        printf("event %d of type %d, error %d\n", (int)events[place].userdata, events[place].type, events[place].error);
    fflush(stdout);
}

// Clocks and sockets in one wait: first the clock is earlier, by its length and by its time, then the socket.
static void mixed(void) {
    __wasi_timestamp_t now;
    wait_for(clock_in(20000000, 0), LISTENER);
    if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now)) fail("clock_time_get");
    wait_for(clock_in(now + 20000000, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME), LISTENER);
    puts("now connect");
    fflush(stdout);
    wait_for(clock_in(60000000000, 0), LISTENER);
    wait_for(clock_in(60000000000, 0), 1 << 21);
}

// Addresses outside of the memory, numbers that are none of a socket.
static void wrong(void) {
    __wasi_size_t size;
    __wasi_fd_t descriptor;
    __wasi_iovec_t outside = {(uint8_t *)0xfffffff0, 64};
    int connection = accepted();
    printf("recv %d\n", __wasi_sock_recv(connection, &outside, 1, 0, &size, &(__wasi_roflags_t){0}));
    printf("send %d\n", __wasi_sock_send(connection, (void *)&outside, 1, 0, &size));
    printf("vectors %d\n", __wasi_sock_recv(connection, (void *)0xfffffff0, 100, 0, &size, &(__wasi_roflags_t){0}));
    printf("count %d\n", __wasi_sock_send(connection, (void *)&outside, 0xffffffff, 0, &size));
    printf("result %d\n", __wasi_sock_accept(LISTENER, 0, (void *)0xfffffffe));
    printf("accept %d\n", __wasi_sock_accept(connection, 0, &descriptor));
    printf("kernel's %d\n", __wasi_fd_close((1 << 20) + 1));
    printf("unknown %d\n", __wasi_fd_close(1 << 21));
    printf("seek %d\n", __wasi_fd_seek(connection, 0, 0, &(__wasi_filesize_t){0}));
    printf("renumber %d\n", __wasi_fd_renumber(connection, 1));
    printf("send to listener %d\n", __wasi_sock_send(LISTENER, &(__wasi_ciovec_t){(uint8_t *)"x", 1}, 1, 0, &size));
    close(connection);
    printf("closed %d\n", __wasi_fd_close(connection));
}

// A byte of standard input at a time, waited for together with the listener, until there is none.
static void input(void) {
    for (;;) {
        struct pollfd polled[] = {{.fd = LISTENER, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        char byte;
        if (poll(polled, 2, 60000) < 1 || !polled[1].revents) fail("poll");
        ssize_t size = read(0, &byte, 1);
        if (size < 0) fail("read");
        if (!size) break;
        printf("%c\n", byte);
    }
    puts("end");
}

// Each listener with a client that waits: a number that gets another socket gets its ways, too.
static void renumber(void) {
    __wasi_fdstat_t status;
    int connection = accepted();
    if (__wasi_fd_renumber(LISTENER + 1, connection)) fail("renumber");
    if (__wasi_fd_fdstat_get(connection, &status)) fail("fdstat");
    printf("listener blocks %d\n", !(status.fs_flags & __WASI_FDFLAGS_NONBLOCK));
    int other = accept(connection, NULL, NULL);
    if (other < 0) fail("accept");
    if (__wasi_fd_renumber(other, LISTENER)) fail("renumber");
    if (__wasi_fd_fdstat_get(LISTENER, &status)) fail("fdstat");
    printf("connection blocks %d\n", !(status.fs_flags & __WASI_FDFLAGS_NONBLOCK));
    printf("old number %d\n", __wasi_fd_close(other));
    printf("none %d\n", __wasi_fd_renumber(LISTENER, 1 << 21));
    printf("to itself %d\n", __wasi_fd_renumber(LISTENER, LISTENER));
}

static void told(int descriptor, __wasi_eventtype_t type) {
    __wasi_subscription_t asked = readable(descriptor);
    __wasi_event_t event;
    __wasi_size_t count = 0;
    asked.u.tag = type;
    if (__wasi_poll_oneoff(&asked, &event, 1, &count) || count != 1 || event.error) fail("poll_oneoff");
    printf("type %d, %d bytes, flags %d\n", event.type, (int)event.fd_readwrite.nbytes, event.fd_readwrite.flags);
}

static void receive(int connection, size_t size, __wasi_riflags_t flags) {
    char before[1], after[16];
    __wasi_iovec_t vectors[] = {{(uint8_t *)before, 0}, {(uint8_t *)after, size}};
    __wasi_size_t received;
    __wasi_roflags_t answer = 7;
    __wasi_errno_t error = __wasi_sock_recv(connection, vectors, 2, flags, &received, &answer);
    printf("%.*s (%d, %d)\n", error ? 0 : (int)received, after, error, answer);
}

// What a client sends in two pieces, the second of which comes later, before it ends its side.
static void details(void) {
    __wasi_fdstat_t status;
    __wasi_prestat_t preopen;
    __wasi_fd_t connection, other;
    while (__wasi_sock_accept(LISTENER, __WASI_FDFLAGS_NONBLOCK, &connection)) {}
    if (__wasi_fd_fdstat_get(connection, &status)) fail("fdstat");
    printf("type %d, flags %d\n", status.fs_filetype, status.fs_flags);
    printf("preopened %d", __wasi_fd_prestat_get(LISTENER, &preopen));
    printf(" %d\n", __wasi_fd_prestat_get(connection, &preopen));
    told(connection, __WASI_EVENTTYPE_FD_READ);
    told(connection, __WASI_EVENTTYPE_FD_WRITE);
    receive(connection, 2, 0);
    receive(connection, 2, __WASI_RIFLAGS_RECV_PEEK);
    if (__wasi_fd_fdstat_set_flags(connection, 0)) fail("fdstat_set_flags");
    receive(connection, 8, __WASI_RIFLAGS_RECV_WAITALL);
    receive(connection, 8, 0);
    if (__wasi_sock_shutdown(connection, __WASI_SDFLAGS_WR)) fail("shutdown");
    told(connection, __WASI_EVENTTYPE_FD_READ);
    for (int time = 0; time < 5; time++) wait_for(clock_in(1950000, 0), LISTENER);
    __wasi_subscription_t mixed[] = {readable(LISTENER), readable(1 << 21)};
    __wasi_event_t events[2];
    __wasi_size_t count;
    if (__wasi_poll_oneoff(mixed, events, 2, &count)) fail("poll_oneoff");
    printf("%d with error %d\n", (int)count, events[0].error);
    if (__wasi_sock_accept(LISTENER + 1, 0, &other)) fail("accept");
    if (__wasi_fd_fdstat_get(other, &status)) fail("fdstat");
    printf("flags %d\n", status.fs_flags);
    if (__wasi_sock_shutdown(other, __WASI_SDFLAGS_RD)) fail("shutdown");
    if (send(other, "x", 1, 0) != 1) fail("send after the other side is shut");
    printf("how %d\n", __wasi_sock_shutdown(other, 0));
}

// More than can be, and clocks that there are not.
static void subscriptions(void) {
    static __wasi_subscription_t many[1 << 18];
    static __wasi_event_t events[1 << 18];
    __wasi_size_t count;
    many[0] = readable(LISTENER);
    printf("many %d\n", __wasi_poll_oneoff(many, events, 1 << 18, &count));
    many[1] = clock_in(1, 0);
    many[1].u.u.clock.id = 77;
    printf("clock %d\n", __wasi_poll_oneoff(many, events, 2, &count));
    printf("none %d\n", __wasi_poll_oneoff(many, events, 0, &count));
    many[1] = readable(LISTENER);
    many[1].u.tag = __WASI_EVENTTYPE_FD_WRITE;
    many[2] = clock_in(0, 0);
    printf("both %d", __wasi_poll_oneoff(many, events, 3, &count));
    printf(" of %d\n", (int)count);
}

// Files have their places behind the sockets.
static void files(void) {
    struct stat found;
    char text[16] = "";
    int file = open("/tmp/it", O_CREAT | O_RDWR, 0600), directory = open("/tmp", O_RDONLY | O_DIRECTORY);
    if (file < 0 || directory < 0) fail("open");
    if (write(file, "content", 7) != 7 || pread(file, text, 7, 0) != 7) fail("write");
    if (fstatat(directory, "it", &found, 0) || rename("/tmp/it", "/tmp/that") || unlinkat(directory, "that", 0))
        fail("directory");
    printf("%s, %d bytes\n", text, (int)found.st_size);
    if (fstat(LISTENER, &found)) fail("fstat");
    printf("socket %d\n", S_ISSOCK(found.st_mode));
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(LISTENER, SOL_SOCKET, SO_TYPE, &type, &size)) fail("getsockopt");
    printf("stream %d\n", type == SOCK_STREAM);
}

int main(int count, char **words) {
    const char *mode = count > 1 ? words[1] : "";
    printf("%s of %s: %s\n", mode, getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"));
    fflush(stdout);
    if (!strcmp(mode, "echo")) echo();
    if (!strcmp(mode, "half-close")) half_close();
    if (!strcmp(mode, "many")) many();
    if (!strcmp(mode, "mixed")) mixed();
    if (!strcmp(mode, "wrong")) wrong();
    if (!strcmp(mode, "files")) files();
    if (!strcmp(mode, "details")) details();
    if (!strcmp(mode, "input")) input();
    if (!strcmp(mode, "renumber")) renumber();
    if (!strcmp(mode, "subscriptions")) subscriptions();
}
