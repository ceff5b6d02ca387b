package applets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for words, expected := range map[string]string{
		"split -l 2 - part.": "part.aa=1\n2\n part.ab=3\n4\n part.ac=5",
		"split -b 4 -a 3":    "xaaa=1\n2\n xaab=3\n4\n xaac=5",
		"split -b 1k":        "xaa=1\n2\n3\n4\n5",
		"split":              "xaa=1\n2\n3\n4\n5",
		"split -l 0":         "Usage: split [-l LINES | -b BYTES[bkm]] [-a LETTERS] [FILE [PREFIX]]\n",
		"split missing":      "split: missing: No such file or directory\n",
	} {
		dir := t.TempDir()
		got := run(dir, "1\n2\n3\n4\n5", strings.Fields(words)...)
		var made []string
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, file := range files {
			content, _ := os.ReadFile(file)
			made = append(made, filepath.Base(file)+"="+string(content))
		}
		if all := strings.Join(made, " ") + got.err; all != expected {
			t.Errorf("%s: %q, not %q", words, all, expected)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "xaa"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := run(dir, "1\n", "split"); got.status != 1 || got.err != "split: xaa: Is a directory\n" {
		t.Errorf("%+v", got)
	}
	got := run(t.TempDir(), strings.Repeat("line\n", 27), "split", "-l", "1", "-a", "1")
	if got.status != 1 || !strings.Contains(got.err, "There are no more names of that length") {
		t.Errorf("%+v", got)
	}
}
