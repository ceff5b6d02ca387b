package shell

import (
	"fmt"
	"regexp"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/condition"
)

// testClause is [[ ... ]].
func (s *Shell) testClause(clause *syntax.TestClause) error {
	s.status = 0
	holds, err := s.test(clause.X)
	if err != nil {
		return s.expansionFailed(err)
	}
	if !holds {
		s.status = 1
	}
	return nil
}

func (s *Shell) test(expression syntax.TestExpr) (bool, error) {
	switch expression := expression.(type) {
	case *syntax.ParenTest:
		return s.test(expression.X)
	case *syntax.BinaryTest:
		return s.binaryTest(expression)
	case *syntax.UnaryTest:
		return s.unaryTest(expression)
	case *syntax.Word:
		text, err := expand.Literal(s.expansion(), expression)
		return text != "", err
	}
	return false, fmt.Errorf("%s: this test is not part of this shell's language", describe(expression))
}

func (s *Shell) binaryTest(expression *syntax.BinaryTest) (bool, error) {
	if expression.Op == syntax.AndTest || expression.Op == syntax.OrTest {
		left, err := s.test(expression.X)
		if err != nil || left == (expression.Op == syntax.OrTest) {
			return left, err
		}
		return s.test(expression.Y)
	}
	left, err := s.testWord(expression.X)
	if err != nil {
		return false, err
	}
	right, _ := expression.Y.(*syntax.Word)
	switch expression.Op {
	case syntax.TsMatch, syntax.TsMatchShort:
		return s.matches(left, right)
	case syntax.TsNoMatch:
		matches, err := s.matches(left, right)
		return !matches, err
	}
	word, err := s.testWord(expression.Y)
	if err != nil {
		return false, err
	}
	if expression.Op == syntax.TsReMatch {
		compiled, err := regexp.Compile(word)
		return err == nil && compiled.MatchString(left), err
	}
	return condition.Binary(s.process, left, expression.Op.String(), word)
}

func (s *Shell) unaryTest(expression *syntax.UnaryTest) (bool, error) {
	if expression.Op == syntax.TsNot {
		holds, err := s.test(expression.X)
		return !holds, err
	}
	word, err := s.testWord(expression.X)
	if err != nil {
		return false, err
	}
	if expression.Op == syntax.TsVarSet {
		return environ{s}.Get(word).Set, nil
	}
	return condition.Unary(s.process, expression.Op.String(), word)
}

func (s *Shell) testWord(expression syntax.TestExpr) (string, error) {
	word, isWord := expression.(*syntax.Word)
	if !isWord {
		return "", fmt.Errorf("%s: a word belongs here", describe(expression))
	}
	return expand.Literal(s.expansion(), word)
}
