package applets

import (
	"fmt"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

func date(process *program.Process) int {
	_, words, err := process.Parse("u")
	if err != nil {
		return badUsage(process, err)
	}
	format := "%a %b %e %H:%M:%S UTC %Y"
	if len(words) > 0 {
		found := false
		if format, found = strings.CutPrefix(words[0], "+"); !found {
			return process.Fail("%s: the clock is the node's: it can be read, not set", words[0])
		}
	}
	process.Printf("%s\n", strftime(format, time.Now().UTC()))
	return 0
}

// The container knows no other time zone than UTC.
var dateFields = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'D': "01/02/06", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func strftime(format string, now time.Time) string {
	var text strings.Builder
	for index := 0; index < len(format); index++ {
		if format[index] != '%' || index+1 == len(format) {
			text.WriteByte(format[index])
			continue
		}
		index++
		switch letter := format[index]; letter {
		case '%':
			text.WriteByte('%')
		case 's':
			fmt.Fprintf(&text, "%d", now.Unix())
		case 'N':
			fmt.Fprintf(&text, "%09d", now.Nanosecond())
		default:
			text.WriteString(now.Format(dateFields[letter]))
		}
	}
	return text.String()
}
