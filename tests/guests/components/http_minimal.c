// The smallest useful wasi:http handler, against the component model's binary interface by hand: no C library, no
// imports but those of HTTP. `/` greets; `/mebibyte` answers 1 MiB; `/bytes` with `?SIZE` answers so many; `/count`
// reads the body and tells its size; `/echo` sends it back; `/trap` traps; `/silent` returns without an answer;
// `/drained` reads the body before it greets; `/spin` never ends.

#include "handler.h"

struct room {
    uint8_t tag;
    uint64_t bytes;
};

HTTP("[method]incoming-body.stream") void body_stream(handle, struct one *);
HTTP("[resource-drop]incoming-body") void incoming_body_drop(handle);
STREAMS("[method]input-stream.blocking-read") void stream_read(handle, int64_t, struct bytes *);
STREAMS("[method]output-stream.check-write") void stream_room(handle, struct room *);
STREAMS("[method]output-stream.write") void stream_write(handle, const char *, size_t, struct failure *);
STREAMS("[method]output-stream.blocking-flush") void stream_flush(handle, struct failure *);
STREAMS("[method]output-stream.subscribe") handle stream_subscribe(handle);
STREAMS("[resource-drop]input-stream") void input_drop(handle);
POLL("[method]pollable.block") void poll_block(handle);
POLL("[resource-drop]pollable") void poll_drop(handle);

enum { PIECE = 64 << 10 };

static char piece[PIECE];

static int write(handle output, const char *bytes, size_t size) {
    while (size) {
        struct room room;
        stream_room(output, &room);
        if (room.tag)
            return 0;
        if (!room.bytes) {
            handle ready = stream_subscribe(output);
            poll_block(ready);
            poll_drop(ready);
            continue;
        }
        size_t part = size < room.bytes ? size : room.bytes;
        struct failure failure;
        stream_write(output, bytes, part, &failure);
        if (*(uint8_t *)&failure)
            return 0;
        bytes += part, size -= part;
    }
    return 1;
}

static void write_number(handle output, uint64_t number) {
    char digits[21], *start = digits + sizeof digits;
    *--start = '\n';
    do
        *--start = '0' + number % 10;
    while (number /= 10);
    write(output, start, digits + sizeof digits - start);
}

// Reads the body to its end; gives it to `output` unless that is negative. Returns its size.
static uint64_t pump(handle request, handle output) {
    struct one body, input;
    request_consume(request, &body);
    body_stream(body.value, &input);
    uint64_t total = 0;
    for (;;) {
        size_t mark = used;
        struct bytes read;
        stream_read(input.value, PIECE, &read);
        if (read.tag)
            break;
        total += read.size;
        if (output >= 0 && !write(output, read.start, read.size))
            break;
        used = mark;
    }
    input_drop(input.value);
    incoming_body_drop(body.value);
    return total;
}

static void answer(handle request, const struct bytes *path, handle output) {
    if (is(path, "/echo"))
        pump(request, output);
    else if (is(path, "/count"))
        write_number(output, pump(request, -1));
    else if (is(path, "/mebibyte") || is(path, "/bytes")) {
        uint64_t left = is(path, "/bytes") ? number_in_query(path) : 1 << 20;
        for (size_t part; left; left -= part) {
            part = left < PIECE ? left : PIECE;
            if (!write(output, piece, part))
                return;
        }
    } else
        write(output, "hello\n", 6);
}

EXPORT("wasi:http/incoming-handler@0.2.12#handle") void handle_request(handle request, handle out) {
    struct bytes path;
    struct failure failure;
    struct one body, output;
    request_path(request, &path);
    if (is(&path, "/trap"))
        __builtin_trap();
    if (is(&path, "/silent"))
        return;
    if (is(&path, "/drained"))
        pump(request, -1);
    if (is(&path, "/spin"))
        for (volatile int spins = 0;; spins++)
            ;
    handle fields = fields_new();
    if (!is(&path, "/echo") && !is(&path, "/mebibyte") && !is(&path, "/bytes"))
        fields_append(fields, "content-type", 12, "text/plain", 10, &failure);
    handle response = response_new(fields);
    response_body(response, &body);
    body_write(body.value, &output);
    outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
    answer(request, &path, output.value);
    stream_flush(output.value, &failure);
    output_drop(output.value);
    body_finish(body.value, 0, 0, &failure);
    request_drop(request);
}
