package awk

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"wasmlet.dev/toolbox/program"
)

func run(ctx context.Context, text, input string) (status int, out string) {
	var output bytes.Buffer
	process := &program.Process{
		Context: ctx, Args: []string{"awk"}, Dir: "/", Stdin: strings.NewReader(input), Stdout: &output, Stderr: &output,
	}
	parsed, err := Parse(text)
	if err != nil {
		return 1, err.Error()
	}
	status = program.Run(func(*program.Process) int {
		return Execute(parsed, Setting{Process: process, Run: func(*program.Process) int { return 7 }}, nil, nil)
	}, process)
	return status, output.String()
}

// What busybox has not, or differs in from POSIX.
func TestPrograms(t *testing.T) {
	for text, expected := range map[string]string{
		`BEGIN { print 2^3^2, -2^2, 2**3, 2^-1; x = 5; x ^= 2; print x }`:                                                             "512 -4 8 0.5\n25\n",
		`BEGIN { print sqrt(16), exp(0), log(1), sin(0), cos(0), atan2(0, -1), exp("x") }`:                                            "4 1 0 0 1 3.14159 1\n",
		`BEGIN { print substr("hello", 0, 2) "|" substr("hello", 1.5, 1) "|" substr("äöü", 2, 1), length("äöü"), index("äöü", "ü") }`: "h|e|ö 3 3\n",
		`BEGIN { print 010 + 0, "0x11" + 0, 0x11, log(-1), -log(0); printf "%d %5s|%x\n", 2^53, -log(0), -1 }`:                        "10 0 17 nan inf\n9007199254740992   inf|ffffffffffffffff\n",
		`BEGIN { if (match("key=val", /(.*)=(.*)/, m)) print m[1], m[2], m[0] }`:                                                      "key val key=val\n",
		`function f(a) { a["x"] = 1 } BEGIN { f(b); f(b); print length(b); g() } function g() { exit 3 } END { print "end" }`:         "1\nend\n",
		`BEGIN { print "a" > "/dev/stderr"; printf "%c%c", "", 256; print length(sprintf("%3c", "é")) }`:                              "a\nĀ3\n",
		`BEGIN { print "a*b" ~ /a\*b/, "ab" ~ /a**b/, "(" ~ /\(/, "a]" ~ /[\]]/, "é" ~ /^.$/, "a\nb" ~ /a.b/, "x" ~ /[/]|x/ }`:        "1 1 1 1 1 1 1\n",
		`{ print $(NF - 1), $NF--, $NF } /b/ { nextfile }`:                                                                            "a 2 1\nb 3 2\n",
		`BEGIN { print length(x), length(y) ; x["a"] }`:                                                                               "0 0\n",
		`BEGIN { return 1 }`:                               "line 1: syntax error near 1",
		`BEGIN { print (1, 2) "x" }`:                       "line 1: syntax error near x",
		"BEGIN {\n\nprint f(1) }":                          "line 3: there is no function f",
		`BEGIN { print "x }`:                               "line 1: a text has no end",
		`/x`:                                               "line 1: a regular expression has no end",
		`BEGIN { substr("x") }`:                            "line 1: substr is given 1 arguments",
		`BEGIN { x[1] = 1; print x }`:                      "awk: an array is used as a scalar\n",
		`BEGIN { x = 1; x[1] = 1 }`:                        "awk: a scalar is used as an array\n",
		`BEGIN { print "x" ~ "(" }`:                        "awk: bad regular expression /(/: missing closing ): `(?s)(`\n",
		`BEGIN { print 1 % 0 }`:                            "awk: division by zero\n",
		`function f(n) { return f(n + 1) } BEGIN { f(1) }`: "awk: function f is called within itself too often\n",
		`BEGIN { $(-1) = 1 }`:                              "awk: there is no field -1\n",
		`BEGIN { NF = 1e9 }`:                               "awk: a record cannot have 1000000000 fields\n",
	} {
		if _, out := run(context.Background(), text, "a 2\nb 3\n"); out != expected {
			t.Errorf("%s: %q, not %q", text, out, expected)
		}
	}
}

func TestAnEndlessProgramCanBeEnded(t *testing.T) {
	for _, text := range []string{"BEGIN { while (1) x++ }", "BEGIN { for (;;); }", "BEGIN { do x = 1; while (1) }", "{ while (1) print }"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		if status, _ := run(ctx, text, "x"); status != program.Terminated {
			t.Errorf("%s: %d", text, status)
		}
		cancel()
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`function f(a) { return a[1] } /x/,/y/ { print $1 > "f"; getline < "x" } END { for (k in a) delete a[k] }`)
	f.Fuzz(func(_ *testing.T, text string) { Parse(text) })
}
