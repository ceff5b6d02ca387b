package sed

import "io"

// Output is where lines go. The newline that the last line of an input lacks is made up for when there is more to say.
type Output struct {
	Writer io.Writer
	lacks  bool // what was written last ends without a newline
}

// Write takes whole lines.
func (o *Output) Write(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	if o.lacks {
		if _, err := o.Writer.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
	}
	o.lacks = data[len(data)-1] != '\n'
	return o.Writer.Write(data)
}

// print writes a line, which `ended` without a newline in its input.
func (o *Output) print(text string, ended bool) error {
	if !ended {
		text += "\n"
	}
	_, err := io.WriteString(o, text)
	return err
}
