package applets

import (
	"strconv"
	"syscall"
)

const (
	errIsDirectory  = syscall.EISDIR
	errNotDirectory = syscall.ENOTDIR
)

func itoa(number int) string {
	return strconv.Itoa(number)
}
