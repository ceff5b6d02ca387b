package applets

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"wasmlet.dev/toolbox/program"
)

var md5sum, sha1sum, sha256sum, sha512sum = checksum(md5.New), checksum(sha1.New), checksum(sha256.New), checksum(sha512.New)

// checksum prints digests of files, or with -c compares files with those in a list.
func checksum(algorithm func() hash.Hash) program.Main {
	return func(process *program.Process) int {
		options, names, err := process.Parse("bcstwq", "check=c", "status=s", "quiet=q", "binary=b", "text=t", "warn=w")
		if err != nil {
			return badUsage(process, err)
		}
		if options.Has("c") {
			return verify(process, options, names, algorithm)
		}
		return eachInput(process, names, func(name string, input io.Reader) error {
			digest, err := digestOf(input, algorithm)
			if err == nil {
				process.Printf("%s  %s\n", digest, name)
			}
			return err
		})
	}
}

func digestOf(input io.Reader, algorithm func() hash.Hash) (string, error) {
	sum := algorithm()
	_, err := io.Copy(sum, input)
	return hex.EncodeToString(sum.Sum(nil)), err
}

func verify(process *program.Process, options program.Options, names []string, algorithm func() hash.Hash) int {
	wrong, seen := 0, 0
	status := eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error {
			digest, name, found := strings.Cut(line, " ")
			if !found || len(name) < 2 {
				return nil
			}
			name = name[1:]
			seen++
			actual := ""
			err := readInput(process, name, func(_ string, input io.Reader) (err error) {
				actual, err = digestOf(input, algorithm)
				return err
			})
			switch {
			case err != nil:
				process.FailAt(name, err)
				wrong++
				if !options.Has("s") {
					process.Printf("%s: FAILED open or read\n", name)
				}
			case !strings.EqualFold(actual, digest):
				wrong++
				if !options.Has("s") {
					process.Printf("%s: FAILED\n", name)
				}
			case !options.Has("sq"):
				process.Printf("%s: OK\n", name)
			}
			return nil
		})
	})
	if seen == 0 && status == 0 {
		return process.Fail("no checksum lines found")
	}
	if wrong > 0 {
		if !options.Has("s") {
			process.Fail("WARNING: %d of %d computed checksums did NOT match", wrong, seen)
		}
		return 1
	}
	return status
}
