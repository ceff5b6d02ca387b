package applets

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What these print and how they end is the same as of busybox, where that is installed.
var sameAsBusybox = []string{
	`basename /a/b.txt .txt; dirname /a/b; dirname /`,
	`printf 'b\na\nB\n' | sort; printf '10\n9\n1\n' | sort -n; printf '10\n9\n1\n' | sort -rn`,
	`printf 'x 2\ny 1\n' | sort -k2; printf 'x:2\ny:1\n' | sort -t: -k2,2n; printf 'a\na\nb\n' | sort -u`,
	`printf 'v1.10\nv1.9\n' | sort -V; printf 'b\na\n' | sort -c 2>/dev/null; echo $?`,
	`printf 'a\na\nb\n' | uniq; printf 'a\na\nb\n' | uniq -c; printf 'a\na\nb\n' | uniq -d; printf 'a\na\nb\n' | uniq -u`,
	`echo a:b:c | cut -d: -f2; echo a:b:c | cut -d: -f1,3; echo abcdef | cut -c2-4; echo abc | cut -b1; echo none | cut -d: -f2 -s`,
	`echo hello | tr a-y b-z; echo hello | tr -d l; echo aabb | tr -s ab; echo 'a1!' | tr -cd '[:alnum:]'; echo abc | tr abc A`,
	`echo a b c | xargs; echo a b c | xargs -n1 echo x; printf 'a b\0c\0' | xargs -0 -n1 echo; echo x | xargs -I{} echo '<{}>'`,
	`printf 'one\ntwo\n' | sed 's/o/0/'; printf 'one\ntwo\n' | sed -n '2p'; printf 'a\nb\nc\n' | sed '2d'; echo aXb | sed 's/X/\n/'`,
	`echo hello | sed 's/l/L/2; s/\(h\)\(e\)/\2\1/'; echo 'a.b' | sed 's/\./-/g'; echo abc | sed -E 's/(a)(b)/\2\1/'; echo abc | sed 's/B/x/I'`,
	`printf '1\n2\n3\n4\n' | sed '2,3d'; printf '1\n2\n3\n' | sed '$d'; printf 'a\nb\n' | sed '/a/a\after'; printf 'a\nb\n' | sed '1i\before'`,
	`printf '1\n2\n3\n' | sed -n '$='; printf 'a\nb\n' | sed 'N;s/\n/+/'; printf '1\n2\n3\n' | sed -n '1!G;h;$p'; echo x | sed 'y/x/y/'`,
	`printf 'a\nb\nc\n' | sed '/b/,$c\changed'; printf 'a\nb\n' | sed ':x;N;$!bx;s/\n/,/g'; printf 'a\nb\n' | sed q; echo abc | sed 's/b/[&]/'`,
	`printf '1\n2\n3\n4\n5\n' | sed -n '/2/,/4/{/3/!p}'; sed -i 's/one/1/' poem; cat poem; sed 's/x' poem; echo $?; sed -n '/two/{p;q}' poem`,
	`printf 'a\nb' > x; printf 'c\n' > y; sed p x y; sed -n '$=' x y; sed '1d' x y; sed 'N;s/\n/+/' x y; printf '' > e; sed p x e y; sed -n 'x;p' x y`,
	`printf a | sed p; printf a | sed 's/a/b/p'; printf a > x; sed p x - < poem; sed 'w out' x x; cat out; sed -i p x; cat x; sed 'r x' poem | head -n 8`,
	`printf a > x; seq 20000 | tr '\n' ' ' > long; sed p x long x | wc`,
	`grep -n o poem; grep -c o poem; grep -v o poem; grep -i ONE poem; grep -E 'one|two' poem; grep -F . poem; echo $?; grep -x one poem`,
	`grep -o 'e*' poem; grep -w one poem; grep -A1 two poem; grep -B1 two poem; grep -m1 o poem; grep -l one poem missing; echo $?`,
	`grep -r one sub; echo $?; grep -rn hidden sub; grep '^t.*e$' poem; grep '[[:upper:]]' poem; echo $?; grep -q one poem; echo $?`,
	`find . -name '*.txt' | sort; find . -type d | sort; find . -maxdepth 1 | sort; find . -name poem -exec echo got {} \;`,
	`find . -name '*.txt' -o -name poem | sort; find sub ! -type d | sort; find sub -type f -print0 | xargs -0 -n1 | sort; find . -path './sub*' | sort`,
	`find sub -type f -exec echo {} + | wc -w; find . -iname POEM; find . -empty | sort; find sub -name deep -prune -o -print | sort`,
	`head -n1 poem; head -n -1 poem; head -c3 poem; tail -n1 poem; tail -n +2 poem; tail -c 3 poem; tail -c +3 poem; head -2 poem; head -n1 poem sub/a.txt`,
	`wc poem; wc -l < poem; wc -c poem; wc -w poem sub/a.txt; wc -L poem`,
	`seq 3; seq 2 4; seq 5 -2 1; seq -s, 3; seq -w 8 10; seq 0.5 0.5 1.5`,
	`echo hello | md5sum; echo hello | sha1sum; echo hello | sha256sum; echo hello | sha512sum; sha256sum poem > sums; sha256sum -c sums`,
	`echo hello | base64; echo hello | base64 | base64 -d; seq 100 | base64; seq 100 | base64 -w 10 | head -n2`,
	`printf 'abc\001\377' | hexdump -C; printf 'abc' | od -c; printf 'abcdef' | od -x; seq 20 | hexdump -C`,
	`printf 'hello world, this is it' | xxd; printf 'abc' | xxd -p; echo 616263 | xxd -r -p; seq 20 | xxd | tail -n1`,
	`rev poem; tac poem; nl poem; cat -n poem; cat -A poem; fold -w2 poem; paste poem poem; paste -s -d, poem`,
	`printf 'a\nb' | tac; printf 'a\nb' > x; printf 'c\nd\n' > y; tac x y; tac x missing; echo $?`,
	`printf 'one two three four\n' | fold -s -w 9; printf 'abc\tdef\n' | fold -w 10; printf 'no newline' | fold -w 3; printf 'ab\tc\n\n' | fold -b -w 3; fold -5 poem; printf 'a b\rc de\n' | fold -s -3`,
	`printf '1\n2\n3\n' > x; paste -s poem x; paste -d ':,' x x x; paste -s -d '\n:' x; paste -d '\0' x x; paste -sd+ poem; seq 70000 | paste -s | wc -l`,
	`mktemp -p . tXXXXXX | wc -c; mktemp -q nowhere/aXXXXXX; echo $?; sed 's/two/2/' poem > c; cmp -n 4 poem c; echo $?; cmp -n 5 poem c; cmp -n 99 poem poem; echo $?`,
	"printf 'a\\tb\\n\\tc\\td\\n  \\te\\n' > x; expand x; expand -i x; expand -t 4 x; expand x | unexpand -a; expand x | unexpand -t 4; printf 'a        b  c\\n ae       d\\n a b   c\\n' | unexpand -a; expand missing; echo $?",
	`printf 'a\nb\r\n' > x; unix2dos x; od -c x; dos2unix x; od -c x; printf 'a\r\n' | dos2unix | od -c; printf 'a\n' | dos2unix -d | od -c; unix2dos missing; echo $?`,
	`chown $(stat -c %u poem):$(stat -c %g poem) poem; echo $?; chown -R $(stat -c %u sub) sub; echo $?; chown no-such-user poem; echo $?; chgrp $(stat -c %g poem) poem; echo $?; chgrp no-such-group poem; echo $?; chown 0 missing; echo $?`,
	`link poem hard; test poem -ef hard; echo $?; link poem hard; echo $?; link missing x; echo $?`,
	`echo QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi | base64 -d > x.bz2; bzcat x.bz2; bzcat < x.bz2; bunzip2 -k x.bz2; ls; cat x; bunzip2 x.bz2; echo $?; bunzip2 -f x.bz2; ls; bunzip2 poem; echo $?; bzcat poem; echo $?; bunzip2 -t missing; echo $?`,
	`echo UEsDBBQAAAAAAONAaVwAAAAAAAAAAAAAAAACAAAAZC9QSwMEFAAAAAgA40BpXDXqLd8HAAAAKAAAAAcAAABkL2EudHh0S+RKJAoCAFBLAwQUAAAACADjQGlcbn5gCQgAAAAGAAAABAAAAHBvZW3LL8lILeICAFBLAwQUAAAACADjQGlcxPLH9gQAAAACAAAABQAAAGIudHh0S+ICAFBLAQIUAxQAAAAAAONAaVwAAAAAAAAAAAAAAAACAAAAAAAAAAAAEADtQQAAAABkL1BLAQIUAxQAAAAIAONAaVw16i3fBwAAACgAAAAHAAAAAAAAAAAAAACkASAAAABkL2EudHh0UEsBAhQDFAAAAAgA40BpXG5+YAkIAAAABgAAAAQAAAAAAAAAAAAAAKQBTAAAAHBvZW1QSwECFAMUAAAACADjQGlcxPLH9gQAAAACAAAABQAAAAAAAAAAAAAApAF2AAAAYi50eHRQSwUGAAAAAAQABADKAAAAnQAAAAAA | base64 -d > a.zip; unzip -l a.zip; mkdir out; unzip a.zip -d out; ls -R out; cat out/d/a.txt; unzip -o a poem; cat poem; unzip -p a.zip b.txt; unzip -q a.zip 'b*'; ls; unzip -qj a.zip d/a.txt; ls; unzip missing; echo $?`,
	`chmod 640 poem; sed -i s/one/1/ poem; stat -c %a poem; gzip poem; stat -c %a poem.gz; gunzip poem.gz; stat -c %a poem`,
	`expr 1 + 2; expr 7 / 2; expr abc : 'a\(b\)'; expr 3 \> 2; expr length abc; expr a = b; echo $?; expr substr hello 2 3; expr 2 \* 3 + 1`,
	`printf '%s-%d\n' a 1 b 2; printf '%5.2f|%x|%o|%c\n' 1.5 255 8 z; printf '%-5s|%05d\n' ab 42; printf '%b' 'a\tb\n'; printf '%%\n'`,
	`mkdir -p d/e; touch d/e/f; ls d; ls -R d; ls -1 .; ls -d d; ls -A sub; ls -p; ls missing; echo $?; rmdir d; echo $?; rm -r d; ls`,
	`cp poem copy; cmp poem copy; echo $?; echo x > other; cmp poem other; echo $?; mv copy moved; ls; cp -r sub sub2; ls sub2; cp missing x; echo $?`,
	`ln -s poem link; readlink link; cat link; readlink -f link | sed 's/.*\///'; ln poem hard; ls; test poem -ef hard; echo $?; test -L link; echo $?`,
	`tar cf a.tar poem sub; tar tf a.tar | sort; mkdir out; tar xf a.tar -C out; ls -R out; tar cf - poem | tar tf -; tar xf a.tar -O poem`,
	`tar czf a.tgz sub && tar tzf a.tgz | sort; tar cf b.tar -C sub a.txt; tar tf b.tar; cp poem p; gzip p; ls p*; gunzip -c p.gz; gzip -d p.gz; ls p; zcat missing; echo $?`,
	`chmod 640 poem; stat -c '%a %A %s %n' poem; chmod u+x,g-r poem; stat -c %a poem; chmod a=r poem; stat -c %a poem; stat -c %F sub`,
	`diff poem poem; echo $?; sed 's/two/2/' poem > changed; diff -u poem changed | tail -n +3; diff -q poem changed; echo $?`,
	`date -u -d '2026-03-09 08:07:06' '+%Y-%m-%d %H:%M:%S %j %a %b %e %y'; date -u -d @0 +%s; date -u -d @86400`,
	`dd if=poem bs=4 count=2 2>/dev/null; dd if=poem bs=1 skip=4 count=3 2>/dev/null; dd if=poem of=copy bs=7 2>/dev/null; cmp poem copy`,
	`env -i A=1 env; env A=2 sh -c 'echo $A'; env -u HOME sh -c 'echo ${HOME-none}'`,
	`yes | head -n 2; yes a b | head -n1; true; echo $?; false; echo $?; test 1 -lt 2 && echo y; [ a = b ] || echo n; test -z ""; echo $?`,
	`tee copy < poem | wc -l; cat copy; echo more | tee -a copy > /dev/null; wc -l copy; mktemp -u nameXXXXXX | wc -c`,
	`sort missing; echo $?; grep x missing; echo $?; cat missing; echo $?; head missing; echo $?; wc missing; echo $?; rm missing; echo $?; mv missing x; echo $?`,
	`du -s sub > /dev/null; echo $?; which sh > /dev/null; echo $?; which nothing-of-that-name; echo $?; strings -n 3 poem; realpath . | wc -l; unlink poem; ls`,
	`cp -v poem copy; mv -v copy sub/moved; mkdir -v d; truncate -s 5 poem; wc -c poem; truncate -s 1k new; wc -c new; usleep 10; echo $?`,
	`chmod 640 poem; find . -perm 640; find . -perm -600 -type f | sort; find . -perm /040 -name poem; seq 9 | shuf | sort; shuf -e a b | wc -l`,
	`shuf -i 1-5 | sort; seq 9 | shuf -n 2 | wc -l; tar xf missing; echo $?`,
	// the shell
	`set -o pipefail; false | true; echo $?; set +o pipefail; false | true; echo $?`,
	`f() { local x=1; echo $x; return 4; }; f; echo $?; x=abc; echo ${x#a} ${x%c} ${x/b/B} ${x:1} ${x:0:2} ${#x} ${y:-d} ${y:=e} $y ${x:+set}`,
	`for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done; while :; do break; done; until true; do :; done; echo end`,
	`case abc in a*) echo a;; *) echo other;; esac; case x in [a-f]) echo no;; x|y) echo xy;; esac; case '' in '') echo empty;; esac`,
	`echo $((1+2*3)) $((7%3)) $((1<<4)) $((5>3)) $((!0)); i=5; echo $((i++)) $i $((--i)); echo $((0x10)) $((2**3))`,
	"cat <<EOF\na $((1+1)) $(echo b) `echo c`\nEOF\ncat <<'EOF'\n$x\nEOF\ncat <<-EOF\n\ttab\n\tEOF",
	`echo a > f; echo b >> f; cat f; { echo out; echo err >&2; } > all 2>&1; cat all; exec 3>f3; echo x >&3; exec 3>&-; cat f3; cat < f | cat`,
	`trap 'echo bye' EXIT; echo hi; exit 3`,
	`set -e; echo a; false; echo b`,
	`echo 'unterminated`,
	"read a b <<EOF\n1 2 3\nEOF\necho \"$a|$b\"; printf 'x\\ny\\n' | while read l; do echo \"<$l>\"; done; printf 'a:b' | { IFS=: read x y; echo $x-$y; }",
	`set -- a 'b c' d; echo $# "$2"; shift; echo $1; for x; do echo "[$x]"; done; echo "$*" | cat; (IFS=,; echo "$*"); set --; echo $#`,
	`sleep 0.01 & wait $!; echo $?; (exit 3) & wait $!; echo $?; wait; echo done`,
	`(cd /; pwd); x=1; (x=2); echo $x; { x=3; }; echo $x`,
	`type cd; command -v cd; command -v nothing-of-that-name; echo $?; unalias nothing-of-that-name 2>/dev/null; echo $?`,
	`set -- -a -b x -c; while getopts ab:c o; do echo $o $OPTARG; done; echo $OPTIND; eval 'echo ev'; . ./script; echo $sourced; exec echo replaced`,
	`echo a*; echo *.none; echo sub/*.txt; echo "s*"; set -f; echo s*; set +f; echo [ps]*`,
	`nothing-of-that-name; echo $?; echo x > /nowhere-at-all/x; echo $?; cat < /nowhere-at-all; echo $?`,
	`echo -n a; echo -e 'b\tc\n'; echo 'i'"j"k; echo a\ b; test "a b" = a\ b && echo eq`,
	"x=$(echo multi; echo line); echo \"$x\"; echo $x; y=$(false); echo $?; z=`echo back`; echo $z $(echo $(echo nested)); readonly r=1; echo $r",
	`umask; export E=1; sh -c 'echo $E'; unset E; echo ${E-unset}; V=temp sh -c 'echo $V'; echo ${V-none}; pwd | wc -l`,
}

func TestSameAsBusybox(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		if os.Getenv("WASMLET_REQUIRE_TOOLS") == "1" {
			t.Fatal("busybox is not installed: apt-get install busybox")
		}
		t.Skip("busybox is not installed: apt-get install busybox")
	}
	for _, script := range slices.Concat(sameAsBusybox, awkAsBusybox) {
		t.Run(script, func(t *testing.T) {
			theirs := runBusybox(t, busybox, prepared(t), script)
			ours := run(prepared(t), "", "sh", "-c", script)
			if ours.status != theirs.status || ours.out != theirs.out {
				t.Errorf("status %d and\n%s(%s)\nnot %d and\n%s(%s)", ours.status, ours.out, ours.err, theirs.status, theirs.out, theirs.err)
			}
		})
	}
}

func prepared(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "work")
	files := map[string]string{"poem": poem, "sub/a.txt": "a\n", "sub/.hidden": "hidden\n", "sub/deep/b.txt": "", "script": "sourced=yes\n"}
	for name, content := range files {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
	}
	return dir
}

func runBusybox(t *testing.T, busybox, dir, script string) result {
	links := t.TempDir()
	for _, name := range Names() {
		os.Symlink(busybox, filepath.Join(links, name))
	}
	var out, complaints bytes.Buffer
	command := exec.Command(filepath.Join(links, "ash"), "-c", script)
	command.Dir, command.Env = dir, []string{"PATH=" + links, "HOME=/", "A=1"}
	command.Stdout, command.Stderr = &out, &complaints
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), out.String(), strings.TrimSpace(complaints.String())}
}
