package applets

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"wasmlet.dev/toolbox/program"
)

// What busybox has not, or differs in.
func TestAwk(t *testing.T) {
	refused := result{2, "", "awk: " + awkRunsNothing + "\n"}
	for _, each := range []struct {
		words    []string
		expected result
	}{
		{[]string{"{ print length, toupper(substr($0, 2, 1)), ENVIRON[\"A\"], ARGV[0] }"}, result{0, "3 Ö 1 awk\n", ""}},
		{[]string{"-vx=a\\tb", "-v", "y=1\n2", "-Fö", "{ print x, y, $2, z }", "z=c\\\\d", "-"}, result{0, "a\tb 1\n2 ü c\\d\n", ""}},
		{[]string{"-Ft", "BEGIN { print FS \"|\" }"}, result{0, "\t|\n", ""}},
		{[]string{"BEGIN { getline x < \"-\"; print x; print x > \"/dev/stderr\" }"}, result{0, "äöü\n", "äöü\n"}},
		{[]string{"BEGIN { while ((getline line < \"/dev/stdin\") > 0) print line, \"/dev/stdin\" }"}, result{0, "äöü /dev/stdin\n", ""}},
		{[]string{"BEGIN { print \"before\"; print 1 / 0 }"}, result{2, "before\n", "awk: division by zero\n"}},
		{[]string{"1", "missing"}, result{2, "", "awk: missing: No such file or directory\n"}},
		{[]string{"BEGIN { print }", "missing"}, result{0, "\n", ""}},
		{[]string{"BEGIN { print > \"missing/x\" }"}, result{2, "", "awk: output redirection error: open missing/x: no such file or directory\n"}},
		{[]string{"BEGIN { system(\"ls\") }"}, refused},
		{[]string{"BEGIN { print | \"sort\" }"}, refused},
		{[]string{"BEGIN { \"pwd\" | getline }"}, refused},
		{[]string{"BEGIN {"}, result{1, "", "awk: parse error at 1:8: expected } instead of EOF\n"}},
	} {
		if got := run(t.TempDir(), "äöü\n", append([]string{"awk"}, each.words...)...); got != each.expected {
			t.Errorf("%q: %+v, not %+v", each.words, got, each.expected)
		}
	}
}

// awkBeside starts one that somebody types for.
func awkBeside(ctx context.Context, dir, text string) (typed *io.PipeWriter, shown *io.PipeReader, ended chan int) {
	input, typed := io.Pipe()
	shown, output := io.Pipe()
	process := &program.Process{Context: ctx, Args: []string{"awk", text}, Dir: dir, Stdin: input, Stdout: output, Stderr: output}
	ended = make(chan int, 1)
	go func() {
		ended <- program.Run(awkMain, process)
		output.Close()
	}()
	return typed, shown, ended
}

func TestAwkShowsALineBeforeItWaitsForTheNext(t *testing.T) {
	typed, shown, ended := awkBeside(context.Background(), "/", "{ print }")
	for _, line := range []string{"a\n", "b\n"} {
		io.WriteString(typed, line)
		seen := make([]byte, len(line))
		if io.ReadFull(shown, seen); string(seen) != line {
			t.Errorf("%q, not %q", seen, line)
		}
	}
	typed.Close()
	if status := <-ended; status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestAwksAtATimeHaveOneDirectory(t *testing.T) {
	dir := t.TempDir()
	typed, shown, ended := awkBeside(context.Background(), dir, `{ print > "kept"; print }`)
	io.WriteString(typed, "a\n")
	shown.Read(make([]byte, 2))
	elsewhere := run(t.TempDir(), "", "awk", "BEGIN { print }")
	if elsewhere.status != awkFailed || !strings.HasPrefix(elsewhere.err, "awk: another awk runs in "+dir+", ") {
		t.Errorf("%+v", elsewhere)
	}
	if there := run(dir, "", "awk", "BEGIN { print }"); there.status != 0 {
		t.Errorf("%+v", there)
	}
	typed.Close()
	<-ended
	if kept, _ := os.ReadFile(dir + "/kept"); !bytes.Equal(kept, []byte("a\n")) {
		t.Errorf("%q", kept)
	}
	if then := run(t.TempDir(), "", "awk", "BEGIN { print }"); then.status != 0 {
		t.Errorf("%+v", then)
	}
}

func TestAnEndlessAwkCanBeEnded(t *testing.T) {
	for _, text := range []string{"BEGIN { while (1) x++ }", "BEGIN { for (;;); }", "function f() { f() } BEGIN { while (1) print > \"/dev/null\" }"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		_, _, ended := awkBeside(ctx, "/", text)
		if status := <-ended; status != program.Terminated {
			t.Errorf("%s: %d", text, status)
		}
		cancel()
	}
}
