package shell_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wasmlet.dev/toolbox/applets"
	"wasmlet.dev/toolbox/program"
)

type result struct {
	status   int
	out, err string
}

// run is what a container's `sh ARGS` does in a directory, as started by the runtime: all commands are there.
func run(dir, input string, args ...string) result {
	var out, err bytes.Buffer
	process := &program.Process{
		Context: context.Background(),
		Args:    append([]string{"sh"}, args...),
		Env:     []string{"PATH=/nowhere", "HOME=/", "GREETING=hello"},
		Dir:     dir,
		Stdin:   strings.NewReader(input),
		Stdout:  &out,
		Stderr:  &err,
	}
	process.Programs = program.NewPrograms(applets.All, process)
	status := program.Run(applets.All.Main("sh"), process)
	return result{status, out.String(), err.String()}
}

func TestLanguage(t *testing.T) {
	for script, expected := range map[string]string{
		// words
		`echo "a  b" 'c $d' e\ f`:                   "a  b c $d e f",
		`echo $GREETING ${GREETING}s ${U:-default}`: "hello hellos default",
		`x='a b'; set -- $x; echo $#`:               "2",
		`x='a b'; set -- "$x"; echo $#`:             "1",
		`x=dir/file.txt; echo ${x##*/} ${x%.txt}`:   "file.txt dir/file",
		`x=abc; echo ${#x} ${x:+set} ${y:+set}.`:    "3 set .",
		`echo $((1 + 2 * 3)) $((7 / 2)) $((1 < 2))`: "7 3 1",
		`echo $(echo inner; echo more) and $(:)end`: "inner more and end",
		"echo `echo back`":                          "back",
		`x=$(false); echo $?; x=1; echo $?`:         "1\n0",
		`false; x=$?; echo $x`:                      "1",
		`echo $$ $0`:                                "1 sh",
		`x=1; x+=2; echo $x`:                        "12",
		`X=temporary env | grep ^X=; echo "[$X]"`:   "X=temporary\n[]",
		`unset GREETING; echo "${GREETING-gone}"`:   "gone",
		`export E=1; sh -c 'echo $E'`:               "1",
		`V=1; sh -c 'echo "[$V]"'`:                  "[]",
		`sh -c 'echo $0 $1 $# "$@"' name a 'b c'`:   "name a 2 a b c",
		`set -- a b c; shift 2; echo $1 $#`:         "c 1",

		// lists and conditions
		`true && echo yes || echo no`:                                       "yes",
		`false && echo yes || echo no`:                                      "no",
		`! false && echo $?`:                                                "0",
		`false; echo $?; true; echo $?`:                                     "1\n0",
		`if false; then echo a; elif true; then echo b; fi`:                 "b",
		`if false; then echo a; fi; echo $?`:                                "0",
		`[ 2 -gt 1 -a ! -e /nowhere ] && echo "test"`:                       "test",
		`[ "a b" = "a b" ] && [ -z "" ] && echo strings`:                    "strings",
		`[[ abc == a* && ! abc == b* && x1 =~ ^x[0-9]$ ]] && echo patterns`: "patterns",
		`((1 > 2)) || echo arithmetic`:                                      "arithmetic",

		// loops
		`for i in 1 2 3; do echo -n $i; done`:                                      "123",
		`for i in a "b c"; do echo "<$i>"; done`:                                   "<a>\n<b c>",
		`set -- p q; for i; do echo -n $i; done`:                                   "pq",
		`i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo -n $i; done`:                 "123",
		`i=0; until [ $i = 2 ]; do i=$((i+1)); done; echo $i`:                      "2",
		`for i in 1 2 3; do [ $i = 2 ] && continue; echo -n $i; done`:              "13",
		`for i in 1 2; do for j in 1 2; do break 2; done; echo no; done; echo out`: "out",
		`for ((i = 0; i < 3; i++)); do echo -n $i; done`:                           "012",
		`case a.txt in *.md) echo md;; *.txt | x) echo txt;; esac`:                 "txt",
		`case x in y) echo no;; *) echo other;; esac`:                              "other",

		// functions
		`f() { echo "$1 $#"; return 3; }; f a b; echo $?`:              "a 2\n3",
		`x=outer; f() { local x=inner; echo $x; }; f; echo $x`:         "inner\nouter",
		`f() { for i in 1 2; do return; done; echo no; }; f; echo out`: "out",
		`echo() { command echo "[$1]"; }; echo wrapped`:                "[wrapped]",

		// pipelines and subshells
		`echo hello | cat | grep -c ell`:                       "1",
		`printf 'a\nb\n' | while read l; do echo "<$l>"; done`: "<a>\n<b>",
		`while true; do echo y; done | head -n 2`:              "y\ny",
		`true | false; echo $?; false | true; echo $?`:         "1\n0",
		`(x=inner; cd /; exit 4); echo $? $x`:                  "4",
		`{ echo a; echo b; } | wc -l`:                          "2",
		`echo out | { read x; echo "got $x"; }`:                "got out",

		// redirections
		`echo text > file; cat < file; echo more >> file; wc -l < file`: "text\n2",
		`{ echo out; echo err >&2; } 2>&1 | wc -l`:                      "2",
		`{ echo out; echo err >&2; } > file 2>&1; wc -l < file`:         "2",
		`{ echo out; echo err >&2; } &> file; wc -l < file`:             "2",
		`ls /nowhere 2> /dev/null; echo $?`:                             "1",
		"cat <<EOF\nv=$GREETING $(echo sub)\nEOF":                       "v=hello sub",
		"cat <<'EOF'\n$GREETING \\$x `y`\nEOF":                          "$GREETING \\$x `y`",
		"cat <<-EOF\n\tindented\n\tEOF":                                 "indented",
		`cat <<< "a word"`:                                              "a word",
		"cat <<A; cat <<B; echo on\none\nA\ntwo\nB\n":                   "one\ntwo\non",
		"read x <<E & wait; cat <<E; echo end\na\nE\nE\n":               "end",
		`exec 3> file; echo kept >&3; exec 3>&-; cat file`:              "kept",
		`exec > file; echo hidden`:                                      "",

		// files
		`touch a.txt b.txt c; echo *.txt; echo *.md`:                           "a.txt b.txt\n*.md",
		`mkdir -p d/e; cd d; pwd | grep -c d; cd e; touch f; cd ../..; ls d/e`: "1\nf",
		`echo 'echo script $1' > s; sh s arg; . ./s`:                           "script arg\nscript",
		`printf '#!/bin/sh\necho $0 $1\n' > s; ./s arg | grep -c 'arg$'`:       "1",

		// jobs
		`sleep 0.01 & wait $!; echo $?`:                      "0",
		`(exit 3) & wait $!; echo $?`:                        "3",
		`sleep 1000 & kill $!; wait $!; echo $?`:             "143",
		`while true; do :; done & kill $!; wait; echo ended`: "ended",

		// builtins
		`read a b <<< "one two three"; echo "$a|$b"`:                     "one|two three",
		`read -r a <<< 'back\slash'; echo "$a"`:                          `back\slash`,
		`eval 'x=1; echo $x'`:                                            "1",
		`trap 'echo bye' EXIT; echo first`:                               "first\nbye",
		`command -v cd echo true`:                                        "cd\necho\ntrue",
		`type nothing 2>/dev/null || echo $?`:                            "127",
		`readonly R=1; echo $R`:                                          "1",
		`set -- -b -z; while getopts :ab: o; do echo "$o $OPTARG"; done`: "b -z",
		`getopts :ab: o -z; echo "$o $OPTARG"; OPTIND=1; getopts :b: o -b; echo "$o $OPTARG"`:                "? z\n: b",
		`IFS=: read a b c d <<< "x::z:"; echo "$a|$b|$c|$d"`:                                                 "x||z|",
		`IFS=, read a b <<< "1,2,3,"; echo "$a|$b"; IFS=, read a b <<< "1,2,"; echo $b`:                      "1|2,3,\n2",
		`read a b <<< " x  y  z "; echo "$a|$b|"; IFS= read a <<< " x "; echo "$a|"`:                         "x|y  z|\n x |",
		`read a b <<< 'a\ b\\ c'; echo "$a|$b"; IFS=': ' read a b <<< 'a : b'; echo "$a|$b"`:                 "a b\\|c\na|b",
		`read -t 100 x < /dev/null; echo $?`:                                                                 "1",
		`let 'x = 2 + 3' y=x*2; echo $x $y; let 'x - x'; echo $?`:                                            "5 10\n1",
		`f() { local v=$(exit 6); echo $?; }; f; export E=$(exit 3); echo $?; false; readonly R=$?; echo $R`: "0\n0\n1",
		`set -f; echo *`:              "*",
		`exec echo replaced; echo no`: "replaced",
	} {
		t.Run(script, func(t *testing.T) {
			got := run(t.TempDir(), "", "-c", script)
			if strings.TrimSuffix(got.out, "\n") != expected || got.err != "" {
				t.Errorf("printed %q, and on the standard error %q, not %q", got.out, got.err, expected)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for script, expected := range map[string]int{
		`exit 3`:                               3,
		`false`:                                1,
		`nothing-of-that-name`:                 127,
		`set -e; false; exit 9`:                1,
		`set -e; false || true; exit 9`:        9,
		`set -e; if false; then :; fi; exit 9`: 9,
		`set -e; ! true; exit 9`:               9,
		`set -e; f() { false; }; f; exit 9`:    1,
		`set -u; echo $UNSET; exit 9`:          2,
		`echo ${UNSET:?missing}; exit 9`:       2,
		`if`:                                   2,
		`exit 4 | exit 5`:                      5,
		`trap 'true' EXIT; exit 4`:             4,
		`trap 'exit 6' EXIT; exit 4`:           6,
		`readonly R=1; R=2; exit 9`:            2,
		`cat < /nowhere`:                       1,
		`return 7`:                             7,
	} {
		t.Run(script, func(t *testing.T) {
			if got := run(t.TempDir(), "", "-c", script); got.status != expected {
				t.Errorf("ended with %d, not %d: %s", got.status, expected, got.err)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	for script, expected := range map[string]string{
		`nothing`:              "sh: nothing: not found\n",
		`cat < /nowhere`:       "sh: can't open /nowhere: no such file\n",
		`echo > /nowhere/x`:    "sh: can't create /nowhere/x: nonexistent directory\n",
		`set -x; echo a 'b c'`: "+ echo a 'b c'\n",
		`set -u; echo $UNSET`:  "sh: UNSET: unbound variable\n",
		`cd /nowhere`:          "sh: cd: can't cd to /nowhere: No such file or directory\n",
		`a=(1 2)`:              "sh: a: this shell has no arrays\n",
		`kill 77`:              "sh: kill: can't kill pid 77: No such process\n",
		`echo x >&7`:           "sh: 7: Bad file descriptor\n",
	} {
		t.Run(script, func(t *testing.T) {
			if got := run(t.TempDir(), "", "-c", script); got.err != expected {
				t.Errorf("complained %q, not %q", got.err, expected)
			}
		})
	}
}

func TestCommandsFromInputLeaveTheRestToThoseThatTheyStart(t *testing.T) {
	got := run("/", "echo -n hello\nread line\nfor the read\ncat\nfor\nthe cat\n")
	if got.out != "hellofor\nthe cat\n" || got.status != 0 {
		t.Errorf("%q, %q", got.out, got.err)
	}
}

func TestScriptFile(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "script"), []byte("echo $0 $2\nexit 5\n"), 0o644)
	if got := run(dir, "", "script", "a", "b"); got.out != "script b\n" || got.status != 5 {
		t.Errorf("%v", got)
	}
	if got := run(dir, "", "missing"); got.status != 127 {
		t.Errorf("%v", got)
	}
}

func TestCommandsFromInputWithParameters(t *testing.T) {
	if got := run("/", "echo $2 $#\n", "-s", "a", "b"); got != (result{0, "b 2\n", ""}) {
		t.Errorf("%+v", got)
	}
}

// Where the toolbox is in no file, a path means a file nevertheless, but for those at which commands are usual.
func TestFilesThatAreCalledAsCommands(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "test"), []byte("echo mine $1\n"), 0o755)
	os.WriteFile(filepath.Join(dir, "top"), []byte("\x7fELF\x00"), 0o755)
	os.Mkdir(filepath.Join(dir, "env"), 0o755)
	for script, expected := range map[string]result{
		`./test it`:           {0, "mine it\n", ""},
		`./cat`:               {127, "", "sh: ./cat: not found\n"},
		`./env`:               {126, "", "sh: ./env: Permission denied\n"},
		`./top`:               {126, "", "sh: ./top: this is neither WebAssembly nor a script\n"},
		`echo a | /bin/hd -v`: {0, "00000000  61 0a                                             |a.|\n00000002\n", ""},
	} {
		t.Run(script, func(t *testing.T) {
			if got := run(dir, "", "-c", script); got != expected {
				t.Errorf("%+v, not %+v", got, expected)
			}
		})
	}
}

// An image's commands are links to the toolbox in its tree of files: what is no such link cannot be run.
func TestCommandsOfAnImage(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "sh"), []byte("\x00asm the toolbox"), 0o755)
	os.WriteFile(filepath.Join(dir, "foreign"), []byte("\x00asm another"), 0o755)
	os.Link(filepath.Join(dir, "sh"), filepath.Join(dir, "cat"))
	os.Mkdir(filepath.Join(dir, "hidden"), 0o755)
	for script, expected := range map[string]result{
		`echo text | cat`: {0, "text\n", ""},
		`ls`:              {127, "", "sh: ls: not found\n"},
		`hidden`:          {126, "", "sh: hidden: Permission denied\n"},
		`foreign`:         {126, "", "sh: foreign: this is another WebAssembly program than the shell's: only the runtime can start it\n"},
		`env cat`:         {127, "", "sh: env: not found\n"},
	} {
		t.Run(script, func(t *testing.T) {
			if got := runWithPath(dir, script); got != expected {
				t.Errorf("%+v, not %+v", got, expected)
			}
		})
	}
}

func runWithPath(path, script string) result {
	var out, err bytes.Buffer
	process := &program.Process{
		Context: context.Background(),
		Args:    []string{"sh", "-c", script},
		Env:     []string{"PATH=/nowhere:" + path},
		Dir:     "/",
		Stdin:   strings.NewReader(""),
		Stdout:  &out,
		Stderr:  &err,
	}
	process.Programs = program.NewPrograms(applets.All, process)
	status := program.Run(applets.All.Main("sh"), process)
	return result{status, out.String(), err.String()}
}
