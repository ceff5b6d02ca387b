package applets

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// base64Main encodes, or decodes with -d. Lines have 76 letters, or as many as -w says, 0: all in one.
func base64Main(process *program.Process) int {
	options, names, err := process.Parse("diw:", "decode=d", "wrap=w", "ignore-garbage=i")
	if err != nil {
		return badUsage(process, err)
	}
	width, err := strconv.Atoi(options.Or('w', "76"))
	if err != nil || width < 0 {
		return badUsage(process, errors.New("invalid number '"+options['w']+"'"))
	}
	return eachInput(process, names, func(_ string, input io.Reader) error {
		if options.Has("d") {
			_, err := io.Copy(process.Stdout, base64.NewDecoder(base64.StdEncoding, input))
			var corrupt base64.CorruptInputError
			if errors.As(err, &corrupt) || err == io.ErrUnexpectedEOF {
				return errors.New("truncated input")
			}
			return err
		}
		output := buffered(process)
		defer output.Flush()
		wrapped := &wrapper{output: output, width: width}
		encoder := base64.NewEncoder(base64.StdEncoding, wrapped)
		if _, err := io.Copy(encoder, input); err != nil {
			return err
		}
		encoder.Close()
		if wrapped.column > 0 {
			output.WriteByte('\n')
		}
		return nil
	})
}

type wrapper struct {
	output        *bufio.Writer
	width, column int
}

func (w *wrapper) Write(data []byte) (int, error) {
	if w.width == 0 {
		w.column += len(data)
		return w.output.Write(data)
	}
	written := 0
	for written < len(data) {
		length := min(len(data)-written, w.width-w.column)
		if _, err := w.output.Write(data[written : written+length]); err != nil {
			return written, err
		}
		written += length
		w.column += length
		if w.column == w.width {
			w.output.WriteByte('\n')
			w.column = 0
		}
	}
	return written, nil
}
