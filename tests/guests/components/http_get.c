// A command that makes one HTTP call and imports no sockets: `http_get AUTHORITY PATH [https]` prints the answer's status,
// or the number of the error code in its interface.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP(name) __attribute__((import_module("wasi:http/types@0.2.12"), import_name(name)))
#define OUTGOING(name) __attribute__((import_module("wasi:http/outgoing-handler@0.2.12"), import_name(name)))
#define POLL(name) __attribute__((import_module("wasi:io/poll@0.2.12"), import_name(name)))

typedef int32_t handle;

// result<own<T>, error-code>, and the same in a result in an option, as the host stores them
struct answer {
    uint8_t is_error;
    union {
        handle value;
        uint8_t code;
        uint64_t room[4];
    } of __attribute__((aligned(8)));
};
struct answered {
    uint64_t is_there, was_taken;
    struct answer answer;
};

HTTP("[constructor]fields") handle fields_new(void);
HTTP("[constructor]outgoing-request") handle request_new(handle fields);
HTTP("[method]outgoing-request.set-scheme") int32_t set_scheme(handle, int32_t, int32_t, const char *, size_t);
HTTP("[method]outgoing-request.set-authority") int32_t set_authority(handle, int32_t, const char *, size_t);
HTTP("[method]outgoing-request.set-path-with-query") int32_t set_path(handle, int32_t, const char *, size_t);
OUTGOING("handle") void call(handle request, int32_t, handle options, struct answer *);
HTTP("[method]future-incoming-response.subscribe") handle subscribe(handle);
HTTP("[method]future-incoming-response.get") void take(handle, struct answered *);
HTTP("[method]incoming-response.status") int32_t status(handle);
POLL("[method]pollable.block") void block(handle);

// For what an error code has with it.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t from, size_t alignment, size_t size) {
    (void)from, (void)alignment;
    return realloc(old, size);
}

int main(int count, char **words) {
    if (count < 3)
        return 1;
    handle request = request_new(fields_new());
    set_scheme(request, 1, count > 3, 0, 0);
    set_authority(request, 1, words[1], strlen(words[1]));
    set_path(request, 1, words[2], strlen(words[2]));
    struct answer future;
    call(request, 0, 0, &future);
    if (future.is_error) {
        printf("error %d\n", future.of.code);
        return 1;
    }
    struct answered answered;
    block(subscribe(future.of.value));
    take(future.of.value, &answered);
    if (answered.answer.is_error)
        printf("error %d\n", answered.answer.of.code);
    else
        printf("status %d\n", (int)status(answered.answer.of.value));
    return 0;
}
