package applets

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type unzipper struct {
	process  *program.Process
	options  program.Options
	dir      string
	excluded []string
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
	work := &unzipper{process: process, options: options, dir: process.Path(options.Or('d', ".")), excluded: strings.Split(options['x'], "\n")}
	name := words[0]
	file, err := os.Open(process.Path(name))
	if errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(name, ".zip") {
		name += ".zip"
		file, err = os.Open(process.Path(name))
	}
	if err == nil {
		defer file.Close()
		err = work.all(name, file, words[1:])
	}
	if err != nil {
		return process.FailAt(name, err)
	}
	return work.status
}

func (u *unzipper) all(name string, file *os.File, wanted []string) error {
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

func (u *unzipper) isWanted(name string, wanted []string) bool {
	matches := func(pattern string) bool { found, _ := path.Match(pattern, name); return found || pattern == name }
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
		var target strings.Builder
		if err := copyMember(&target, member); err != nil {
			return err
		}
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
