package awk

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// builtins by their names, with how many arguments they take.
var builtins = []struct {
	name        string
	least, most int
	call        func(*machine, []node) value
}{
	{"and", 2, 2, ofBits(func(a, b uint64) uint64 { return a & b })},
	{"atan2", 2, 2, func(m *machine, a []node) value {
		y := m.number(a[0])
		return num(math.Atan2(y, m.number(a[1])))
	}},
	{"close", 1, 2, func(m *machine, a []node) value { return num(m.closeNamed(m.text(a[0]))) }},
	{"compl", 1, 1, func(m *machine, a []node) value { return num(float64(^uint64(m.number(a[0])) & (1<<53 - 1))) }},
	{"cos", 1, 1, ofNumber(math.Cos)},
	{"exp", 1, 1, ofNumber(math.Exp)},
	{"fflush", 0, 1, func(m *machine, a []node) value { m.flush(); return num(0) }},
	{"gensub", 3, 4, (*machine).gensub},
	{"gsub", 2, 3, func(m *machine, a []node) value { return m.replace(a, true) }},
	{"index", 2, 2, func(m *machine, a []node) value {
		text, part := m.text(a[0]), m.text(a[1])
		if part == "" {
			return num(0)
		}
		return num(float64(count(text, strings.Index(text, part)) + 1))
	}},
	{"int", 1, 1, ofNumber(integer)},
	{"length", 0, 1, (*machine).length},
	{"log", 1, 1, ofNumber(math.Log)},
	{"lshift", 2, 2, ofBits(func(a, b uint64) uint64 { return a << b })},
	{"match", 2, 3, (*machine).match},
	{"mktime", 1, 1, func(m *machine, a []node) value { return num(moment(m.text(a[0]))) }},
	{"or", 2, 2, ofBits(func(a, b uint64) uint64 { return a | b })},
	{"rand", 0, 0, func(m *machine, _ []node) value { return num(m.nextRand()) }},
	{"rshift", 2, 2, ofBits(func(a, b uint64) uint64 { return a >> b })},
	{"sin", 1, 1, ofNumber(math.Sin)},
	{"split", 2, 3, (*machine).splitInto},
	{"sprintf", 1, 1 << 10, (*machine).sprintf},
	{"sqrt", 1, 1, ofNumber(math.Sqrt)},
	{"srand", 0, 1, (*machine).srand},
	{"strftime", 0, 3, (*machine).strftime},
	{"sub", 2, 3, func(m *machine, a []node) value { return m.replace(a, false) }},
	{"substr", 2, 3, (*machine).substr},
	{"system", 1, 1, func(m *machine, a []node) value { return num(m.system(m.text(a[0]))) }},
	{"systime", 0, 0, func(*machine, []node) value { return num(float64(time.Now().Unix())) }},
	{"tolower", 1, 1, func(m *machine, a []node) value { return str(strings.ToLower(m.text(a[0]))) }},
	{"toupper", 1, 1, func(m *machine, a []node) value { return str(strings.ToUpper(m.text(a[0]))) }},
	{"xor", 2, 2, ofBits(func(a, b uint64) uint64 { return a ^ b })},
}

func isBuiltin(name string) bool { return numberOf(name) >= 0 }

// numberOf a function in the list, -1 where there is none.
func numberOf(name string) int {
	for number := range builtins {
		if builtins[number].name == name {
			return number
		}
	}
	return -1
}

func (p *parser) builtin(name string) node {
	line := p.token().line
	var arguments []node
	if p.is("(") {
		p.at++
		arguments = p.inParentheses(")")
	} else if name != "length" {
		p.unexpected()
	}
	found := builtins[numberOf(name)]
	if len(arguments) < found.least || len(arguments) > found.most {
		fail("line %d: %s is given %d arguments", line, name, len(arguments))
	}
	if (name == "sub" || name == "gsub") && len(arguments) == 3 && arguments[2].place == nil {
		constant := arguments[2] // is changed in vain
		arguments[2].place = func(m *machine) place { return place{item: &item{value: constant.eval(m)}, field: noField} }
	}
	if name == "split" && arguments[1].cell == nil || name == "match" && len(arguments) == 3 && arguments[2].cell == nil {
		fail("line %d: %s wants an array", line, name)
	}
	return node{eval: func(m *machine) value { return found.call(m, arguments) }}
}

func ofNumber(calculate func(float64) float64) func(*machine, []node) value {
	return func(m *machine, a []node) value { return num(calculate(m.number(a[0]))) }
}

func ofBits(calculate func(a, b uint64) uint64) func(*machine, []node) value {
	return func(m *machine, a []node) value {
		first := uint64(m.number(a[0]))
		return num(float64(calculate(first, uint64(m.number(a[1])))))
	}
}

// count is how many letters end at a byte, -1 where there is none.
func count(text string, bytes int) int {
	if bytes < 0 {
		return -1
	}
	return utf8.RuneCountInString(text[:bytes])
}

func (m *machine) length(a []node) value {
	if len(a) == 0 {
		return num(float64(utf8.RuneCountInString(m.record())))
	}
	if a[0].cell != nil {
		if variable := a[0].cell(m); variable.array != nil || (variable.caller != nil && variable.caller.array != nil) {
			return num(float64(len(variable.asArray().items)))
		}
	}
	return num(float64(utf8.RuneCountInString(m.text(a[0]))))
}

func (m *machine) substr(a []node) value {
	text := m.text(a[0])
	begin := math.RoundToEven(m.number(a[1]))
	end := math.Inf(1)
	if len(a) == 3 {
		end = math.RoundToEven(begin + m.number(a[2]))
	}
	if math.IsNaN(begin) || math.IsNaN(end) {
		return str("")
	}
	first, at := len(text), 1.0
	for place := range text {
		if at == math.Max(begin, 1) {
			first = place
		}
		if at >= end {
			return str(text[min(first, place):place])
		}
		at++
	}
	return str(text[first:])
}

func (m *machine) sprintf(a []node) value {
	values := make([]value, len(a))
	for number, each := range a {
		values[number] = each.eval(m)
	}
	return str(formatted(values[0].text(m.numberFormat()), values[1:], m.numberFormat()))
}

func (m *machine) splitInto(a []node) value {
	text := m.text(a[0])
	var parts []string
	switch {
	case len(a) == 2:
		parts = m.split(text, m.separators.s, m.special.rs.s == "")
	case text == "":
	case a[2].regex != nil:
		parts = splitBy(text, m.regex(a[2]))
	default:
		parts = m.split(text, m.text(a[2]), false)
	}
	into := a[1].cell(m).asArray()
	into.clear()
	for number, part := range parts {
		into.at(num(float64(number + 1)).text("")).value = fromInput(part)
	}
	return num(float64(len(parts)))
}

func (m *machine) match(a []node) value {
	text := m.text(a[0])
	found := m.regex(a[1]).FindStringSubmatchIndex(text)
	start, length := 0, -1
	if found != nil {
		start = count(text, found[0]) + 1
		length = count(text[found[0]:], found[1]-found[0])
	}
	m.special.rstart.value, m.special.rlength.value = num(float64(start)), num(float64(length))
	if len(a) == 3 {
		into := a[2].cell(m).asArray()
		into.clear()
		for group := 0; 2*group < len(found); group++ {
			if found[2*group] >= 0 {
				into.at(num(float64(group)).text("")).value = fromInput(text[found[2*group]:found[2*group+1]])
			}
		}
	}
	return num(float64(start))
}

// replace is sub and gsub, of $0 where nothing else is named.
func (m *machine) replace(a []node, all bool) value {
	pattern := m.regex(a[0])
	replacement := m.text(a[1])
	target := place{field: 0}
	if len(a) == 3 {
		target = a[2].place(m)
	}
	most := 1
	if all {
		most = -1
	}
	text := target.get(m).text(m.numberFormat())
	matches := pattern.FindAllStringSubmatchIndex(text, most)
	if len(matches) == 0 {
		return num(0)
	}
	target.set(m, str(replaced(text, matches, replacement, false)))
	return num(float64(len(matches)))
}

// replaced puts a text in the place of matches. An ampersand is the match, and with groups a number behind a backslash one of
// those.
func replaced(text string, matches [][]int, replacement string, groups bool) string {
	var result strings.Builder
	begin := 0
	for _, match := range matches {
		result.WriteString(text[begin:match[0]])
		for at := 0; at < len(replacement); at++ {
			letter := replacement[at]
			next := byte(0)
			if letter == '\\' && at+1 < len(replacement) {
				next = replacement[at+1]
			}
			group := 0
			switch {
			case next == '&' || next == '\\':
				result.WriteByte(next)
				at++
				continue
			case groups && next >= '0' && next <= '9':
				group = int(next - '0')
				at++
			case letter != '&':
				result.WriteByte(letter)
				continue
			}
			if 2*group < len(match) && match[2*group] >= 0 {
				result.WriteString(text[match[2*group]:match[2*group+1]])
			}
		}
		begin = match[1]
	}
	result.WriteString(text[begin:])
	return result.String()
}

// gensub gives the text that is changed, as GNU's awk does: all matches, or the one of that number.
func (m *machine) gensub(a []node) value {
	pattern := m.regex(a[0])
	replacement, how := m.text(a[1]), a[2].eval(m)
	text := m.record()
	if len(a) == 4 {
		text = m.text(a[3])
	}
	matches := pattern.FindAllStringSubmatchIndex(text, -1)
	if which := how.text(""); which == "" || (which[0] != 'g' && which[0] != 'G') {
		wanted := max(int(how.number()), 1)
		if wanted > len(matches) {
			return str(text)
		}
		matches = matches[wanted-1 : wanted]
	}
	return str(replaced(text, matches, replacement, true))
}

// srand gives the seed that was; without another one it is the time.
func (m *machine) srand(a []node) value {
	before := m.seed
	m.seed = uint64(time.Now().Unix())
	if len(a) == 1 {
		m.seed = uint64(int64(m.number(a[0])))
	}
	m.state = m.seed
	return num(float64(before))
}

func (m *machine) strftime(a []node) value {
	format, seconds := "%a %b %e %H:%M:%S %Z %Y", float64(time.Now().Unix())
	if len(a) > 0 {
		format = m.text(a[0])
	}
	if len(a) > 1 {
		seconds = m.number(a[1])
	}
	return str(m.Time(format, seconds, len(a) > 2 && a[2].eval(m).isTrue()))
}

// moment is what "YYYY MM DD HH MM SS" means, -1 for something else.
func moment(text string) float64 {
	words := strings.Fields(text)
	if len(words) < 6 {
		return -1
	}
	var parts []int
	for _, word := range words[:6] {
		parts = append(parts, int(fromInput(word).number()))
	}
	return float64(time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.Local).Unix())
}
