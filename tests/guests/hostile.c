// A guest that looks for a way out.
//
//   hostile escape HOST_PATH   every way to the file of the host that it knows; says which one led there
//   hostile swap               in /data, changes "door" from a directory into a symlink that leads out, and back, for ever
//   hostile enter TIMES        opens "/data/door/secret" so often, and on until it has found it and not found it;
//                              says what it found there
//   hostile open               as many files as it gets

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

#define OUTSIDE "outside"
#define LONG (1 << 20)

static int ways_out;
static char text[4096];

static const char *content_of(int file) {
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[length < 0 ? 0 : length] = 0;
    return text;
}

static void look(int file, const char *way) {
    if (strncmp(content_of(file), OUTSIDE, strlen(OUTSIDE)) == 0) {
        printf("out by %s\n", way);
        ways_out++;
    }
}

static void try_path(const char *path) { look(open(path, O_RDONLY), path); }

static void try_symlink(const char *target) {
    unlink("/data/symlink");
    if (symlink(target, "/data/symlink") != 0)
        return;
    try_path("/data/symlink");
    try_path("/data/symlink/secret");
    try_path("/data/symlink/../secret");
    if (linkat(AT_FDCWD, "/data/symlink", AT_FDCWD, "/data/hard", AT_SYMLINK_FOLLOW) == 0)
        try_path("/data/hard");
    int below = open("/data/symlink", O_RDONLY | O_DIRECTORY);
    if (below >= 0)
        look(openat(below, "secret", O_RDONLY), "a directory behind a symlink");
}

static void try_hard_link(const char *path) {
    unlink("/data/hard");
    if (link(path, "/data/hard") == 0)
        try_path("/data/hard");
    if (rename(path, "/data/hard") == 0)
        try_path("/data/hard");
}

__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) int path_open_raw(
    int directory, int lookup_flags, const char *path, size_t length, int open_flags, uint64_t rights,
    uint64_t inherited_rights, int flags, int *file);

// Without the C library, which has its own idea of paths.
static void try_raw(int directory, const char *path, size_t length) {
    int file;
    for (int follow = 0; follow < 2; follow++)
        if (path_open_raw(directory, follow, path, length, 0, __WASI_RIGHTS_FD_READ, 0, 0, &file) == 0)
            look(file, "a raw path");
}

static void try_climbing(const char *path) {
    static char climbing[LONG];
    for (int levels = 1; levels < 40; levels++) {
        climbing[0] = 0;
        for (int each = 0; each < levels; each++)
            strcat(climbing, "../");
        strcat(climbing, path + 1);
        try_path(climbing);
        try_symlink(climbing);
        for (int directory = 3; directory < 8; directory++)
            try_raw(directory, climbing, strlen(climbing));
    }
}

static void try_long_paths(const char *path) {
    static char way[LONG];
    for (size_t length = 16; length < sizeof way; length *= 2) {
        memset(way, '/', length);
        strcpy(way + length - strlen(path) - 1, path);
        try_path(way);
        memset(way, 'x', length - 1);
        way[length - 1] = 0;
        try_path(way);
        for (size_t each = 0; each + 3 < length; each += 3)
            memcpy(way + each, "../", 3);
        try_path(way);
        try_raw(3, way, length);
    }
}

static void try_descriptors(void) {
    for (int descriptor = 3; descriptor < 4096; descriptor++) {
        char name[64];
        snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
        try_path(name);
        snprintf(name, sizeof name, "/dev/fd/%d", descriptor);
        try_path(name);
        try_raw(descriptor, "secret", 6);
        try_raw(descriptor, "../secret", 9);
        if (descriptor > 3)
            look(descriptor, "a descriptor of others");
    }
}

static void escape(const char *path) {
    static const char *const MAGIC[] = {"/proc/self/root", "/proc/1/root", "/proc/self/cwd", "/proc/1/cwd", "/dev/fd/3",
                                        "/proc/self/fd/3", "/proc/thread-self/root", "/sys", "/", "/..", ".."};
    char name[8192];
    mkdir("/data/below", 0755);
    snprintf(name, sizeof name, "/data/../%s", path);
    try_path(name);
    try_path(path);
    try_path("/data/../secret");
    try_path("/data/below/../../secret");
    try_symlink(path);
    try_hard_link(path);
    try_hard_link("/data/../secret");
    for (size_t each = 0; each < sizeof MAGIC / sizeof MAGIC[0]; each++) {
        try_symlink(MAGIC[each]);
        snprintf(name, sizeof name, "%s%s", MAGIC[each], path);
        try_path(name);
        try_symlink(name);
    }
    try_raw(3, path, strlen(path));
    try_raw(3, "data\0/../secret", 15);
    try_climbing(path);
    try_long_paths(path);
    try_descriptors();
    printf("%d ways out\n", ways_out);
}

static void swap(void) {
    chdir("/data");
    for (;;) {
        rename("door", "room");
        rename("trap", "door");
        rename("door", "trap");
        rename("room", "door");
    }
}

static void enter(long times) {
    long inside = 0;
    for (long each = 0; each < times || inside == 0 || inside == each; each++) {
        const char *found = content_of(open("/data/door/secret", O_RDONLY));
        inside += strncmp(found, "inside", 6) == 0;
        look(open("/data/door/../secret", O_RDONLY), "a door");
        if (strncmp(found, OUTSIDE, strlen(OUTSIDE)) == 0)
            ways_out++;
    }
    printf("inside and not, %d ways out\n", ways_out);
}

static void open_many(void) {
    long opened = 0;
    while (open("/data", O_RDONLY) >= 0)
        opened++;
    printf("%s, and %s\n", strerror(errno), opened > 1000 && opened < 65536 ? "not before" : "too late");
}

int main(int number, char **words) {
    if (number == 3 && strcmp(words[1], "escape") == 0)
        escape(words[2]);
    else if (strcmp(words[1], "swap") == 0)
        swap();
    else if (number == 3 && strcmp(words[1], "enter") == 0)
        enter(atol(words[2]));
    else
        open_many();
    return ways_out != 0;
}
