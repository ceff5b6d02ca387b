// Package applets holds the commands of the toolbox.
package applets

import (
	"slices"
	"strings"

	"wasmlet.dev/toolbox/program"
	"wasmlet.dev/toolbox/shell"
)

// All commands by their names.
var All = program.Commands{Main: command, Names: Names}

type applet struct {
	name  string
	main  program.Main
	usage string // what it may be given
}

// table is in the order of the names. A map would be made anew whenever the program starts.
var table []applet

func init() { // here, because some of them run others
	table = []applet{
		{"[", test, "EXPRESSION ]"},
		{"ash", shell.Main, "[-efux] [-o OPTION] [-c COMMAND [NAME [ARGUMENT]...]] [SCRIPT [ARGUMENT]...]"},
		{"awk", awkMain, "[-F SEPARATOR] [-v NAME=VALUE] {PROGRAM | -f FILE} [FILE | NAME=VALUE]..."},
		{"base64", base64Main, "[-d] [-w COLUMNS] [FILE]..."},
		{"basename", basename, "[-a] [-s SUFFIX] PATH [SUFFIX]"},
		{"brctl", brctl, "COMMAND ..."},
		{"bunzip2", bunzip2, "[-cfkt] [FILE]..."},
		{"bzcat", bunzip2, "[FILE]..."},
		{"cat", cat, "[-Aben] [FILE]..."},
		{"chgrp", chgrp, "[-Rfh] GROUP FILE..."},
		{"chmod", chmod, "[-R] MODE FILE..."},
		{"chown", chown, "[-Rfh] {USER[:GROUP] | :GROUP} FILE..."},
		{"clear", clearScreen, ""},
		{"cmp", cmpFiles, "[-ls] [-n BYTES] FILE1 [FILE2]"},
		{"comm", comm, "[-123] FILE1 FILE2"},
		{"cp", cp, "[-afnprRTv] SOURCE... TARGET"},
		{"cut", cut, "{-b LIST | -c LIST | -f LIST} [-d DELIMITER] [-s] [FILE]..."},
		{"date", date, "[-u] [-R] [-I[SPEC]] [-r FILE] [-d TIME] [+FORMAT]"},
		{"dd", dd, "[if=FILE] [of=FILE] [bs=N] [ibs=N] [obs=N] [count=N] [skip=N] [seek=N] [conv=notrunc,fsync,sync] [status=none]"},
		{"df", df, "[-h] [FILE]..."},
		{"diff", diff, "[-abiNqrsuw] [-U LINES] FILE1 FILE2"},
		{"dirname", dirname, "PATH..."},
		{"dos2unix", dos2unix, "[-du] [FILE]..."},
		{"du", du, "[-abchkms] [-d DEPTH] [FILE]..."},
		{"echo", echo, "[-neE] [WORD]..."},
		{"egrep", grep, "[-cFhHilLnoqrsvwx] [-m MAX] [-A N] [-B N] [-C N] {PATTERN | -e PATTERN | -f FILE} [FILE]..."},
		{"env", env, "[-i] [-u NAME] [NAME=VALUE]... [COMMAND [ARGUMENT]...]"},
		{"expand", expand, "[-i] [-t COLUMNS] [FILE]..."},
		{"expr", expr, "EXPRESSION"},
		{"false", func(*program.Process) int { return 1 }, ""},
		{"fgrep", grep, "[-chHilLnoqrsvwx] [-m MAX] {PATTERN | -e PATTERN | -f FILE} [FILE]..."},
		{"find", find, "[-HL] [PATH]... [EXPRESSION]"},
		{"fold", fold, "[-bs] [-w WIDTH] [FILE]..."},
		{"free", free, "[-bghkm]"},
		{"grep", grep, "[-cEFhHilLnoqrsvwx] [-m MAX] [-A N] [-B N] [-C N] {PATTERN | -e PATTERN | -f FILE} [FILE]..."},
		{"groups", groups, ""},
		{"gunzip", gzipMain, "[-cfkt] [FILE]..."},
		{"gzip", gzipMain, "[-cdfkt123456789] [FILE]..."},
		{"hd", hexdump, "[-n LENGTH] [-s OFFSET] [FILE]..."},
		{"head", head, "[-qv] [-n LINES | -c BYTES] [FILE]..."},
		{"hexdump", hexdump, "[-Ccv] [-n LENGTH] [-s OFFSET] [FILE]..."},
		{"hostname", hostname, "[-fis]"},
		{"httpd", httpd, "[-f] [-p PORT] [-h DIRECTORY]"},
		{"id", id, "[-Ggnu]"},
		{"ipcs", ipcs, "[-amqs]"},
		{"join", join, "[-i] [-1 FIELD] [-2 FIELD] [-j FIELD] [-a FILE] [-v FILE] [-e TEXT] [-o LIST] [-t LETTER] FILE1 FILE2"},
		{"kill", kill, "[-l] [-SIGNAL] PROCESS..."},
		{"killall", killall, "[-SIGNAL] NAME..."},
		{"less", less, "[-N] [FILE]..."},
		{"link", link, "FILE LINK"},
		{"ln", ln, "[-fs] TARGET... [LINK | DIRECTORY]"},
		{"ls", ls, "[-1AaCdFhilnpRrSst] [FILE]..."},
		{"md5sum", md5sum, "[-c] [FILE]..."},
		{"mkdir", mkdir, "[-pv] [-m MODE] DIRECTORY..."},
		{"mktemp", mktemp, "[-dqu] [-p DIRECTORY] [TEMPLATE]"},
		{"more", less, "[FILE]..."},
		{"mount", mount, ""},
		{"mv", mv, "[-fnTv] SOURCE... TARGET"},
		{"nc", nc, "[-uvz] [-w SECONDS] HOST PORT | nc -l -p PORT"},
		{"netstat", netstat, "[-alnrtu]"},
		{"nl", nl, "[-b a|t|n] [-i STEP] [-n ln|rn|rz] [-s TEXT] [-v START] [-w WIDTH] [FILE]..."},
		{"nproc", nproc, ""},
		{"nslookup", nslookup, "[-type=TYPE] NAME [SERVER]"},
		{"od", od, "[-bcdovx] [-A o|d|x|n] [-t FORMAT] [-j SKIP] [-N LENGTH] [FILE]..."},
		{"paste", paste, "[-s] [-d DELIMITERS] [FILE]..."},
		{"pgrep", pgrep, "[-aflnovx] PATTERN"},
		{"pidof", pidof, "[-s] NAME..."},
		{"ping", ping, "[-c COUNT] HOST"},
		{"pkill", killall, "[-SIGNAL] PATTERN"},
		{"printenv", printenv, "[NAME]..."},
		{"printf", printf, "FORMAT [ARGUMENT]..."},
		{"ps", ps, "[-o COLUMN,...]"},
		{"pwd", pwd, "[-LP]"},
		{"readlink", readlink, "[-fnv] FILE..."},
		{"realpath", realpath, "[-em] FILE..."},
		{"reset", reset, ""},
		{"rev", rev, "[FILE]..."},
		{"rm", rm, "[-frv] FILE..."},
		{"rmdir", rmdir, "[-p] DIRECTORY..."},
		{"sed", editStream, "[-Ensi[SUFFIX]] {SCRIPT | -e SCRIPT | -f FILE} [FILE]..."},
		{"seq", seq, "[-w] [-s SEPARATOR] [FIRST [STEP]] LAST"},
		{"sh", shell.Main, "[-efux] [-o OPTION] [-c COMMAND [NAME [ARGUMENT]...]] [SCRIPT [ARGUMENT]...]"},
		{"sha1sum", sha1sum, "[-c] [FILE]..."},
		{"sha256sum", sha256sum, "[-c] [FILE]..."},
		{"sha512sum", sha512sum, "[-c] [FILE]..."},
		{"shuf", shuf, "[-n COUNT] [-e WORD... | -i FIRST-LAST | FILE]"},
		{"sleep", sleep, "LENGTH[smhd]..."},
		{"sort", sortLines, "[-bcdfhMnrsuVz] [-k KEY] [-t SEPARATOR] [-o FILE] [FILE]..."},
		{"split", split, "[-l LINES | -b BYTES[bkm]] [-a LETTERS] [FILE [PREFIX]]"},
		{"stat", stat, "[-L] [-c FORMAT] FILE..."},
		{"strings", stringsMain, "[-n LENGTH] [FILE]..."},
		{"stty", stty, "[size | -a]"},
		{"sync", syncFiles, "[FILE]..."},
		{"tac", tac, "[FILE]..."},
		{"tail", tail, "[-fqv] [-n [+]LINES | -c [+]BYTES] [FILE]..."},
		{"tar", tarMain, "{c|x|t}[hjkmOvz] [-f ARCHIVE] [-C DIRECTORY] [--exclude PATTERN] [--strip-components N] [FILE]..."},
		{"tee", tee, "[-a] [FILE]..."},
		{"test", test, "EXPRESSION"},
		{"time", timeMain, "COMMAND [ARGUMENT]..."},
		{"timeout", timeout, "SECONDS COMMAND [ARGUMENT]..."},
		{"top", top, "[-b] [-d SECONDS] [-n ROUNDS]"},
		{"touch", touch, "[-c] [-d TIME] [-r FILE] FILE..."},
		{"tr", tr, "[-cds] SET1 [SET2]"},
		{"tree", tree, "[-adf] [-L LEVELS] [DIRECTORY]..."},
		{"true", func(*program.Process) int { return 0 }, ""},
		{"truncate", truncate, "[-c] -s [+|-]SIZE FILE..."},
		{"tty", tty, "[-s]"},
		{"uname", uname, "[-amnrs]"},
		{"unexpand", unexpand, "[-af] [-t COLUMNS] [FILE]..."},
		{"uniq", uniq, "[-cdiu] [-f FIELDS] [-s LETTERS] [INPUT [OUTPUT]]"},
		{"unix2dos", dos2unix, "[-du] [FILE]..."},
		{"unlink", unlink, "FILE"},
		{"unzip", unzip, "[-jlnopq] [-d DIRECTORY] [-x FILE] ARCHIVE [FILE]..."},
		{"uptime", uptime, ""},
		{"usleep", usleep, "MICROSECONDS"},
		{"vi", vi, "[FILE]"},
		{"watch", watch, "[-n SECONDS] [-t] COMMAND [ARGUMENT]..."},
		{"wc", wc, "[-clmwL] [FILE]..."},
		{"wget", wget, "[-qS] [-O FILE] [-P DIRECTORY] [-T SECONDS] [--header TEXT] [--post-data TEXT] [--spider] URL..."},
		{"which", which, "NAME..."},
		{"whoami", whoami, ""},
		{"xargs", xargs, "[-0rt] [-n WORDS] [-I TEXT] [-d DELIMITER] [COMMAND [ARGUMENT]...]"},
		{"xxd", xxd, "[-pr] [-c COLUMNS] [-g GROUP] [-l LENGTH] [-s OFFSET] [FILE]..."},
		{"yes", yes, "[WORD]..."},
		{"zcat", gzipMain, "[FILE]..."},
	}
}

// withoutHelp are those to whom every word is an operand.
var withoutHelp = []string{"[", "echo", "expr", "false", "printf", "test", "true"}

// Names of all commands, in order.
func Names() []string {
	names := make([]string, 0, len(table))
	for _, each := range table {
		names = append(names, each.name)
	}
	return names
}

func command(name string) program.Main {
	found := lookUp(name)
	if found.main == nil || slices.Contains(withoutHelp, name) {
		return found.main
	}
	return helped(found.main)
}

// lookUp gives an applet with nothing but the name where there is none.
func lookUp(name string) applet {
	byName := func(each applet, name string) int { return strings.Compare(each.name, name) }
	place, isThere := slices.BinarySearchFunc(table, name, byName)
	if !isThere {
		return applet{name: name}
	}
	return table[place]
}
