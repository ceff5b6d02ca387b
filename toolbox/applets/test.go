package applets

import (
	"errors"
	"fmt"

	"wasmlet.dev/toolbox/condition"
	"wasmlet.dev/toolbox/program"
)

// test is also [, which wants a ] at its end. The status is 0, 1 or, for a question that makes no sense, 2.
func test(process *program.Process) int {
	words := process.Args[1:]
	if process.Name() == "[" {
		if len(words) == 0 || words[len(words)-1] != "]" {
			return badUsage(process, errors.New("missing ]"))
		}
		words = words[:len(words)-1]
	}
	question := question{process: process, words: words}
	holds, err := question.either()
	if err == nil && len(question.words) > 0 {
		err = fmt.Errorf("%s: unexpected operator", question.words[0])
	}
	if err != nil {
		return badUsage(process, err)
	}
	if holds {
		return 0
	}
	return 1
}

// question is what is left to read of one, by recursive descent: -o, -a, !, then comparisons and parentheses.
type question struct {
	process *program.Process
	words   []string
}

func (q *question) take() string {
	word := q.words[0]
	q.words = q.words[1:]
	return word
}

func (q *question) next(word string) bool {
	return len(q.words) > 0 && q.words[0] == word
}

func (q *question) either() (bool, error) {
	holds, err := q.both()
	for err == nil && q.next("-o") {
		q.take()
		var other bool
		other, err = q.both()
		holds = holds || other
	}
	return holds, err
}

func (q *question) both() (bool, error) {
	holds, err := q.negation()
	for err == nil && q.next("-a") {
		q.take()
		var other bool
		other, err = q.negation()
		holds = holds && other
	}
	return holds, err
}

func (q *question) negation() (bool, error) {
	if q.next("!") && len(q.words) > 1 && !(len(q.words) == 3 && condition.IsBinary(q.words[1])) {
		q.take()
		holds, err := q.negation()
		return !holds, err
	}
	return q.primary()
}

func (q *question) primary() (bool, error) {
	switch {
	case len(q.words) == 0:
		return false, nil
	case len(q.words) > 2 && condition.IsBinary(q.words[1]):
		left, operator, right := q.take(), q.take(), q.take()
		return condition.Binary(q.process, left, operator, right)
	case len(q.words) > 1 && condition.IsUnary(q.words[0]):
		operator, operand := q.take(), q.take()
		return condition.Unary(q.process, operator, operand)
	case q.next("(") && len(q.words) > 2:
		return q.inParentheses()
	}
	return q.take() != "", nil
}

func (q *question) inParentheses() (bool, error) {
	q.take()
	holds, err := q.either()
	if err == nil && !q.next(")") {
		err = errors.New("missing )")
	}
	if err == nil {
		q.take()
	}
	return holds, err
}
