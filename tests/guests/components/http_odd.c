// A wasi:http handler that does what few do, each by its path: `/early` ends the body before it answers; `/rethought`
// writes one response and gives another; `/status` with `?STATUS` writes a body before it answers with that;
// `/goes-on` never ends after its whole answer; `/skips` asks for trailers without reading the body; every other
// leaves it unread; `/stale-request`, `/stale-body` and `/twice` use what is gone; `/short` and `/long` write less and
// more than they say; `/unfinished` drops its body; `/breaks` traps in the middle of it; `/refuses` answers by an error;
// `/hungry` takes all memory.

#include <stddef.h>
#include <stdint.h>

#define HTTP(name) __attribute__((import_module("wasi:http/types@0.2.12"), import_name(name)))
#define STREAMS(name) __attribute__((import_module("wasi:io/streams@0.2.12"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

typedef int32_t handle;

struct one {
    uint8_t tag;
    handle value;
};
struct bytes {
    uint8_t tag;
    char *start;
    size_t size;
};
struct large {
    uint64_t words[8];
};

HTTP("[constructor]fields") handle fields_new(void);
HTTP("[method]fields.append")
void fields_append(handle, const char *name, size_t, const char *value, size_t, struct large *);
HTTP("[method]incoming-request.path-with-query") void request_path(handle, struct bytes *);
HTTP("[method]incoming-request.consume") void request_consume(handle, struct one *);
HTTP("[static]incoming-body.finish") handle incoming_finish(handle);
HTTP("[method]future-trailers.get") void trailers_get(handle, struct large *);
HTTP("[constructor]outgoing-response") handle response_new(handle fields);
HTTP("[method]outgoing-response.set-status-code") int32_t response_set_status(handle, int32_t);
HTTP("[method]outgoing-response.body") void response_body(handle, struct one *);
HTTP("[method]outgoing-body.write") void body_write(handle, struct one *);
HTTP("[static]outgoing-body.finish") void body_finish(handle, int32_t, handle trailers, struct large *);
HTTP("[static]response-outparam.set")
void outparam_set(handle, int32_t, handle, int32_t, int64_t, int32_t, int32_t, int32_t, int32_t);
HTTP("[resource-drop]incoming-request") void request_drop(handle);
HTTP("[resource-drop]outgoing-response") void response_drop(handle);
HTTP("[resource-drop]outgoing-body") void body_drop(handle);
STREAMS("[method]output-stream.blocking-write-and-flush")
void stream_write(handle, const char *, size_t, struct large *);
STREAMS("[resource-drop]output-stream") void output_drop(handle);

enum { HEAP = 256 << 10, PAGES = 16 };

static char heap[HEAP] __attribute__((aligned(16)));
static size_t used;

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)old, (void)old_size;
    size_t start = (used + alignment - 1) & -alignment;
    if (start + size > HEAP)
        __builtin_trap();
    used = start + size;
    return heap + start;
}

static int is(const struct bytes *path, const char *name) {
    size_t i = 0;
    while (name[i] && i < path->size && path->start[i] == name[i])
        i++;
    return !name[i] && (i == path->size || path->start[i] == '?');
}

static int number_in_query(const struct bytes *path) {
    int number = 0;
    for (size_t i = 0; i < path->size; i++)
        if (path->start[i] >= '0' && path->start[i] <= '9')
            number = number * 10 + (path->start[i] - '0');
    return number;
}

struct answer {
    handle response, body, output;
};

static struct answer begin(const char *length) {
    struct answer answer;
    struct large ignored;
    struct one made;
    handle fields = fields_new();
    if (length)
        fields_append(fields, "content-length", 14, length, 1, &ignored);
    answer.response = response_new(fields);
    response_body(answer.response, &made);
    answer.body = made.value;
    body_write(answer.body, &made);
    answer.output = made.value;
    return answer;
}

static void say(struct answer answer, const char *text) {
    struct large ignored;
    size_t size = 0;
    while (text[size])
        size++;
    stream_write(answer.output, text, size, &ignored);
}

static void give(handle out, struct answer answer) { outparam_set(out, 0, answer.response, 0, 0, 0, 0, 0, 0); }

static void end(struct answer answer) {
    struct large ignored;
    output_drop(answer.output);
    body_finish(answer.body, 0, 0, &ignored);
}

static void take_memory(void) {
    while (__builtin_wasm_memory_grow(0, PAGES) != (size_t)-1) {
        char *page = (char *)(__builtin_wasm_memory_size(0) * 65536);
        for (size_t i = 1; i <= PAGES * 65536; i += 4096)
            *(volatile char *)(page - i) = 1;
    }
}

static void skip_body(handle request) {
    struct one body;
    struct large trailers;
    request_consume(request, &body);
    trailers_get(incoming_finish(body.value), &trailers);
}

static void rethink(void) {
    struct answer first = begin(0);
    say(first, "what nobody is to see\n");
    output_drop(first.output);
    body_drop(first.body);
    response_drop(first.response);
}

EXPORT("wasi:http/incoming-handler@0.2.12#handle") void handle_request(handle request, handle out) {
    struct bytes path;
    request_path(request, &path);
    if (is(&path, "/refuses")) {
        outparam_set(out, 1, 38, 0, 0, 0, 0, 0, 0);
        return;
    }
    if (is(&path, "/hungry"))
        take_memory();
    if (is(&path, "/skips"))
        skip_body(request);
    if (is(&path, "/rethought"))
        rethink();
    struct answer answer = begin(is(&path, "/short") ? "9" : is(&path, "/long") ? "1" : 0);
    if (is(&path, "/early")) {
        say(answer, "early\n");
        end(answer);
        give(out, answer);
        return;
    }
    if (is(&path, "/status")) {
        response_set_status(answer.response, number_in_query(&path));
        say(answer, "body\n");
    }
    give(out, answer);
    if (is(&path, "/stale-request")) {
        request_drop(request);
        request_path(request, &path);
    }
    if (is(&path, "/twice"))
        give(out, answer);
    say(answer, "odd\n");
    if (is(&path, "/breaks")) {
        for (int pieces = 0; pieces < 50000; pieces++)
            say(answer, "piece\n");
        __builtin_trap();
    }
    if (is(&path, "/unfinished")) {
        output_drop(answer.output);
        body_drop(answer.body);
        return;
    }
    end(answer);
    if (is(&path, "/stale-body"))
        body_drop(answer.body);
    if (is(&path, "/goes-on"))
        for (volatile int turns = 0;; turns++)
            ;
}
