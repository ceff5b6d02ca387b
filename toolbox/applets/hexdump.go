package applets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// dumper prints rows of bytes. Rows that are as the one before are shown as one star.
type dumper struct {
	output  *bufio.Writer
	row     func(row []byte) string
	address string // format of the offset, "" for none
	all     bool
	noEnd   bool // the last offset is not shown
}

func (d *dumper) dump(input io.Reader, offset int64, width int) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	row, before := make([]byte, width), []byte(nil)
	starred := false
	for {
		length, err := io.ReadFull(reader, row)
		if length > 0 {
			isSame := !d.all && length == width && bytes.Equal(row, before)
			if !isSame {
				d.output.WriteString(d.offset(offset) + d.row(row[:length]) + "\n")
			} else if !starred {
				d.output.WriteString("*\n")
			}
			starred = isSame
			before = append(before[:0], row[:length]...)
			offset += int64(length)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if !d.noEnd && d.address != "" {
				d.output.WriteString(d.offset(offset) + "\n")
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *dumper) offset(number int64) string {
	if d.address == "" {
		return ""
	}
	return fmt.Sprintf(d.address, number)
}

// hexdump shows bytes as 16 bit words, or with -C as bytes and letters.
func hexdump(process *program.Process) int {
	options, names, err := process.Parse("bCcdn:os:vx", "canonical=C", "length=n", "skip=s", "no-squeezing=v")
	if err != nil {
		return badUsage(process, err)
	}
	dump := &dumper{output: buffered(process), row: words16, address: "%07x", all: options.Has("v")}
	switch {
	case options.Has("C"):
		dump.row, dump.address = canonical, "%08x"
	case options.Has("c"):
		dump.row = letters
	}
	if process.Name() == "hd" {
		dump.row, dump.address = canonical, "%08x"
	}
	return dump.part(process, names, options.Or('s', "0"), options['n'], 16)
}

// part shows so many bytes (all, where the count is empty) behind those that are skipped of all the files in a row.
func (d *dumper) part(process *program.Process, names []string, skip, count string, width int) int {
	defer d.output.Flush()
	skipped, err := size(skip)
	if err != nil {
		return badUsage(process, err)
	}
	reader, writer := io.Pipe()
	status := 0
	program.Go(func() {
		defer writer.Close()
		status = eachInput(process, names, func(_ string, input io.Reader) error {
			if seeker, isFile := program.Bare(input).(*os.File); isFile && len(names) == 1 && skipped > 0 {
				if _, err := seeker.Seek(skipped, io.SeekStart); err == nil {
					_, err := io.Copy(writer, input)
					return ignoreClosed(err)
				}
			} else if skipped > 0 {
				io.CopyN(io.Discard, input, skipped)
			}
			_, err := io.Copy(writer, input)
			return ignoreClosed(err)
		})
	})
	defer reader.Close()
	var input io.Reader = reader
	if count != "" {
		limit, err := size(count)
		if err != nil {
			return badUsage(process, err)
		}
		input = io.LimitReader(reader, limit)
	}
	if err := d.dump(input, skipped, width); err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	return status
}

func ignoreClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

func words16(row []byte) string {
	var text strings.Builder
	for index := 0; index < len(row); index += 2 {
		pair := [2]byte{}
		copy(pair[:], row[index:min(index+2, len(row))])
		fmt.Fprintf(&text, " %04x", binary.LittleEndian.Uint16(pair[:]))
	}
	return text.String()
}

func canonical(row []byte) string {
	var text strings.Builder
	for index := range 16 {
		if index%8 == 0 {
			text.WriteByte(' ')
		}
		if index < len(row) {
			fmt.Fprintf(&text, " %02x", row[index])
		} else {
			text.WriteString("   ")
		}
	}
	return text.String() + "  |" + printable(row) + "|"
}

func printable(row []byte) string {
	return string(bytes.Map(func(letter rune) rune {
		if letter < ' ' || letter > '~' {
			return '.'
		}
		return letter
	}, []byte(latin(row))))
}

// latin makes each byte one rune.
func latin(row []byte) string {
	runes := make([]rune, len(row))
	for index, letter := range row {
		runes[index] = rune(letter)
	}
	return string(runes)
}

var names = map[byte]string{0: `\0`, 7: `\a`, 8: `\b`, 9: `\t`, 10: `\n`, 11: `\v`, 12: `\f`, 13: `\r`}

func letters(row []byte) string {
	var text strings.Builder
	for _, letter := range row {
		shown := names[letter]
		if shown == "" {
			shown = fmt.Sprintf("%03o", letter)
			if letter >= ' ' && letter <= '~' {
				shown = string(rune(letter))
			}
		}
		text.WriteString(padLeft(shown, 4))
	}
	return text.String()
}

// od shows bytes as octal words (as -o does), with -c as letters, with -x as hexadecimal words, with -t as wished.
func od(process *program.Process) int {
	options, files, err := process.Parse("A:bcdj:N:ot:vw:x", "address-radix=A", "format=t", "skip-bytes=j", "read-bytes=N")
	if err != nil {
		return badUsage(process, err)
	}
	format := options.Or('t', "o2")
	for letter, same := range map[string]string{"c": "c", "x": "x2", "d": "u2", "b": "o1"} {
		if options.Has(letter) {
			format = same
		}
	}
	row, err := odRow(format)
	if err != nil {
		return badUsage(process, err)
	}
	address, known := map[string]string{"o": "%07o", "d": "%07d", "x": "%06x", "n": ""}[options.Or('A', "o")]
	if !known {
		return badUsage(process, fmt.Errorf("bad output address radix '%s'", options['A']))
	}
	dump := &dumper{output: buffered(process), row: row, address: address, all: options.Has("v")}
	return dump.part(process, files, options.Or('j', "0"), options['N'], 16)
}

func odRow(format string) (func([]byte) string, error) {
	if format == "c" || format == "a" {
		return letters, nil
	}
	kind, sizeText := format[0], strings.TrimRight(format[1:], "z")
	sizes := map[string]int{"": 4, "C": 1, "S": 2, "I": 4, "L": 8, "1": 1, "2": 2, "4": 4, "8": 8}
	length, known := sizes[sizeText]
	formats := map[byte]string{'o': "o", 'x': "x", 'u': "d", 'd': "d"}
	if !known || formats[kind] == "" {
		return nil, fmt.Errorf("invalid type string '%s'", format)
	}
	widths := map[byte][]int{'o': {3, 6, 0, 11, 0, 0, 0, 22}, 'x': {2, 4, 0, 8, 0, 0, 0, 16}, 'u': {3, 5, 0, 10, 0, 0, 0, 20},
		'd': {4, 6, 0, 11, 0, 0, 0, 20}}
	width := widths[kind][length-1]
	fill := "0"
	if kind == 'u' || kind == 'd' {
		fill = ""
	}
	return func(row []byte) string {
		var text strings.Builder
		for index := 0; index < len(row); index += length {
			word := make([]byte, 8)
			copy(word[:length], row[index:])
			value := binary.LittleEndian.Uint64(word)
			if kind == 'd' {
				shift := 64 - 8*length
				fmt.Fprintf(&text, " %*d", width, int64(value<<shift)>>shift)
				continue
			}
			text.WriteString(" " + fmt.Sprintf("%"+fill+strconv.Itoa(width)+formats[kind], value))
		}
		return text.String()
	}, nil
}

// xxd shows bytes in pairs and as letters, plain with -p, or makes bytes of such text with -r.
func xxd(process *program.Process) int {
	options, files, err := process.Parse("c:g:l:prs:u", "revert=r")
	if err != nil {
		return badUsage(process, err)
	}
	if options.Has("r") {
		return eachInput(process, files, func(_ string, input io.Reader) error { return fromHex(input, process.Stdout, options.Has("p")) })
	}
	width, group := 16, 2
	if options.Has("p") {
		width, group = 30, 256
	}
	for letter, number := range map[byte]*int{'c': &width, 'g': &group} {
		if text, given := options[letter]; given {
			if *number, err = strconv.Atoi(text); err != nil || *number < 0 || width < 1 {
				return badUsage(process, fmt.Errorf("invalid number '%s'", text))
			}
		}
	}
	if group == 0 {
		group = 256
	}
	dump := &dumper{output: buffered(process), address: "%08x:", all: true, noEnd: true, row: func(row []byte) string { return pairs(row, width, group) }}
	if options.Has("p") {
		dump.address, dump.row = "", hex.EncodeToString
	}
	return dump.part(process, files, options.Or('s', "0"), options['l'], width)
}

func pairs(row []byte, width, group int) string {
	var text strings.Builder
	for index := range width {
		if index%group == 0 {
			text.WriteByte(' ')
		}
		if index < len(row) {
			fmt.Fprintf(&text, "%02x", row[index])
		} else {
			text.WriteString("  ")
		}
	}
	return text.String() + "  " + printable(row)
}

func fromHex(input io.Reader, output io.Writer, plain bool) error {
	return eachLine(input, func(line string) error {
		if !plain {
			_, line, _ = strings.Cut(line, ":")
			line, _, _ = strings.Cut(strings.TrimLeft(line, " "), "  ")
		}
		data, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			return errors.New("this is no hexadecimal number: " + line)
		}
		_, err = output.Write(data)
		return err
	})
}
