package program

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Reason is why something failed, without the operation and the path that Go names, in C's words.
func Reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		err = number
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
