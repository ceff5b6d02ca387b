package applets

import (
	"archive/tar"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/pattern"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

const tarLong = "create=c,extract=x,get=x,list=t,file=f,directory=C,verbose=v,gzip=z,gunzip=z,bzip2=j,to-stdout=O,touch=m," +
	"dereference=h,keep-old-files=k,exclude=X,files-from=T,strip-components=S,no-same-permissions=o,no-same-owner=o," +
	"overwrite=P,no-recursion=N,numeric-owner=n,preserve-permissions=p,same-permissions=p,auto-compress=a,absolute-names=P"

type archiver struct {
	process  *program.Process
	options  program.Options
	dir      string
	excluded []*regexp.Regexp
	strip    int
	linked   map[[2]uint64]string // names of files with several links
	status   int
}

// tarMain makes archives (c), unpacks them (x) and lists them (t).
func tarMain(process *program.Process) int {
	if len(process.Args) > 1 && !strings.HasPrefix(process.Args[1], "-") {
		process.Args = oldStyle(process.Args)
	}
	options, names, err := process.Parse("acC:f:hjkmnNOoPpS:T:tvX*xz", strings.Split(tarLong, ",")...)
	if err != nil {
		return badUsage(process, err)
	}
	work := &archiver{process: process, options: options, dir: process.Dir, linked: map[[2]uint64]string{}}
	if err := work.prepare(); err != nil {
		return process.Fail("%s", err)
	}
	switch {
	case options.Has("c"):
		err = work.create(names)
	case options.Has("x"):
		err = work.extract(names)
	case options.Has("t"):
		err = work.list(names)
	default:
		return usageOf(process)
	}
	if err != nil {
		return process.Fail("%s", tarReason(err))
	}
	return work.status
}

func tarReason(err error) string {
	switch {
	case errors.Is(err, tar.ErrHeader):
		return "invalid tar magic"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "short read"
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Sprintf("%s: %s", at.Path, program.Reason(err))
	}
	return program.Reason(err)
}

// oldStyle turns `tar cfC FILE DIR` into `tar -c -f FILE -C DIR`.
func oldStyle(args []string) []string {
	changed, rest := []string{args[0]}, args[2:]
	for _, letter := range args[1] {
		changed = append(changed, "-"+string(letter))
		if strings.ContainsRune("fCTX", letter) && len(rest) > 0 {
			changed, rest = append(changed, rest[0]), rest[1:]
		}
	}
	return append(changed, rest...)
}

func (a *archiver) prepare() error {
	if dir, given := a.options['C']; given {
		a.dir = a.process.Path(dir)
		if info, err := os.Stat(a.dir); err != nil || !info.IsDir() {
			return fmt.Errorf("can't change directory to '%s': %s", dir, program.Reason(cmpError(err, errNotDirectory)))
		}
	}
	if text, given := a.options['S']; given {
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			return fmt.Errorf("invalid number '%s'", text)
		}
		a.strip = number
	}
	for _, each := range strings.Split(a.options['X'], "\n") {
		if each == "" {
			continue
		}
		expression, err := pattern.Regexp(each, 0)
		if err != nil {
			return err
		}
		a.excluded = append(a.excluded, regexp.MustCompile("(?:^|/)(?:"+expression+")(?:/|$)"))
	}
	return nil
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (a *archiver) isExcluded(name string) bool {
	return slices.ContainsFunc(a.excluded, func(each *regexp.Regexp) bool { return each.MatchString(name) })
}

func (a *archiver) create(names []string) error {
	names, err := a.namesToStore(names)
	if err != nil {
		return err
	}
	output, file := a.process.Stdout, a.options.Or('f', "-")
	if file != "-" {
		made, err := a.process.Open(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		defer made.Close()
		output = made
	}
	if a.options.Has("z") || (a.options.Has("a") && strings.HasSuffix(file, "gz")) {
		packed := gzip.NewWriter(output)
		defer packed.Close()
		output = packed
	}
	writer := tar.NewWriter(output)
	for _, name := range names {
		if err := a.store(writer, name); err != nil {
			return err
		}
	}
	return writer.Close()
}

func (a *archiver) namesToStore(names []string) ([]string, error) {
	if list, given := a.options['T']; given {
		err := readInput(a.process, list, func(_ string, input io.Reader) error {
			return eachLine(input, func(line string) error { names = append(names, line); return nil })
		})
		return names, err
	}
	if len(names) == 0 {
		return nil, errors.New("empty archive: which files?")
	}
	return names, nil
}

// store writes a file and what is below it. What cannot be read is complained about.
func (a *archiver) store(writer *tar.Writer, name string) error {
	if err := a.process.Context.Err(); err != nil {
		return err
	}
	if a.isExcluded(name) {
		return nil
	}
	place := program.Join(a.dir, name)
	look := os.Lstat
	if a.options.Has("h") {
		look = os.Stat
	}
	info, err := look(place)
	if err != nil {
		a.status = a.process.FailAt(name, err)
		return nil
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	if err := a.storeOne(writer, name, place, info); err != nil || !info.IsDir() || a.options.Has("N") {
		return err
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		a.status = a.process.FailAt(name, err)
	}
	for _, entry := range entries {
		if err := a.store(writer, joined(name, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (a *archiver) storeOne(writer *tar.Writer, name, place string, info fs.FileInfo) error {
	var file *os.File
	header, err := a.header(name, place, info)
	if err == nil && header.Typeflag == tar.TypeReg {
		file, err = os.Open(place)
	}
	if err != nil {
		a.status = a.process.FailAt(name, err)
		return nil
	}
	if a.options.Has("v") {
		fmt.Fprintln(a.messages(), header.Name)
	}
	if err := writer.WriteHeader(header); err != nil || file == nil {
		return err
	}
	defer file.Close()
	return a.storeContent(writer, name, file, header.Size)
}

// messages go where the archive does not.
func (a *archiver) messages() io.Writer {
	if a.options.Or('f', "-") == "-" && a.options.Has("c") || a.options.Has("O") {
		return a.process.Stderr
	}
	return a.process.Stdout
}

// storeContent writes as many bytes as the header has promised, however the file has changed since.
func (a *archiver) storeContent(writer *tar.Writer, name string, file io.Reader, size int64) error {
	copied, err := io.CopyN(writer, file, size)
	if err == nil {
		return nil
	}
	if err != io.EOF {
		a.status = a.process.FailAt(name, err)
	} else {
		a.status = a.process.Fail("%s: File shrank by %d bytes; padding with zeros", name, size-copied)
	}
	_, err = io.CopyN(writer, zeroReader{}, size-copied)
	return err
}

type zeroReader struct{}

func (zeroReader) Read(data []byte) (int, error) {
	clear(data)
	return len(data), nil
}

func (a *archiver) header(name, place string, info fs.FileInfo) (*tar.Header, error) {
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if link, err = os.Readlink(place); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return nil, err
	}
	status := statusOf(place, info)
	header.Mode, header.Uid, header.Gid = int64(status.Mode&0o7777), int(status.UID), int(status.GID)
	header.Uname, header.Gname = nameOr(nil, userNames(status.UID)), groupNames(status.GID)
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.ModTime = header.ModTime.Truncate(time.Second)
	header.Name = strings.TrimLeft(path.Clean(name), "/")
	if strings.HasPrefix(name, "./") && header.Name != "." {
		header.Name = "./" + header.Name
	}
	if name == "." || name == "./" {
		header.Name = "."
	}
	if header.Name == "" {
		header.Name = "."
	}
	if info.IsDir() {
		header.Name += "/"
	}
	a.noteLinks(header, status)
	return header, nil
}

func (a *archiver) noteLinks(header *tar.Header, status host.Status) {
	key := [2]uint64{status.Device, status.Inode}
	if header.Typeflag != tar.TypeReg || status.Links < 2 || status.Inode == 0 {
		return
	}
	if first, known := a.linked[key]; known {
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		return
	}
	a.linked[key] = header.Name
}

func (a *archiver) open() (*tar.Reader, func(), error) {
	file := a.options.Or('f', "-")
	input, closing := a.process.Stdin, func() {}
	if file != "-" {
		opened, err := a.process.Open(file, os.O_RDONLY)
		if err != nil {
			return nil, nil, fmt.Errorf("can't open '%s': %s", file, program.Reason(err))
		}
		input, closing = opened, func() { opened.Close() }
	}
	input, err := unpacked(input, a.options)
	return tar.NewReader(input), closing, err
}

// unpacked looks at the first bytes for what an archive is packed by.
func unpacked(input io.Reader, options program.Options) (io.Reader, error) {
	reader := newPeeker(input)
	beginning, _ := reader.Peek(3)
	switch {
	case string(beginning[:min(2, len(beginning))]) == "\x1f\x8b":
		return gzip.NewReader(reader)
	case string(beginning) == "BZh":
		return bzip2.NewReader(reader), nil
	case options.Has("z"):
		return nil, errors.New("invalid magic")
	}
	return reader, nil
}

func (a *archiver) each(names []string, use func(*tar.Header, *tar.Reader) error) error {
	reader, closing, err := a.open()
	if err != nil {
		return err
	}
	defer closing()
	found := map[string]bool{}
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		wanted := wantedBy(names, header.Name)
		if (len(names) > 0 && wanted == "") || a.isExcluded(strings.TrimSuffix(header.Name, "/")) {
			continue
		}
		found[wanted] = true
		if err := use(header, reader); err != nil {
			return err
		}
	}
	for _, name := range names {
		if !found[name] {
			a.status = a.process.Fail("%s: not found in archive", name)
		}
	}
	return nil
}

func wantedBy(names []string, member string) string {
	for _, name := range names {
		clean := strings.TrimSuffix(name, "/")
		if member == clean || strings.HasPrefix(member, clean+"/") {
			return name
		}
	}
	return ""
}

func (a *archiver) list(names []string) error {
	output := buffered(a.process)
	defer output.Flush()
	return a.each(names, func(header *tar.Header, _ *tar.Reader) error {
		name := header.Name
		if a.options.Has("v") {
			mode := strings.Replace(modeText(uint64(header.Mode)), "-", kindOfMember(header), 1)
			name = fmt.Sprintf("%s %s/%s %9d %s %s", mode, ownerName(header.Uname, header.Uid), ownerName(header.Gname, header.Gid),
				header.Size, header.ModTime.UTC().Format(time.DateTime), name)
			if header.Linkname != "" {
				name += " -> " + header.Linkname
			}
		}
		_, err := output.WriteString(name + "\n")
		return err
	})
}

func ownerName(name string, number int) string {
	if name != "" {
		return name
	}
	return itoa(number)
}

func kindOfMember(header *tar.Header) string {
	switch header.Typeflag {
	case tar.TypeDir:
		return "d"
	case tar.TypeSymlink:
		return "l"
	case tar.TypeChar:
		return "c"
	case tar.TypeBlock:
		return "b"
	case tar.TypeFifo:
		return "p"
	}
	return "-"
}

func (a *archiver) extract(names []string) error {
	type dated struct {
		path string
		time time.Time
	}
	var directories []dated // their times are set at the end: what is put into them changes them
	err := a.each(names, func(header *tar.Header, content *tar.Reader) error {
		name, inside := a.target(header.Name)
		if !inside {
			return nil
		}
		if a.options.Has("v") {
			fmt.Fprintln(a.messages(), header.Name)
		}
		if a.options.Has("O") {
			_, err := io.Copy(a.process.Stdout, content)
			return err
		}
		if err := a.restore(header, name, content); err != nil {
			a.status = a.process.Fail("can't create %s: %s", header.Name, program.Reason(err))
			return nil
		}
		if header.Typeflag == tar.TypeDir && !a.options.Has("m") {
			directories = append(directories, dated{name, header.ModTime})
		}
		return nil
	})
	slices.Reverse(directories)
	for _, each := range directories {
		os.Chtimes(each.path, each.time, each.time) // the times of directories are no content
	}
	return err
}

// target is where a member goes: never above the directory, whatever its name says.
func (a *archiver) target(name string) (string, bool) {
	parts := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	if slices.Contains(strings.Split(name, "/"), "..") {
		a.status = a.process.Fail("name with '..' skipped: '%s'", name)
		return "", false
	}
	if len(parts) <= a.strip && a.strip > 0 {
		return "", false
	}
	return path.Join(a.dir, path.Join(parts[a.strip:]...)), true
}

func (a *archiver) restore(header *tar.Header, name string, content io.Reader) error {
	if err := os.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	info, err := os.Lstat(name)
	exists := err == nil
	if exists && a.options.Has("k") && header.Typeflag != tar.TypeDir {
		return nil
	}
	if exists && !info.IsDir() {
		os.Remove(name) // what cannot be removed is opened, and tells why not
	}
	switch header.Typeflag {
	case tar.TypeDir:
		err = os.MkdirAll(name, 0o777)
	case tar.TypeSymlink:
		return os.Symlink(header.Linkname, name)
	case tar.TypeLink:
		source, inside := a.target(header.Linkname)
		if !inside {
			return fs.ErrInvalid
		}
		return os.Link(source, name)
	case tar.TypeReg:
		err = a.restoreFile(name, content)
	default:
		return fmt.Errorf("WASI makes no devices and pipes")
	}
	if err != nil {
		return err
	}
	mode := uint32(header.Mode & 0o7777)
	if !a.options.Has("p") {
		mode &= 0o777 &^ 0o022
	}
	host.Chmod(name, mode) // where the host cannot, the file has the mode of every new one
	if !a.options.Has("m") && header.Typeflag == tar.TypeReg {
		return os.Chtimes(name, header.ModTime, header.ModTime)
	}
	return nil
}

func (a *archiver) restoreFile(name string, content io.Reader) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
