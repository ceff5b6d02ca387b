package applets

// Programs of awk, which print and end as with busybox.
var awkAsBusybox = []string{
	`awk '{print $1}' poem; awk '/o/' poem; awk 'END{print NR}' poem; awk 'NR==2' poem; awk '{print NR": "$0}' poem sub/a.txt; awk '!/o/' poem`,
	`echo 'a b c' | awk '{print $2, $NF, NF}'; echo a:b | awk -F: '{print $2}'; echo 'a,b' | awk -F, -v OFS=- '{$1=$1; print}'; echo a1b22c | awk -F'[0-9]+' '{print $3}'`,
	`printf '1 x\n2 y\n3 x\n' | awk '{s[$2]+=$1} END{print s["x"], s["y"], length(s)}'; awk 'BEGIN{x["a"]; if ("a" in x) print "in"; delete x["a"]; print ("a" in x)}'`,
	`awk 'BEGIN{printf "%5d|%-5s|%05.1f|%x|%c|%c|%e|%g|%i%%\n", 42, "ab", 3.14159, 255, 65, "xyz", 12345.678, 0.0001, 7.9}'`,
	`awk 'BEGIN{for(i=0;i<3;i++) printf "%d ", i; print ""; while(i-->0) printf i; print ""; do { i++ } while (i<5); print i; for(;;) if (i++>9) break; print i}'`,
	`awk 'function f(n) { return n<2 ? n : f(n-1)+f(n-2) } BEGIN { print f(15) }'; awk 'function fill(a, k) { a[k]=1 } BEGIN { fill(x, "k"); for (i in x) print i }'`,
	`awk 'BEGIN{print length("hello"), substr("hello",2,3), substr("hello",-1), substr("hello",4,9), index("hello","l"), toupper("aB"), tolower("aB")}'`,
	`awk 'BEGIN{s="hello"; n=gsub(/l/,"[&]",s); print n, s; sub(/h/,"\\&",s); print s; t="aaa"; print gsub("a","b",t), t}'; echo 'foo bar' | awk '{gsub("o","0"); print; print $1}'`,
	`awk 'BEGIN{print match("foobar",/o+/), RSTART, RLENGTH; print match("x",/y/), RSTART, RLENGTH; n=split("a:b:c",p,":"); print n, p[1], p[3]; print split("",q), split("a1b2c",r,/[0-9]/), r[3]}'`,
	`awk 'BEGIN{print 1==1.0, "a"<"b", "10"<"9", 10<9, 1" "2, 7%3, 1e3, 1/4, 0.1+0.2, 100000*100000, 1e6, 1234567.5}'; echo '10 9' | awk '{print ($1>$2), ($1<$2"")}'`,
	`awk 'BEGIN{getline y < "poem"; print y; close("poem"); getline y < "poem"; print y; print (getline z < "missing"); while ((getline x) > 0) print "got " x; getline < "sub/a.txt"; print}' poem`,
	`awk '{print > "out." NR} END{close("out.1")}' poem; cat out.1 out.4`,
	`awk 'BEGIN{print "x" > "f"; print "y" >> "f"; close("f"); while ((getline l < "f") > 0) print "read", l}'; awk 'BEGIN { getline; print "first " $0; getline v; print v, NR } END { print NR }' poem`,
	`awk 'NR==1{next} {print} NR==3{exit 4} END{print "end"}' poem; echo $?; awk 'BEGIN{exit} END{print "end"}'; awk 'BEGIN{exit 3} END{exit}'; echo $?; awk 'BEGIN { printf "a" ; exit 1 }'; echo $?`,
	`awk '/two/,/three/' poem; awk 'NR==2,NR==2{print "r", $0}' poem; awk '$1 ~ /^t/ && NR>2 || /four/' poem; awk '$0 !~ "o"' poem; awk 'length > 3' poem; awk 'length($0) == 3 {print; n++} END {print n}' poem`,
	`printf 'a b\nc\n\nd\n\n\n\ne f\n' | awk -v RS= '{print NR": "$1"-"$NF; n=NF} END{print n}'; printf 'a;b;c' | awk -v RS=';' '{print}'; printf 'a1b22c' | awk -v RS='[0-9]+' '{print}'; printf 'x y\nz' | awk -v RS= -F: '{print $2}'`,
	`awk -v x='a\tb' 'BEGIN{print x}'; awk '{print v}' v=1 poem v=2 sub/a.txt; awk 'BEGIN{print ARGC, ARGV[1]}' one; awk 'BEGIN{print ENVIRON["A"]}'; awk '{print FILENAME, FNR, NR}' sub/a.txt poem`,
	`printf 'BEGIN { print "file" }\n' > prog; awk -f prog; awk -f missing; echo $?; awk 'BEGIN{' 2>/dev/null; echo $?`,
	`echo 'a b c d' | awk '{$3=""; print; print NF; NF=2; print; $5="e"; print; print NF}'; echo ' lead  trail ' | awk '{$1=$1; print "[" $0 "]"}'; echo 'a b' | awk '{$0="x y z"; print NF, $3}'`,
	`awk 'BEGIN { a["x",1]=5; for (k in a) { split(k, p, SUBSEP); print p[1], p[2] } if (("x",1) in a) print "yes"; }'; awk 'BEGIN { print (1>2) ? "a" : "b"; print !0, !"", !"a", - "3x", +"4" }'`,
	`awk 'BEGIN{x=5; x+=2; x*=3; x-=1; x/=4; print x; x%=7; print x; print x++ + ++x, x--; print x; y = z = 3; print y z; print 1,2,3; print(1)(2); print (1,2)}'`,
	`awk '# a comment
	BEGIN {
		if (1) # another
			print "then"
		else
			print "else"
		if (0) print "no"; else print "yes"
		for (i = 1; i <= 2; i++)
			for (j = 1; j <= 2; j++) {
				if (j == 2) continue
				print i, \
					j
			}
		while (i > 0) { if (--i == 1) break }
		print i
	}
	function g(a,
		b) { return a b }
	END { print g("x", "y") }' poem`,
	`awk 'BEGIN { print substr("hello", 2); print length(); print length }' < /dev/null; echo abc | awk '{ print length, length() }'; awk 'BEGIN { print "1e2x" + 0, ".5." + 0 }'`,
	`awk 'BEGIN { printf "%s\n", "to err" > "/dev/stderr"; print "out" > "/dev/stdout" }' 2>&1; printf 'a\nb\n' | awk '{ print } END { print NR }' /dev/stdin`,
	`awk 'BEGIN { OFS="-"; $0 = "a b c"; $1 = $1; print; print $1, $2; CONVFMT="%.2g"; a = 3.14159; b = a ""; print b; OFMT="%.3f"; print a, 17, a "" }'`,
	`awk 'BEGIN { print int(3.9), int(-3.9), int("4x") }'; awk 'BEGIN { srand(1); a = rand(); srand(1); print (a == rand()), (a < 1), srand() }'`,
	`awk 'BEGIN { print "a\"b", "tab\there", "back\\slash", "nl\\n", "\101", "\/" ; print "a.b" ~ /a\.b/, "axb" ~ /a\.b/, "a/b" ~ /a\/b/, "a]b" ~ /a[]]b/, "a-b" ~ /[a\-]b/, "+" ~ /^[+]$/, "ab" ~ "^a.$" }'`,
	`awk 'BEGIN { print "ab" ~ /^(a|b)+$/, "aab" ~ /^a{2}b$/, "a{2}" ~ /a\{2\}/, "A1" ~ /^[[:upper:]][[:digit:]]$/, "x y" ~ /x[ \t]y/, "." ~ /^[.]$/ }'; echo 'a|b' | awk -F'|' '{print $2}'; echo 'a.b' | awk -F. '{print $2}'`,
	`awk 'BEGIN { print toupper(substr("abc", 1, 1)) substr("abc", 2) }'`,
	`seq 5 | awk '{ s += $1 } END { print s, s / NR }'; seq 3 | awk 'BEGIN { ORS = ";" } { print } END { printf "\n" }'; seq 10 | awk 'NR % 2 == 0'; seq 3 | awk '{ a[NR] = $0 } END { for (i = NR; i > 0; i--) print a[i] }'`,
	`printf 'k v1\nk v2\nj v3\n' | awk '!seen[$1]++'; printf 'x=1\ny=2\n' | awk -F= '{ v[$1] = $2 } END { print v["x"] + v["y"] }'; awk 'BEGIN { a = "10"; b = 9; print (a > b), (a + 0 > b) }'; yes | awk 'NR == 3 { print; exit }'`,
	`awk 'BEGIN { if (!(3 in a)) print "absent"; a[3]; print length(a); delete a; print length(a); $3 = "x"; print NF, $0; print -3 % 2; x["b"] = 1; f(x); print x["c"] } function f(y) { y["c"] = 2 }'`,
	`df -P / | awk 'NR == 2 { print ($6 == "/") }'; cat poem | awk '{ print $1 }' | awk 'END { print $0 }'; ls | awk '/^s/ { printf "%s ", $0 } END { print "" }'; awk 'BEGIN { while (i < 3) { i++; if (i == 2) continue; print i } }'`,
}
