// A wasi:http handler that does what few do, each by its path: `/early` ends the body before it answers; `/rethought`
// writes one response and gives another; `/status` with `?STATUS` writes a body before it answers with that;
// `/goes-on` never ends after its whole answer; `/skips` asks for trailers without reading the body; every other
// leaves it unread; `/stale-request`, `/stale-body` and `/twice` use what is gone; `/short` and `/long` write less and
// more than they say; `/unfinished` drops its body; `/breaks` traps in the middle of it; `/refuses` answers by an error;
// `/writes-on` does so for 100 MB after the end of its body; `/unflushed` ends it without waiting for what it has written;
// `/hungry` takes all memory; `/grants` tells which sockets it may have; `/remembers` what an instance before has left.

#include "handler.h"

#define SOCKETS(interface, name) IMPORT("wasi:sockets/" interface, name)

HTTP("[static]incoming-body.finish") handle incoming_finish(handle);
HTTP("[method]future-trailers.get") void trailers_get(handle, struct failure *);
HTTP("[resource-drop]outgoing-response") void response_drop(handle);
HTTP("[resource-drop]outgoing-body") void body_drop(handle);
STREAMS("[method]output-stream.check-write") void stream_room(handle, struct failure *);
STREAMS("[method]output-stream.write") void stream_write_soon(handle, const char *, size_t, struct failure *);
STREAMS("[method]output-stream.blocking-write-and-flush")
void stream_write(handle, const char *, size_t, struct failure *);
SOCKETS("instance-network", "instance-network") handle network(void);
SOCKETS("tcp-create-socket", "create-tcp-socket") void tcp_new(int32_t family, struct one *);
SOCKETS("udp-create-socket", "create-udp-socket") void udp_new(int32_t family, struct one *);
SOCKETS("ip-name-lookup", "resolve-addresses") void look_up(handle network, const char *, size_t, struct one *);

enum { PAGES = 16, PIECE = 4096, PIECES = 25000 };

struct answer {
    handle response, body, output;
};

static struct answer begin(const char *length) {
    struct answer answer;
    struct failure ignored;
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
    struct failure ignored;
    size_t size = 0;
    while (text[size])
        size++;
    stream_write(answer.output, text, size, &ignored);
}

static void give(handle out, struct answer answer) { outparam_set(out, 0, answer.response, 0, 0, 0, 0, 0, 0); }

static void end(struct answer answer) {
    struct failure ignored;
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
    struct failure trailers;
    request_consume(request, &body);
    trailers_get(incoming_finish(body.value), &trailers);
}

static void write_on(struct answer answer) {
    static const char piece[PIECE];
    struct failure failure;
    body_finish(answer.body, 0, 0, &failure);
    for (int pieces = 0; pieces < PIECES; pieces++) {
        stream_write(answer.output, piece, PIECE, &failure);
        if (*(uint8_t *)&failure)
            return;
    }
}

// Of a TCP socket, a UDP socket and the look-up of a name, whether each is granted.
static const char *grants(void) {
    static char told[] = "tcp - udp - name -\n";
    struct one tcp, udp, name;
    tcp_new(0, &tcp);
    udp_new(0, &udp);
    look_up(network(), "localhost", 9, &name);
    told[4] = tcp.tag ? '-' : '+';
    told[10] = udp.tag ? '-' : '+';
    told[17] = name.tag ? '-' : '+';
    return told;
}

// Marks its memory, what it had from the beginning and what has grown, and tells whether it was marked already.
static const char *remembered(void) {
    static volatile char own;
    char found = own;
    own = 1;
    volatile char *grown = (char *)(__builtin_wasm_memory_grow(0, PAGES) * 65536);
    for (size_t i = 0; i < PAGES * 65536; i += 4096) {
        found |= grown[i];
        grown[i] = 1;
    }
    return found ? "something\n" : "nothing\n";
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
    if (is(&path, "/unflushed")) {
        struct failure ignored;
        stream_room(answer.output, &ignored);
        stream_write_soon(answer.output, "odd\n", 4, &ignored);
        end(answer);
        return;
    }
    if (is(&path, "/stale-request")) {
        request_drop(request);
        request_path(request, &path);
    }
    if (is(&path, "/twice"))
        give(out, answer);
    say(answer, is(&path, "/grants") ? grants() : is(&path, "/remembers") ? remembered() : "odd\n");
    if (is(&path, "/breaks")) {
        for (int pieces = 0; pieces < 50000; pieces++)
            say(answer, "piece\n");
        __builtin_trap();
    }
    if (is(&path, "/writes-on")) {
        write_on(answer);
        return;
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
