package applets

import (
	"fmt"
	"os"
	"time"

	"wasmlet.dev/toolbox/program"
)

// touch makes files, or gives those that are there a new time: now, that of -d or that of another file (-r).
func touch(process *program.Process) int {
	options, names, err := process.Parse("acd:hmr:t:", "no-create=c", "date=d", "reference=r")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	moment := time.Now()
	if text, given := options['d']; given {
		if moment, err = readTime(text); err != nil {
			return process.Fail("%s", err)
		}
	}
	if text, given := options['t']; given {
		if moment, err = time.Parse("200601021504", text[:min(12, len(text))]); err != nil {
			return process.Fail("invalid date '%s'", text)
		}
	}
	if name, given := options['r']; given {
		info, err := os.Stat(process.Path(name))
		if err != nil {
			return process.FailAt(name, err)
		}
		moment = info.ModTime()
	}
	status := 0
	for _, name := range names {
		if err := touchOne(process.Path(name), moment, !options.Has("c")); err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func touchOne(path string, moment time.Time, makes bool) error {
	err := os.Chtimes(path, moment, moment)
	if !os.IsNotExist(err) {
		return err
	}
	if !makes {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Chtimes(path, moment, moment)
}

var timeFormats = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04",
	"2006-01-02", "15:04:05", "15:04", "200601021504", time.RFC1123Z, time.UnixDate, time.ANSIC,
}

// readTime reads a time in one of several forms. Seconds since 1970 have an @ before them.
func readTime(text string) (time.Time, error) {
	var number float64
	if _, err := fmt.Sscanf(text, "@%g", &number); err == nil {
		return time.Unix(int64(number), 0), nil
	}
	if text == "now" {
		return time.Now(), nil
	}
	for _, format := range timeFormats {
		moment, err := time.Parse(format, text)
		if err != nil {
			continue
		}
		if moment.Year() == 0 {
			now := time.Now().UTC()
			moment = moment.AddDate(now.Year(), int(now.Month())-1, now.Day()-1)
		}
		return moment, nil
	}
	return time.Time{}, fmt.Errorf("invalid date '%s'", text)
}
