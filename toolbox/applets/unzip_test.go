package applets

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeZip(t *testing.T, path string, members ...[2]string) {
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	defer archive.Close()
	for _, member := range members {
		header := &zip.FileHeader{Name: member[0]}
		if member[0] == "link" {
			header.SetMode(os.ModeSymlink | 0o777)
		}
		content, err := archive.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		content.Write([]byte(member[1]))
	}
}

func TestAnArchiveDoesNotLeadOutOfItsDirectory(t *testing.T) {
	dir := prepared(t)
	writeZip(t, filepath.Join(dir, "x.zip"), [2]string{"link", "../sub"}, [2]string{"link/a.txt", "bad"}, [2]string{"../poem", "bad"},
		[2]string{"/kept", "kept"})
	got := run(dir, "", "unzip", "-qo", "x.zip", "-d", "out")
	complaints := "unzip: link/a.txt: A name below a link of the archive is skipped\nunzip: ../poem: A name with '..' is skipped\n"
	if got != (result{1, "", complaints}) {
		t.Errorf("%+v", got)
	}
	for name, expected := range map[string]string{"sub/a.txt": "a\n", "poem": poem, "out/kept": "kept"} {
		if content, _ := os.ReadFile(filepath.Join(dir, name)); string(content) != expected {
			t.Errorf("%s: %q", name, content)
		}
	}
	if target, _ := os.Readlink(filepath.Join(dir, "out", "link")); target != "../sub" {
		t.Error(target)
	}
}

func TestPatternsOfMembers(t *testing.T) {
	dir := prepared(t)
	writeZip(t, filepath.Join(dir, "x.zip"), [2]string{"d/e/a.txt", "1"}, [2]string{"b.txt", "2"}, [2]string{"c", "3"})
	for pattern, expected := range map[string]string{"*.txt": "12", "d/*": "1", "b.txt": "2", "[": ""} {
		if got := run(dir, "", "unzip", "-p", "x.zip", pattern); got.out != expected {
			t.Errorf("%s: %+v", pattern, got)
		}
	}
}

func TestALinkOfAnArchiveHasAName(t *testing.T) {
	dir := prepared(t)
	writeZip(t, filepath.Join(dir, "x.zip"), [2]string{"link", strings.Repeat("x", 5000)})
	if got := run(dir, "", "unzip", "-q", "x.zip"); got != (result{1, "", "unzip: link: The target of a link is too long\n"}) {
		t.Errorf("%+v", got)
	}
}
