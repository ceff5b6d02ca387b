package applets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJoin(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a": "1 one\n2 two\n3 three\n", "b": "1 eins\n3 drei\n3 tres\n4 vier\n", "c": "1:k\n", "d": "k:x:y\n", "e": "K:z", "f": "\n1\n",
	} {
		os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
	}
	for words, expected := range map[string]result{
		"a b":                          {0, "1 one eins\n3 three drei\n3 three tres\n", ""},
		"-a 1 -a 2 a b":                {0, "1 one eins\n2 two\n3 three drei\n3 three tres\n4 vier\n", ""},
		"-v2 a b":                      {0, "4 vier\n", ""},
		"-a1 -e - -o 0,2.2 -o 1.2 a -": {0, "1 eins one\n2 - two\n3 - three\n", ""},
		"-t : -1 2 -2 1 c d":           {0, "k:1:x:y\n", ""},
		"-j 1 -i -t : e d":             {0, "K:z:x:y\n", ""},
		"-t : e d":                     {0, "", ""},
		"-a 1 f a":                     {0, "\n1 one\n", ""},
		"- -":                          {1, "", "join: both files cannot be the standard input\n"},
		"a .":                          {1, "", "join: .: Is a directory\n"},
		"a missing":                    {1, "", "join: missing: No such file or directory\n"},
		"-1 0 a b":                     {1, "", "join: invalid field number '0'\nUsage: join " + lookUp("join").usage + "\n"},
		"-o 3.1 a b":                   {1, "", "join: invalid field '3.1'\nUsage: join " + lookUp("join").usage + "\n"},
	} {
		if got := run(dir, "1 eins\n", append([]string{"join"}, strings.Fields(words)...)...); got != expected {
			t.Errorf("%s: %+v, not %+v", words, got, expected)
		}
	}
}

func TestTree(t *testing.T) {
	dir := prepared(t)
	os.Symlink("a.txt", filepath.Join(dir, "sub", "link"))
	for words, expected := range map[string]string{
		"tree": ".\n├── poem\n├── script\n└── sub\n    ├── a.txt\n    ├── deep\n    │   └── b.txt\n    └── link -> a.txt\n\n" +
			"2 directories, 5 files\n",
		"tree -d":           ".\n└── sub\n    └── deep\n\n2 directories, 0 files\n",
		"tree -a -L 1 sub":  "sub\n├── .hidden\n├── a.txt\n├── deep\n└── link -> a.txt\n\n1 directories, 3 files\n",
		"tree -f sub/deep":  "sub/deep\n└── sub/deep/b.txt\n\n0 directories, 1 files\n",
		"tree missing poem": "missing [error opening dir]\npoem [error opening dir]\n\n0 directories, 0 files\n",
	} {
		if got := run(dir, "", strings.Fields(words)...); got.out != expected {
			t.Errorf("%s: %+v, not %q", words, got, expected)
		}
	}
}

func TestFilesAreNotGivenAway(t *testing.T) {
	dir := prepared(t)
	refused := ": " + keepsOwner + "\n"
	for words, complaint := range map[string]string{
		"chown 12345 poem":        "chown: poem" + refused,
		"chown :12345 poem":       "chown: poem" + refused,
		"chgrp -R 12345 sub/deep": "chgrp: sub/deep" + refused + "chgrp: sub/deep/b.txt" + refused,
		"chown -f 12345 poem":     "",
	} {
		if got := run(dir, "", strings.Fields(words)...); got.status != 1 || got.err != complaint {
			t.Errorf("%s: %+v, not %q", words, got, complaint)
		}
	}
}

func TestNamesOfOwners(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	os.WriteFile(passwd, []byte("broken:x:broken\nuser:x:33:33\n"), 0o644)
	for name, expected := range map[string]int{"user": 33, "44": 44, "broken": unchanged, "other": unchanged} {
		if number, err := numberOf("user", passwd, name); number != expected || (err != nil) != (number == unchanged) {
			t.Errorf("%s: %d", name, number)
		}
	}
}

func TestTabs(t *testing.T) {
	for _, each := range []struct {
		input    string
		words    []string
		expected result
	}{
		{"\xe9\tb\n", []string{"expand"}, result{0, "\xe9       b\n", ""}},
		{"a\tb", []string{"expand"}, result{0, "a       b", ""}},
		{"        b", []string{"unexpand"}, result{0, "\tb", ""}},
		{"\t\t", []string{"expand", "-t", "9223372036854775807"},
			result{1, "", "expand: invalid number '9223372036854775807'\nUsage: expand " + lookUp("expand").usage + "\n"}},
	} {
		if got := run("/", each.input, each.words...); got != each.expected {
			t.Errorf("%q: %+v", each.words, got)
		}
	}
}
