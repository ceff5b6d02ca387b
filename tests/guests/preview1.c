// Calls every function of WASI preview 1 that the C library has a way to, below its first argument, a directory that it
// may write to. It says which one failed.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

static int failures;

static void expect(bool succeeded, const char *what) {
    if (!succeeded) {
        printf("%s: %s\n", what, strerror(errno));
        failures++;
    }
}

#define EXPECT(call) expect(call, #call)

static void use_clocks(void) {
    struct timespec now, pause = {0, 1000000};
    for (int each = 0; each < 50; each++)
        EXPECT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    EXPECT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    EXPECT(clock_getres(CLOCK_MONOTONIC, &now) == 0);
    EXPECT(clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL) == 0);
    EXPECT(clock_nanosleep(CLOCK_REALTIME, 0, &pause, NULL) == 0);
    EXPECT(sched_yield() == 0);
}

static void use_random_numbers(void) {
    char bytes[256];
    EXPECT(getentropy(bytes, sizeof bytes) == 0);
}

static void use_poll(void) {
    struct pollfd files[] = {{0, POLLIN, 0}, {1, POLLOUT, 0}};
    EXPECT(poll(files, 2, 10) >= 0);
    EXPECT(poll(files, 1, 10) >= 0);
}

static void use_one_file(void) {
    char text[64] = "";
    struct stat found;
    struct timespec times[2] = {{1, 0}, {2, 0}};
    struct iovec parts[2] = {{"ab", 2}, {"cd", 2}}, into[2] = {{text, 2}, {text + 2, 2}};
    int file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(file >= 0);
    EXPECT(writev(file, parts, 2) > 0);
    EXPECT(pwrite(file, "xy", 2, 4) == 2);
    EXPECT(lseek(file, 0, SEEK_SET) == 0);
    EXPECT(readv(file, into, 2) > 0);
    EXPECT(pread(file, text, 2, 4) == 2);
    (void)posix_fallocate(file, 0, 8192); // wasmtime has none
    EXPECT(posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    EXPECT(ftruncate(file, 100) == 0);
    EXPECT(fsync(file) == 0);
    EXPECT(fdatasync(file) == 0);
    EXPECT(fstat(file, &found) == 0 && found.st_size == 100);
    EXPECT(futimens(file, times) == 0);
    EXPECT(fcntl(file, F_GETFL) >= 0);
    EXPECT(fcntl(file, F_SETFL, O_APPEND) == 0);
    EXPECT(write(file, "end", 3) == 3);
    EXPECT(__wasi_fd_renumber(file, open("file", O_RDONLY)) == 0);
    EXPECT((file = open("file", O_RDWR)) >= 0);
    EXPECT(close(file) == 0);
    EXPECT((file = open("file", O_WRONLY | O_TRUNC | O_NONBLOCK)) >= 0);
    EXPECT(write(file, "more", 4) == 4);
    EXPECT(close(file) == 0);
}

static void use_names(void) {
    char target[64] = "";
    struct stat found;
    struct timespec times[2] = {{1, 0}, {2, 0}};
    EXPECT(mkdir("folder", 0700) == 0);
    EXPECT(link("file", "folder/link") == 0);
    EXPECT(symlink("folder/link", "symlink") == 0);
    EXPECT(readlink("symlink", target, sizeof target) == 11);
    EXPECT(stat("symlink", &found) == 0 && S_ISREG(found.st_mode));
    EXPECT(lstat("symlink", &found) == 0 && S_ISLNK(found.st_mode));
    EXPECT(access("symlink", R_OK) == 0);
    EXPECT(utimensat(AT_FDCWD, "file", times, 0) == 0);
    EXPECT(utimensat(AT_FDCWD, "symlink", times, AT_SYMLINK_NOFOLLOW) == 0);
    EXPECT(rename("file", "folder/renamed") == 0);
    EXPECT(truncate("folder/renamed", 7) == 0 || errno == ENOSYS);
    EXPECT(open("folder/..//./symlink", O_RDONLY) >= 0);
    EXPECT(open("symlink", O_RDONLY | O_NOFOLLOW) < 0);
    EXPECT(open("missing", O_RDONLY) < 0 && errno == ENOENT);
}

static void use_directories(void) {
    DIR *folder = opendir(".");
    EXPECT(folder != NULL);
    for (int each = 0; each < 4; each++)
        EXPECT(readdir(folder) != NULL);
    rewinddir(folder);
    EXPECT(readdir(folder) != NULL);
    EXPECT(closedir(folder) == 0);
    EXPECT(unlink("symlink") == 0);
    EXPECT(unlink("folder/link") == 0);
    EXPECT(unlink("folder/renamed") == 0);
    EXPECT(rmdir("folder") == 0);
}

static void use_memory(void) {
    for (int each = 0; each < 64; each++) {
        volatile char *memory = malloc(1 << 20);
        EXPECT(memory != NULL);
        memory[0] = memory[(1 << 20) - 1] = 1;
    }
}

int main(int number, char **words) {
    EXPECT(number == 2 && chdir(words[1]) == 0);
    use_clocks();
    use_random_numbers();
    use_poll();
    use_one_file();
    use_names();
    use_directories();
    use_memory();
    printf("%d failures\n", failures);
    return failures != 0;
}
