// Tries to change what is at the path of its first argument, a directory with "file" and "folder" in it, in all ways
// that there are, and tells what became of each.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const char *what, int result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

int main(int count, char **words) {
    if (count < 2) return 1;
    tell("enter", chdir(words[1]));
    tell("create", open("new", O_CREAT | O_WRONLY, 0644));
    tell("open for writing", open("file", O_WRONLY));
    tell("truncate", open("file", O_WRONLY | O_TRUNC));
    tell("make directory", mkdir("newer", 0755));
    tell("rename", rename("file", "other"));
    tell("link", link("file", "linked"));
    tell("link symbolically", symlink("file", "pointer"));
    tell("set times", utimensat(AT_FDCWD, "file", NULL, 0));
    tell("remove", unlink("file"));
    tell("remove directory", rmdir("folder"));
    int file = open("file", O_RDONLY);
    tell("set times of open file", futimens(file, NULL));
    int folder = open("folder", O_RDONLY | O_DIRECTORY);
    tell("create below a directory", openat(folder, "deeper", O_CREAT | O_WRONLY, 0644));
    tell("read", open("file", O_RDONLY));
    tell("miss", open("missing", O_RDONLY));
    return 0;
}
