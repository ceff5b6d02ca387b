package shell

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

// reading is what the options of read say.
type reading struct {
	raw, silent bool
	end         byte
	most        int // letters, 0: to the end of the line
	patience    time.Duration
	prompt      string
	names       []string
}

// read takes one line. The rest of the input is for others, so it is read byte by byte.
func (s *Shell) read(args []string) error {
	options, err := readOptions(args)
	if err != nil {
		s.complain("%s", err)
		s.status = 2
		return nil
	}
	input := s.streams.reader(0)
	if options.prompt != "" && s.asProcess("read").IsTerminal(0) {
		fmt.Fprint(s.streams.writer(2), options.prompt)
	}
	line, ended, isLate := s.readLine(input, options)
	s.status = 0
	if ended {
		s.status = 1
	}
	if isLate {
		s.status = 128 + 14
	}
	values := s.split(line, len(options.names), options.raw)
	for index, name := range options.names {
		if err := s.assign(name, values[index]); err != nil {
			s.fail("read: %s", err)
		}
	}
	return nil
}

func readOptions(args []string) (reading, error) {
	options := reading{end: '\n'}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for word != "" {
			letter := word[0]
			word = word[1:]
			if strings.IndexByte("rse", letter) >= 0 {
				options.raw = options.raw || letter == 'r'
				options.silent = options.silent || letter == 's'
				continue
			}
			if strings.IndexByte("dnNptu", letter) < 0 {
				return options, fmt.Errorf("read: illegal option -%c", letter)
			}
			if word == "" && len(args) > 0 {
				word, args = args[0], args[1:]
				if word == "" {
					word = "\x00"
				}
			}
			if err := options.take(letter, word); err != nil {
				return options, err
			}
			word = ""
		}
	}
	options.names = args
	if len(args) == 0 {
		options.names = []string{"REPLY"}
	}
	return options, nil
}

func (r *reading) take(letter byte, value string) error {
	var err error
	switch letter {
	case 'd':
		r.end = (value + "\x00")[0]
	case 'n', 'N':
		r.most, err = strconv.Atoi(value)
	case 'p':
		r.prompt = strings.Trim(value, "\x00")
	case 't':
		var seconds float64
		seconds, err = strconv.ParseFloat(value, 64)
		r.patience = time.Duration(seconds * float64(time.Second))
	case 'u':
		if value != "0" {
			err = fmt.Errorf("read: -u: only descriptor 0 can be read from")
		}
	}
	if err != nil {
		return fmt.Errorf("read: bad number %s", value)
	}
	return nil
}

func (s *Shell) readLine(input io.Reader, options reading) (line string, ended, isLate bool) {
	if options.patience > 0 {
		limited, cancel := context.WithTimeout(context.Background(), options.patience)
		defer cancel()
		result := make(chan string, 1)
		program.Go(func() {
			var text string
			text, ended = readBytes(program.Input{Reader: input, Context: limited}, options)
			result <- text
		})
		select {
		case line = <-result:
			return line, ended, ended && limited.Err() != nil
		case <-limited.Done():
			return "", true, true
		}
	}
	line, ended = readBytes(input, options)
	return line, ended, false
}

func readBytes(reader io.Reader, options reading) (line string, ended bool) {
	single := make([]byte, 1)
	escaped := false
	for {
		if count, err := reader.Read(single); count == 0 && err != nil {
			return line, true
		}
		if single[0] == options.end && !escaped {
			return line, false
		}
		if single[0] == '\n' && escaped {
			line, escaped = line[:len(line)-1], false // a continued line
			continue
		}
		escaped = !options.raw && !escaped && single[0] == '\\'
		line += string(single)
		if options.most > 0 && len(line) >= options.most {
			return line, false
		}
	}
}
