// A command of many uses, for WASI preview 1. Several in a row are separated by the word "then":
//
//   tool write /data/note hello then cat /data/note then exit 3
//
// One that fails says why on the standard error, and the tool exits with 1.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

extern char **environ;

static _Noreturn void fail(const char *subject) {
    fprintf(stderr, "tool: %s: %s\n", subject, strerror(errno));
    exit(1);
}

static void check(bool succeeded, const char *subject) {
    if (!succeeded)
        fail(subject);
}

static void copy_to_stdout(int file, const char *subject) {
    char buffer[4096];
    ssize_t length;
    while ((length = read(file, buffer, sizeof buffer)) > 0)
        check(write(STDOUT_FILENO, buffer, length) == length, "standard output");
    check(length == 0, subject);
}

static void put(const char *path, const char *text, int how) {
    int file = open(path, O_WRONLY | O_CREAT | how, 0644);
    check(file >= 0, path);
    check(write(file, text, strlen(text)) == (ssize_t)strlen(text), path);
    check(close(file) == 0, path);
}

static void pause_for(double seconds) {
    struct timespec left = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0)
        check(errno == EINTR, "sleep");
}

// ---- what it can do: each takes its own arguments --------------------------------------------------------------

static void print_arguments(char **words) {
    for (; *words != NULL; words++)
        puts(*words);
}

static void print_environment(char **words) {
    (void)words;
    print_arguments(environ);
}

static void print_error(char **words) {
    fprintf(stderr, "%s\n", words[0]);
}

static void print_text(char **words) {
    fputs(words[0], stdout);
}

static void print_file(char **words) {
    int file = open(words[0], O_RDONLY);
    check(file >= 0, words[0]);
    copy_to_stdout(file, words[0]);
    close(file);
}

static void write_file(char **words) {
    put(words[0], words[1], O_TRUNC);
}

static void append_to_file(char **words) {
    put(words[0], words[1], O_APPEND);
}

static void fill_file(char **words) {
    static char block[4096];
    int file = open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    check(file >= 0, words[0]);
    for (long left = atol(words[1]); left > 0; left -= sizeof block)
        check(write(file, block, sizeof block) == sizeof block, words[0]);
    check(close(file) == 0, words[0]);
}

static void make_directory(char **words) {
    check(mkdir(words[0], 0755) == 0, words[0]);
}

static void remove_file(char **words) {
    check(unlink(words[0]) == 0, words[0]);
}

static void rename_file(char **words) {
    check(rename(words[0], words[1]) == 0, words[0]);
}

static void make_symlink(char **words) {
    check(symlink(words[0], words[1]) == 0, words[1]);
}

static int visible(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void list_directory(char **words) {
    struct dirent **entries;
    int number = scandir(words[0], &entries, visible, alphasort);
    check(number >= 0, words[0]);
    for (int each = 0; each < number; each++)
        puts(entries[each]->d_name);
}

static void print_kind(char **words) {
    struct stat found;
    check(lstat(words[0], &found) == 0, words[0]);
    const char *kind = S_ISDIR(found.st_mode) ? "directory" : S_ISLNK(found.st_mode) ? "symlink" : "file";
    printf("%s %lld\n", kind, (long long)found.st_size);
}

static void echo(char **words) {
    (void)words;
    copy_to_stdout(STDIN_FILENO, "standard input");
    puts("end of input");
}

static void print_whether_terminal(char **words) {
    (void)words;
    for (int file = 0; file < 3; file++)
        printf("%d %s\n", file, isatty(file) ? "terminal" : "no terminal");
}

static void sleep_for(char **words) {
    pause_for(atof(words[0]));
}

static void await_file(char **words) {
    while (access(words[0], F_OK) != 0) {
        check(errno == ENOENT, words[0]);
        pause_for(0.05);
    }
}

static bool holds(const char *path, const char *text) {
    char content[4096];
    int file = open(path, O_RDONLY);
    if (file < 0 && errno == ENOENT)
        return false;
    check(file >= 0, path);
    ssize_t length = read(file, content, sizeof content - 1);
    check(length >= 0, path);
    close(file);
    content[length] = '\0';
    return strstr(content, text) != NULL;
}

static void await_text(char **words) {
    while (!holds(words[0], words[1]))
        pause_for(0.05);
}

static void count(char **words) {
    for (long number = 1;; number++) {
        printf("%ld\n", number);
        fflush(stdout);
        pause_for(atof(words[0]));
    }
}

static void flood(char **words) {
    long lines = atol(words[0]);
    for (long number = 0; number < lines; number++)
        printf("line %ld\n", number);
}

static void print_long_line(char **words) {
    for (long left = atol(words[0]); left > 0; left--)
        putchar('x');
    putchar('\n');
}

static void allocate(char **words) {
    long mebibytes = atol(words[0]);
    for (long each = 0; each < mebibytes; each++) {
        volatile char *memory = malloc(1 << 20); // else the compiler leaves it all out
        check(memory != NULL, "memory");
        for (long place = 0; place < 1 << 20; place += 4096)
            memory[place] = 1;
    }
    printf("allocated %ld MiB\n", mebibytes);
}

static void compute(char **words) {
    (void)words;
    for (volatile unsigned long number = 0;; number++)
        ;
}

static void end(char **words) {
    exit(atoi(words[0]));
}

__attribute__((noinline)) static void give_up(void) {
    __builtin_trap();
}

static void trap(char **words) {
    (void)words;
    fflush(stdout);
    give_up();
}

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **words);
    const char *usage;
} COMMANDS[] = {
    {"alloc", 1, allocate, "MIB"},
    {"append", 2, append_to_file, "FILE TEXT"},
    {"args", 0, print_arguments, "WORD..."},
    {"await", 1, await_file, "FILE"},
    {"busy", 0, compute, ""},
    {"cat", 1, print_file, "FILE"},
    {"count", 1, count, "SECONDS"},
    {"echo", 0, echo, ""},
    {"env", 0, print_environment, ""},
    {"err", 1, print_error, "TEXT"},
    {"exit", 1, end, "STATUS"},
    {"expect", 2, await_text, "FILE TEXT"},
    {"fill", 2, fill_file, "FILE BYTES"},
    {"flood", 1, flood, "LINES"},
    {"kind", 1, print_kind, "PATH"},
    {"line", 1, print_long_line, "BYTES"},
    {"link", 2, make_symlink, "TARGET PATH"},
    {"rename", 2, rename_file, "FILE PATH"},
    {"ls", 1, list_directory, "DIRECTORY"},
    {"mkdir", 1, make_directory, "DIRECTORY"},
    {"print", 1, print_text, "TEXT"},
    {"rm", 1, remove_file, "FILE"},
    {"sleep", 1, sleep_for, "SECONDS"},
    {"trap", 0, trap, ""},
    {"tty", 0, print_whether_terminal, ""},
    {"write", 2, write_file, "FILE TEXT"},
};

static _Noreturn void explain(void) {
    for (size_t each = 0; each < LENGTH(COMMANDS); each++)
        fprintf(stderr, "tool %s %s\n", COMMANDS[each].name, COMMANDS[each].usage);
    exit(2);
}

static void run(char **words, int number) {
    for (size_t each = 0; number > 0 && each < LENGTH(COMMANDS); each++)
        if (strcmp(words[0], COMMANDS[each].name) == 0 && number > COMMANDS[each].arguments) {
            COMMANDS[each].run(words + 1);
            fflush(stdout);
            return;
        }
    explain();
}

int main(int number, char **words) {
    (void)number;
    for (char **start = words + 1, **end = start;; end++) {
        bool last = *end == NULL;
        if (!last && strcmp(*end, "then") != 0)
            continue;
        *end = NULL;
        run(start, (int)(end - start));
        if (last)
            return 0;
        start = end + 1;
    }
}
