package applets

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/posix"
	"wasmlet.dev/toolbox/program"
)

// exprReader reads an expression by precedence, the weakest operators first.
type exprReader struct{ words []string }

var exprLevels = [][]string{{"|"}, {"&"}, {"<", "<=", "=", "==", "!=", ">=", ">"}, {"+", "-"}, {"*", "/", "%"}, {":"}}

var errSyntax = errors.New("syntax error")

// expr computes: 0 is the status of a value, 1 of an empty string or 0, 2 of an error.
func expr(process *program.Process) int {
	reader := exprReader{process.Args[1:]}
	if len(reader.words) > 0 && reader.words[0] == "--" {
		reader.words = reader.words[1:]
	}
	if len(reader.words) == 0 {
		return badUsage(process, errors.New("too few arguments"))
	}
	value, err := reader.level(0)
	if err == nil && len(reader.words) > 0 {
		err = errSyntax
	}
	if err != nil {
		process.Fail("%s", err)
		return 2
	}
	process.Printf("%s\n", value)
	if isNothing(value) {
		return 1
	}
	return 0
}

func isNothing(value string) bool {
	number, err := strconv.ParseInt(value, 10, 64)
	return value == "" || (err == nil && number == 0)
}

func (r *exprReader) level(level int) (string, error) {
	if level == len(exprLevels) {
		return r.operand()
	}
	left, err := r.level(level + 1)
	for err == nil && len(r.words) > 0 && slices.Contains(exprLevels[level], r.words[0]) {
		operator := r.words[0]
		r.words = r.words[1:]
		var right string
		if right, err = r.level(level + 1); err == nil {
			left, err = compute(left, operator, right)
		}
	}
	return left, err
}

func (r *exprReader) operand() (string, error) {
	if len(r.words) == 0 {
		return "", errSyntax
	}
	word := r.words[0]
	r.words = r.words[1:]
	arguments := map[string]int{"match": 2, "substr": 3, "index": 2, "length": 1}[word]
	switch {
	case word == "(":
		value, err := r.level(0)
		if err == nil && (len(r.words) == 0 || r.words[0] != ")") {
			return "", errSyntax
		}
		if err == nil {
			r.words = r.words[1:]
		}
		return value, err
	case word == "+" && len(r.words) > 0:
		word, r.words = r.words[0], r.words[1:]
	case arguments > 0 && len(r.words) >= arguments:
		return r.function(word, arguments)
	}
	return word, nil
}

func (r *exprReader) function(name string, count int) (string, error) {
	var values []string
	for range count {
		value, err := r.operand()
		if err != nil {
			return "", err
		}
		values = append(values, value)
	}
	switch name {
	case "match":
		return compute(values[0], ":", values[1])
	case "length":
		return itoa(len(values[0])), nil
	case "index":
		return itoa(strings.IndexAny(values[0], values[1]) + 1), nil
	}
	start, startErr := strconv.Atoi(values[1])
	length, lengthErr := strconv.Atoi(values[2])
	if startErr != nil || lengthErr != nil || start < 1 || length < 1 || start > len(values[0]) {
		return "", nil
	}
	return values[0][start-1 : min(len(values[0]), start-1+length)], nil
}

func compute(left, operator, right string) (string, error) {
	one, firstErr := strconv.ParseInt(left, 10, 64)
	other, secondErr := strconv.ParseInt(right, 10, 64)
	areNumbers := firstErr == nil && secondErr == nil
	switch operator {
	case "|":
		if isNothing(left) {
			return right, nil
		}
		return left, nil
	case "&":
		if isNothing(left) || isNothing(right) {
			return "0", nil
		}
		return left, nil
	case ":":
		return matchPrefix(left, right)
	case "<", "<=", "=", "==", "!=", ">=", ">":
		order := strings.Compare(left, right)
		if areNumbers {
			order = int(max(-1, min(1, one-other)))
		}
		if ordered(order, operator) {
			return "1", nil
		}
		return "0", nil
	}
	if !areNumbers {
		return "", errors.New("non-numeric argument")
	}
	return calculate(one, operator, other)
}

func ordered(order int, operator string) bool {
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "!=":
		return order != 0
	}
	return order == 0
}

func calculate(one int64, operator string, other int64) (string, error) {
	if other == 0 && (operator == "/" || operator == "%") {
		return "", errors.New("division by zero")
	}
	switch operator {
	case "+":
		one += other
	case "-":
		one -= other
	case "*":
		one *= other
	case "/":
		one /= other
	case "%":
		one %= other
	}
	return strconv.FormatInt(one, 10), nil
}

// matchPrefix is the first group of a match at the beginning, or without groups the match's length.
func matchPrefix(text, expression string) (string, error) {
	compiled, err := posix.Compile("^"+strings.TrimPrefix(expression, "^"), false, false)
	if err != nil {
		return "", err
	}
	match := compiled.FindStringSubmatch(text)
	switch {
	case compiled.NumSubexp() > 0 && match == nil:
		return "", nil
	case compiled.NumSubexp() > 0:
		return match[1], nil
	case match == nil:
		return "0", nil
	}
	return itoa(len([]rune(match[0]))), nil
}
