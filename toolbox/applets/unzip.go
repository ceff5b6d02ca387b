package applets

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"wasmlet.dev/toolbox/program"
)

const longestTarget = 4096

type unzipper struct {
	process  *program.Process
	options  program.Options
	dir      string
	excluded []*regexp.Regexp
	links    map[string]bool // that it has made
	status   int
}

// unzip takes files out of a zip archive: with -l it lists them, with -p it prints them. Files that are there are left
// alone, but for -o.
func unzip(process *program.Process) int {
	options, words, err := process.Parse("d:jlnopqx*")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return usageOf(process)
	}
	excluded, err := compiledGlobs(strings.Split(options['x'], "\n"))
	if err != nil {
		return badUsage(process, err)
	}
	wanted, err := compiledGlobs(words[1:])
	if err != nil {
		return badUsage(process, err)
	}
	work := &unzipper{process: process, options: options, dir: process.Path(options.Or('d', ".")), excluded: excluded, links: map[string]bool{}}
	name := words[0]
	file, err := os.Open(process.Path(name))
	if errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(name, ".zip") {
		name += ".zip"
		file, err = os.Open(process.Path(name))
	}
	if err == nil {
		defer file.Close()
		err = work.all(name, file, wanted)
	}
	if err != nil {
		return process.FailAt(name, err)
	}
	return work.status
}

func (u *unzipper) all(name string, file *os.File, wanted []*regexp.Regexp) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return errors.New("no zip archive")
	}
	members := slices.DeleteFunc(archive.File, func(each *zip.File) bool { return !u.isWanted(each.Name, wanted) })
	if !u.options.Has("pq") {
		u.process.Printf("Archive:  %s\n", name)
	}
	if u.options.Has("l") {
		u.list(members)
		return nil
	}
	for _, member := range members {
		program.Yield(u.process.Context)
		if err := u.extract(member); err != nil {
			u.status = u.process.FailAt(member.Name, err)
		}
	}
	return nil
}

func compiledGlobs(texts []string) ([]*regexp.Regexp, error) {
	var compiled []*regexp.Regexp
	for _, text := range texts {
		each, err := compiledGlob(text, false)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, each)
	}
	return compiled, nil
}

func (u *unzipper) isWanted(name string, wanted []*regexp.Regexp) bool {
	matches := func(pattern *regexp.Regexp) bool { return pattern.MatchString(name) }
	return (len(wanted) == 0 || slices.ContainsFunc(wanted, matches)) && !slices.ContainsFunc(u.excluded, matches)
}

func (u *unzipper) list(members []*zip.File) {
	u.process.Printf("  Length      Date    Time    Name\n---------  ---------- -----   ----\n")
	total := uint64(0)
	for _, each := range members {
		total += each.UncompressedSize64
		u.process.Printf("%9d  %s   %s\n", each.UncompressedSize64, each.Modified.Format("01-02-2006 15:04"), each.Name)
	}
	u.process.Printf("%9s                     -------\n%9d                     %d files\n", "--------", total, len(members))
}

func (u *unzipper) extract(member *zip.File) error {
	if u.options.Has("p") {
		return copyMember(u.process.Stdout, member)
	}
	if slices.Contains(strings.Split(member.Name, "/"), "..") {
		return errors.New("a name with '..' is skipped")
	}
	name := strings.TrimPrefix(member.Name, "/")
	if u.options.Has("j") {
		name = path.Base(name)
	}
	place := path.Join(u.dir, name)
	if u.isBelowLink(place) {
		return errors.New("a name below a link of the archive is skipped")
	}
	if member.FileInfo().IsDir() {
		if u.options.Has("j") {
			return nil
		}
		u.tell("   creating: %s\n", name)
		return os.MkdirAll(place, 0o777)
	}
	if err := os.MkdirAll(path.Dir(place), 0o777); err != nil {
		return err
	}
	return u.write(member, name, place)
}

// isBelowLink is true where a file would go wherever a link of the same archive leads.
func (u *unzipper) isBelowLink(place string) bool {
	for above := path.Dir(place); len(above) > len(u.dir); above = path.Dir(above) {
		if u.links[above] {
			return true
		}
	}
	return false
}

func (u *unzipper) write(member *zip.File, name, place string) error {
	if _, err := os.Lstat(place); err == nil {
		if u.options.Has("n") {
			return nil
		}
		if !u.options.Has("o") {
			return errors.New("it is there already: -o replaces it, -n leaves it alone")
		}
		os.Remove(place) // what cannot be removed is opened, and tells why not
	}
	u.tell("  inflating: %s\n", name)
	if member.Mode()&fs.ModeSymlink != 0 {
		if member.UncompressedSize64 > longestTarget {
			return errors.New("the target of a link is too long")
		}
		var target strings.Builder
		if err := copyMember(&target, member); err != nil {
			return err
		}
		u.links[place] = true
		return os.Symlink(target.String(), place)
	}
	file, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	err = copyMember(file, member)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chtimes(place, member.Modified, member.Modified)
	}
	return err
}

func (u *unzipper) tell(format string, name string) {
	if !u.options.Has("q") {
		fmt.Fprintf(u.process.Stdout, format, name)
	}
}

func copyMember(output io.Writer, member *zip.File) error {
	content, err := member.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(output, content)
	return err
}
