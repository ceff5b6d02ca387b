package applets

import (
	"regexp"
	"strconv"
	"syscall"
)

const (
	errIsDirectory  = syscall.EISDIR
	errNotDirectory = syscall.ENOTDIR
	errCrossDevice  = syscall.EXDEV
)

func itoa(number int) string {
	return strconv.Itoa(number)
}

func quotedExpression(text string) string { return regexp.QuoteMeta(text) }
