package applets

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

func newPeeker(input io.Reader) *bufio.Reader { return bufio.NewReaderSize(input, 64<<10) }

// gzipMain packs files, each in its place; with -c to the standard output, with -d unpacks. gunzip and zcat are it too.
func gzipMain(process *program.Process) int {
	options, names, err := process.Parse("123456789cdfhknqtv", "decompress=d", "uncompress=d", "stdout=c", "force=f", "keep=k",
		"test=t", "fast=1", "best=9")
	if err != nil {
		return badUsage(process, err)
	}
	unpacks := options.Has("dt") || process.Name() != "gzip"
	toOutput := options.Has("ct") || process.Name() == "zcat"
	level := gzip.DefaultCompression
	for letter := byte('1'); letter <= '9'; letter++ {
		if options.Has(string(letter)) {
			level = int(letter - '0')
		}
	}
	packed := func(name string) (string, bool) { return name + ".gz", true }
	convert := func(output io.Writer, input io.Reader) error { return pack(output, input, level) }
	if unpacks {
		packed, convert = func(name string) (string, bool) { return withoutSuffix(name, ".gz", ".tgz") }, unpack
	}
	return eachPacked(process, options, names, toOutput, packed, convert)
}

// bunzip2 unpacks files. bzcat is it too.
func bunzip2(process *program.Process) int {
	options, names, err := process.Parse("cdfkqtv", "stdout=c", "force=f", "keep=k", "test=t")
	if err != nil {
		return badUsage(process, err)
	}
	plain := func(name string) (string, bool) { return withoutSuffix(name, ".bz2", ".tbz") }
	return eachPacked(process, options, names, options.Has("ct") || process.Name() == "bzcat", plain, unpackBzip2)
}

// eachPacked converts files, each in its place or all to the standard output.
func eachPacked(process *program.Process, options program.Options, names []string, toOutput bool,
	rename func(name string) (string, bool), convert func(io.Writer, io.Reader) error) int {
	output := process.Stdout
	if options.Has("t") {
		output = io.Discard
	}
	if len(names) == 0 {
		names = []string{"-"}
	}
	status := 0
	for _, name := range names {
		var err error
		if name == "-" || toOutput {
			err = readInput(process, name, func(_ string, input io.Reader) error { return convert(output, input) })
		} else if target, known := rename(name); known {
			err = inPlace(process, name, target, options, convert)
		} else {
			err = errors.New("unknown suffix - ignored")
		}
		if err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

// withoutSuffix is what a packed file is called unpacked.
func withoutSuffix(name, suffix, ofTar string) (string, bool) {
	if packed, isTar := strings.CutSuffix(name, ofTar); isTar {
		return packed + ".tar", true
	}
	return strings.CutSuffix(name, suffix)
}

func unpackBzip2(output io.Writer, input io.Reader) error {
	_, err := io.Copy(output, bzip2.NewReader(newPeeker(input)))
	var broken bzip2.StructuralError
	switch {
	case errors.As(err, &broken):
		return errors.New("invalid magic or broken data")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("unexpected end of file")
	}
	return err
}

func pack(output io.Writer, input io.Reader, level int) error {
	writer, err := gzip.NewWriterLevel(output, level)
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, input); err != nil {
		return err
	}
	return writer.Close()
}

func unpack(output io.Writer, input io.Reader) error {
	reader, err := gzip.NewReader(newPeeker(input))
	if errors.Is(err, gzip.ErrHeader) || err == io.EOF {
		return errors.New("invalid magic")
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(output, reader)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("unexpected end of file")
	}
	return err
}

func inPlace(process *program.Process, name, target string, options program.Options, convert func(io.Writer, io.Reader) error) error {
	input, err := os.Open(process.Path(name))
	if err != nil {
		return err
	}
	defer input.Close()
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if options.Has("f") {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	output, err := os.OpenFile(process.Path(target), flags, 0o666)
	if err != nil {
		return err
	}
	keepMode(process.Path(name), process.Path(target))
	err = convert(output, input)
	if closed := output.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(process.Path(target))
		return err
	}
	if options.Has("k") {
		return nil
	}
	return os.Remove(process.Path(name))
}
