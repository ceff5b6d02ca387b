package applets

import (
	"fmt"
	"os"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

// date prints the time, or that of -d, or a file's with -r, as a format says; the clock can be read, not set.
func date(process *program.Process) int {
	options, words, err := process.Parse("uRd:r:s:D:I", "utc=u", "rfc-2822=R", "date=d", "reference=r", "set=s", "iso-8601=I")
	if err != nil {
		var left []string
		for _, word := range process.Args {
			if !strings.HasPrefix(word, "-I") || word == "-I" {
				left = append(left, word)
			}
		}
		if len(left) == len(process.Args) {
			return badUsage(process, err)
		}
		return isoDate(process.With(left...), process.Args)
	}
	if options.Has("s") || (len(words) > 0 && !strings.HasPrefix(words[0], "+")) {
		return process.Fail("can't set date: Operation not permitted: the clock is the node's")
	}
	moment, err := momentOf(process, options)
	if err != nil {
		return process.Fail("%s", err)
	}
	format := "%a %b %e %H:%M:%S UTC %Y"
	switch {
	case len(words) > 0:
		format = words[0][1:]
	case options.Has("R"):
		format = "%a, %d %b %Y %H:%M:%S +0000"
	case options.Has("I"):
		format = "%F"
	}
	process.Printf("%s\n", strftime(format, moment.UTC()))
	return 0
}

// isoDate heeds -Iseconds and the like.
func isoDate(process *program.Process, args []string) int {
	formats := map[string]string{"date": "%F", "hours": "%FT%H+00:00", "minutes": "%FT%H:%M+00:00", "seconds": "%FT%T+00:00",
		"ns": "%FT%T,%N+00:00"}
	for _, word := range args {
		if format, known := formats[strings.TrimPrefix(word, "-I")]; known && strings.HasPrefix(word, "-I") {
			return date(process.With(append(process.Args, "+"+format)...))
		}
	}
	return badUsage(process, fmt.Errorf("invalid format of -I"))
}

func momentOf(process *program.Process, options program.Options) (time.Time, error) {
	if text, given := options['d']; given {
		return readTime(text)
	}
	if name, given := options['r']; given {
		info, err := os.Stat(process.Path(name))
		if err != nil {
			return time.Time{}, fmt.Errorf("%s: %s", name, program.Reason(err))
		}
		return info.ModTime(), nil
	}
	return time.Now(), nil
}

// The container knows no other time zone than UTC.
var dateFields = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': time.ANSIC, 'd': "02", 'e': "_2", 'D': "01/02/06", 'F': "2006-01-02",
	'h': "Jan", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'X': "15:04:05", 'x': "01/02/06", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func strftime(format string, now time.Time) string {
	var text strings.Builder
	for index := 0; index < len(format); index++ {
		if format[index] != '%' || index+1 == len(format) {
			text.WriteByte(format[index])
			continue
		}
		index++
		unpadded := format[index] == '-' && index+1 < len(format)
		if unpadded {
			index++
		}
		field := dateField(format[index], now)
		if unpadded {
			field = strings.TrimLeft(field[:max(0, len(field)-1)], "0 ") + field[max(0, len(field)-1):]
		}
		text.WriteString(field)
	}
	return text.String()
}

func dateField(letter byte, now time.Time) string {
	switch letter {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 's':
		return fmt.Sprint(now.Unix())
	case 'N':
		return fmt.Sprintf("%09d", now.Nanosecond())
	case 'u':
		return itoa((int(now.Weekday())+6)%7 + 1)
	case 'w':
		return itoa(int(now.Weekday()))
	case 'C':
		return fmt.Sprintf("%02d", now.Year()/100)
	case 'k':
		return fmt.Sprintf("%2d", now.Hour())
	case 'l':
		return now.Format("_3")
	case 'V', 'G':
		year, week := now.ISOWeek()
		if letter == 'G' {
			return itoa(year)
		}
		return fmt.Sprintf("%02d", week)
	case 'U':
		return fmt.Sprintf("%02d", (now.YearDay()+6-int(now.Weekday()))/7)
	}
	return now.Format(dateFields[letter])
}
