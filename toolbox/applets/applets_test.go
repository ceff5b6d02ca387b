package applets

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wasmlet.dev/toolbox/program"
)

type result struct {
	status   int
	out, err string
}

func run(dir, input string, args ...string) result {
	var out, err bytes.Buffer
	process := &program.Process{
		Context: context.Background(),
		Args:    args,
		Env:     []string{"PATH=/nowhere", "A=1", "HOSTNAME=web-0"},
		Dir:     dir,
		Stdin:   strings.NewReader(input),
		Stdout:  &out,
		Stderr:  &err,
	}
	process.Programs = program.NewPrograms(All, process)
	status := program.Run(All.Main(args[0]), process)
	return result{status, out.String(), err.String()}
}

const poem = "one\ntwo\nthree\nfour\n"

func TestWhatTheyPrint(t *testing.T) {
	for words, expected := range map[string]result{
		"basename /a/b.txt .txt":       {0, "b\n", ""},
		"cat poem -":                   {0, poem + "input\n", ""},
		"cat missing":                  {1, "", "cat: missing: No such file or directory\n"},
		"dirname /a/b":                 {0, "/a\n", ""},
		"echo -n a b":                  {0, "a b", ""},
		"echo -e a\\tb\\x41\\101":      {0, "a\tbAA\n", ""},
		"echo -x -n":                   {0, "-x -n\n", ""},
		"env -i B=2":                   {0, "B=2\n", ""},
		"env -i B=2 echo C=3":          {0, "C=3\n", ""},
		"env nothing":                  {127, "", "env: nothing: No such file or directory\n"},
		"false":                        {1, "", ""},
		"grep o poem":                  {0, "one\ntwo\nfour\n", ""},
		"grep -c o poem":               {0, "3\n", ""},
		"grep -vn o poem":              {0, "3:three\n", ""},
		"grep -o e\\{2\\} poem":        {0, "ee\n", ""},
		"grep -E ^(one|two)$ poem":     {0, "one\ntwo\n", ""},
		"grep -iF TW poem":             {0, "two\n", ""},
		"grep -q none poem":            {1, "", ""},
		"grep -r e .":                  {0, "./poem:one\n./poem:three\n", ""},
		"grep -l one poem sub/.hidden": {0, "poem\n", ""},
		"grep x missing":               {2, "", "grep: missing: No such file or directory\n"},
		"head -n 1 poem":               {0, "one\n", ""},
		"head -2 poem":                 {0, "one\ntwo\n", ""},
		"head -c 2 poem":               {0, "on", ""},
		"hostname new":                 {1, "", "hostname: sethostname: Operation not permitted: a name is the pod's\n"},
		"ls":                           {0, "poem\nsub\n", ""},
		"ls -A sub":                    {0, ".hidden\n", ""},
		"ls poem sub":                  {0, "poem\n\nsub:\n", ""},
		"ls missing":                   {1, "", "ls: missing: No such file or directory\n"},
		"mkdir sub":                    {1, "", "mkdir: can't create directory 'sub': File exists\n"},
		"mount x":                      {1, "", "mount: Operation not permitted: WebAssembly cannot mount; name the volume in the pod\n"},
		"pgrep no-such-process":        {1, "", ""},
		"pidof no-such-process":        {1, "", ""},
		"ping 127.0.0.1":               {1, "PING 127.0.0.1 (127.0.0.1): 56 data bytes\n", "ping: permission denied (WebAssembly has no raw sockets)\n"},
		"printf %s-%03d\\n a 5 b":      {0, "a-005\nb-000\n", ""},
		"printf %d x":                  {1, "0", "printf: invalid number: x\n"},
		"rm sub":                       {1, "", "rm: can't remove 'sub': Is a directory\n"},
		"rm -f missing":                {0, "", ""},
		"rmdir poem":                   {1, "", "rmdir: 'poem': Not a directory\n"},
		"seq 3":                        {0, "1\n2\n3\n", ""},
		"seq -s , 5 -2 1":              {0, "5,3,1\n", ""},
		"seq 2 1":                      {0, "", ""},
		"sleep 0.001":                  {0, "", ""},
		"sleep x":                      {1, "", "sleep: invalid number 'x'\n"},
		"stat -c %n:%s:%F poem":        {0, "poem:19:regular file\n", ""},
		"stat missing":                 {1, "", "stat: can't stat 'missing': No such file or directory\n"},
		"sync poem":                    {0, "", ""},
		"tail -n 1 poem":               {0, "four\n", ""},
		"tail -c 3 poem":               {0, "ur\n", ""},
		"tee copy":                     {0, "input\n", ""},
		"test -f poem":                 {0, "", ""},
		"test -d poem":                 {1, "", ""},
		"test 1 -lt x":                 {2, "", "test: x: bad number\n"},
		"test ( 1 = 2 ) -o ! a = b":    {0, "", ""},
		"[ a = b ]":                    {1, "", ""},
		"[ a":                          {2, "", "[: missing ]\n"},
		"touch missing/x":              {1, "", "touch: missing/x: No such file or directory\n"},
		"uname -a":                     {0, "WASI " + ownHostname(&program.Process{Env: []string{"HOSTNAME=web-0"}}) + " preview1 wasm32\n", ""},
		"wc poem":                      {0, "        4         4        19 poem\n", ""},
		"wc -l":                        {0, "1\n", ""},
		"brctl addbr foobar":           {1, "", "brctl: addbr: Operation not permitted: WebAssembly cannot change network devices\n"},
		"dd if=poem bs=4 count=2 skip=1 status=none": {0, "two\nthre", ""},
		"dd if=/dev/zero of=/dev/null bs=1K count=2": {0, "", "2+0 records in\n2+0 records out\n2048 bytes copied\n"},
		"dd bs=0": {1, "", "dd: bs=0: a block has 1 to 2147483647 bytes\n"},
		"cat -z":  {1, "", "cat: invalid option -- 'z'\nUsage: cat [-Aben] [FILE]...\n"},
	} {
		t.Run(words, func(t *testing.T) {
			dir := t.TempDir()
			os.WriteFile(filepath.Join(dir, "poem"), []byte(poem), 0o644)
			os.Mkdir(filepath.Join(dir, "sub"), 0o755)
			os.WriteFile(filepath.Join(dir, "sub", ".hidden"), nil, 0o644)
			if got := run(dir, "input\n", strings.Fields(strings.ReplaceAll(words, "\\n", `\n`))...); got != expected {
				t.Errorf("%+v, not %+v", got, expected)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "poem"), []byte(poem), 0o644)
	for _, words := range []string{
		"mkdir -p a/b/c", "touch a/b/c/file", "cp poem a", "cp -r a copied", "mv poem moved", "rm -r a/b", "mkdir empty", "rmdir empty",
	} {
		if got := run(dir, "", strings.Fields(words)...); got.status != 0 || got.err != "" {
			t.Fatalf("%s: %+v", words, got)
		}
	}
	got := run(dir, "", "ls", "-R")
	if expected := ".:\na\ncopied\nmoved\n\n./a:\npoem\n\n./copied:\nb\npoem\n\n./copied/b:\nc\n\n./copied/b/c:\nfile\n"; got.out != expected {
		t.Errorf("%q", got.out)
	}
}

func TestDate(t *testing.T) {
	moment := time.Date(2026, 3, 9, 8, 7, 6, 5, time.UTC)
	if got := strftime("%Y-%m-%d %H:%M:%S.%N %s %a %b %e %j %%", moment); got != "2026-03-09 08:07:06.000000005 1773043626 Mon Mar  9 068 %" {
		t.Error(got)
	}
	if got := run("/", "", "date", "+%Y"); !regexp.MustCompile(`^\d{4}\n$`).MatchString(got.out) {
		t.Error(got)
	}
}

func TestIdentityIsReadFromTheKernelsFile(t *testing.T) {
	self, err := parseStatus("Name:\tx\nUid:\t0\t1001\t0\t0\nGid:\t0\t1002\t0\t0\nGroups:\t1002 1234 5678 \n")
	if err != nil || self.uid != "1001" || self.gid != "1002" || strings.Join(self.groups, " ") != "1002 1234 5678" {
		t.Errorf("%+v %v", self, err)
	}
	if _, err := parseStatus("Name:\tx\n"); err == nil {
		t.Error("no identity is no error")
	}
}

func TestSocketsOfTheKernelsTable(t *testing.T) {
	table := "  sl  local_address rem_address   st\n" +
		"   0: 0100007F:0050 00000000:0000 0A 0\n   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 01\n"
	got := sockets(table)
	expected := []socket{{local: "127.0.0.1:80", remote: "0.0.0.0:0", state: "LISTEN"}, {local: "[::1]:8080", remote: "[::]:0", state: "ESTABLISHED"}}
	if len(got) != 2 || got[0] != expected[0] || got[1] != expected[1] {
		t.Errorf("%+v", got)
	}
}

func TestListenersAreChosenByTheirPort(t *testing.T) {
	for names, expected := range map[string]int{"": 0, "http:metrics": 0, "80:8080": 1, "tcp-80:tcp-8080": 1, "180:80": 0} {
		port := "8080"
		if names == "180:80" {
			port, expected = "80", 1
		}
		if got := named(names, port); got != expected {
			t.Errorf("%q: %d, not %d", names, got, expected)
		}
	}
}

func TestHTTP(t *testing.T) {
	root := t.TempDir()
	os.WriteFile(filepath.Join(root, "index.html"), []byte("hello"), 0o644)
	os.WriteFile(filepath.Join(filepath.Dir(root), "secret"), []byte("secret"), 0o644)
	for request, expected := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":          "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
		"HEAD /index.html HTTP/1.0\r\n\r\n":          "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
		"GET /../secret HTTP/1.1\r\nHost: x\r\n\r\n": "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nConnection: close\r\n\r\nnot found\n",
		"POST / HTTP/1.1\r\nHost: x\r\n\r\n":         "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nGET or HEAD\n",
		"nonsense\r\n\r\n":                           "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\nthis is no HTTP request\n",
	} {
		var output bytes.Buffer
		answer(strings.NewReader(request), &output, root)
		if output.String() != expected {
			t.Errorf("%q: %q", request, output.String())
		}
	}
}

func TestWithoutSocketsTheReasonIsTold(t *testing.T) {
	for _, words := range []string{"httpd -p 80", "nc -l -p 80"} {
		got := run("/", "", strings.Fields(words)...)
		if got.status != 1 || !strings.Contains(got.err, "port 80: the runtime has passed no listening socket") {
			t.Errorf("%+v", got)
		}
	}
}

func TestEveryCommandIsFound(t *testing.T) {
	for _, name := range Names() {
		if All.Main(name) == nil {
			t.Errorf("%s is not in its place in the table", name)
		}
	}
	if All.Main("nothing") != nil {
		t.Error("there is a command that is none")
	}
}

// Whoever types a line sees what becomes of it before the next one.
func TestSedReadsNoFurtherThanItHasTo(t *testing.T) {
	for script, expected := range map[string][]string{"s/a/x/": {"x\n", "b\n", "c\n"}, "n;s/b/y/": {"a\n", "y\n", "c\n"}, "1!p;d": {"", "b\n", "c\n"}} {
		input, typed := io.Pipe()
		shown, output := io.Pipe()
		process := &program.Process{Context: context.Background(), Args: []string{"sed", script}, Dir: "/", Stdin: input, Stdout: output, Stderr: output}
		go func() {
			program.Run(All.Main("sed"), process)
			output.Close()
		}()
		for number, line := range expected {
			typed.Write([]byte{byte('a' + number), '\n'})
			seen := make([]byte, len(line))
			if io.ReadFull(shown, seen); string(seen) != line {
				t.Errorf("%s: %q after line %d", script, seen, number+1)
			}
		}
		typed.Close()
	}
}
