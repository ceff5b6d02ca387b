// What handlers in C share: wasi:http by the component model's binary interface, without a C library.

#include <stddef.h>
#include <stdint.h>

#define IMPORT(interface, name) __attribute__((import_module(interface "@0.2.12"), import_name(name)))
#define HTTP(name) IMPORT("wasi:http/types", name)
#define STREAMS(name) IMPORT("wasi:io/streams", name)
#define POLL(name) IMPORT("wasi:io/poll", name)
#define EXPORT(name) __attribute__((export_name(name)))

typedef int32_t handle;

// result<own<T>>, and result<list<u8>, stream-error> or option<string>, as the host stores them; and room for every
// result whose error has more to it.
struct one {
    uint8_t tag;
    handle value;
};
struct bytes {
    uint8_t tag;
    char *start;
    size_t size;
};
struct failure {
    uint64_t words[8];
};

HTTP("[constructor]fields") handle fields_new(void);
HTTP("[method]fields.append")
void fields_append(handle, const char *name, size_t, const char *value, size_t, struct failure *);
HTTP("[method]incoming-request.path-with-query") void request_path(handle, struct bytes *);
HTTP("[method]incoming-request.consume") void request_consume(handle, struct one *);
HTTP("[resource-drop]incoming-request") void request_drop(handle);
HTTP("[constructor]outgoing-response") handle response_new(handle fields);
HTTP("[method]outgoing-response.set-status-code") int32_t response_set_status(handle, int32_t);
HTTP("[method]outgoing-response.body") void response_body(handle, struct one *);
HTTP("[method]outgoing-body.write") void body_write(handle, struct one *);
HTTP("[static]outgoing-body.finish") void body_finish(handle, int32_t, handle trailers, struct failure *);
HTTP("[static]response-outparam.set")
void outparam_set(handle, int32_t, handle, int32_t, int64_t, int32_t, int32_t, int32_t, int32_t);
STREAMS("[resource-drop]output-stream") void output_drop(handle);

enum { HEAP = 256 << 10 };

static char heap[HEAP] __attribute__((aligned(16)));
static size_t used;

// What the host gives to the guest: a path, and a body in pieces.
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)old, (void)old_size;
    size_t start = (used + alignment - 1) & -alignment;
    if (start + size > HEAP)
        __builtin_trap();
    used = start + size;
    return heap + start;
}

// Whether the path, its query cut off, is this one.
static int is(const struct bytes *path, const char *name) {
    size_t i = 0;
    while (name[i] && i < path->size && path->start[i] == name[i])
        i++;
    return !name[i] && (i == path->size || path->start[i] == '?');
}

static uint64_t number_in_query(const struct bytes *path) {
    uint64_t number = 0;
    int query = 0;
    for (size_t i = 0; i < path->size; i++) {
        if (query && path->start[i] >= '0' && path->start[i] <= '9')
            number = number * 10 + (path->start[i] - '0');
        query |= path->start[i] == '?';
    }
    return number;
}
