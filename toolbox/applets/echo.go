package applets

import (
	"strings"

	"wasmlet.dev/toolbox/program"
)

func echo(process *program.Process) int {
	newline, escapes := "\n", false
	words := process.Args[1:]
	for len(words) > 0 && isEchoOption(words[0]) {
		for _, letter := range words[0][1:] {
			switch letter {
			case 'n':
				newline = ""
			default:
				escapes = letter == 'e'
			}
		}
		words = words[1:]
	}
	text := strings.Join(words, " ")
	if escapes {
		stopped := false
		if text, stopped = unescape(text); stopped {
			newline = ""
		}
	}
	if _, err := process.Stdout.Write([]byte(text + newline)); err != nil {
		return process.Fail("write error: %s", program.Reason(err))
	}
	return 0
}

func isEchoOption(word string) bool {
	return len(word) > 1 && word[0] == '-' && strings.Trim(word[1:], "neE") == ""
}

var escapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'e': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '"': '"',
}

// unescape heeds \n and the like. \c stops everything.
func unescape(text string) (result string, stopped bool) {
	var plain strings.Builder
	for index := 0; index < len(text); index++ {
		if text[index] != '\\' || index+1 == len(text) {
			plain.WriteByte(text[index])
			continue
		}
		index++
		letter := text[index]
		single, known := escapes[letter]
		switch {
		case letter == 'c':
			return plain.String(), true
		case known:
			plain.WriteByte(single)
		case letter == 'x':
			value, length := digits(text[index+1:], 16, 2)
			plain.WriteByte(value)
			index += length
		case letter >= '0' && letter <= '7':
			value, length := digits(text[index:], 8, 4)
			plain.WriteByte(value)
			index += length - 1
		default:
			plain.WriteString(text[index-1 : index+1])
		}
	}
	return plain.String(), false
}

func digits(text string, base, most int) (value byte, length int) {
	for length < len(text) && length < most {
		digit := strings.Index("0123456789abcdef", strings.ToLower(text[length:length+1]))
		if digit < 0 || digit >= base {
			break
		}
		value = value*byte(base) + byte(digit)
		length++
	}
	return value, length
}
