package shell

import (
	"fmt"
	"regexp"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// condition runs statements and tells whether the last succeeded.
func (s *Shell) condition(statements []*syntax.Stmt) (bool, error) {
	err := s.withoutChecks(func() error { return s.statements(statements) })
	return s.status == 0, err
}

func (s *Shell) ifClause(clause *syntax.IfClause) error {
	for branch := clause; branch != nil; branch = branch.Else {
		if len(branch.Cond) == 0 {
			return s.statements(branch.Then)
		}
		holds, err := s.condition(branch.Cond)
		if err != nil {
			return err
		}
		if holds {
			return s.statements(branch.Then)
		}
	}
	s.status = 0
	return nil
}

func (s *Shell) whileClause(clause *syntax.WhileClause) error {
	status := 0
	for {
		holds, err := s.condition(clause.Cond)
		if err == nil && holds != clause.Until {
			err = s.statements(clause.Do)
			status = s.status
		} else if err == nil {
			s.status = status
			return nil
		}
		if leave, passOn := afterRound(err); leave {
			return passOn
		}
	}
}

func (s *Shell) forClause(clause *syntax.ForClause) error {
	switch loop := clause.Loop.(type) {
	case *syntax.WordIter:
		if !clause.Select {
			return s.forWords(loop, clause.Do)
		}
	case *syntax.CStyleLoop:
		return s.forArithmetic(loop, clause.Do)
	}
	return fmt.Errorf("%s: this loop is not part of this shell's language", describe(clause))
}

func (s *Shell) forWords(loop *syntax.WordIter, body []*syntax.Stmt) error {
	words := s.params
	if loop.InPos.IsValid() {
		var err error
		if words, err = s.fields(loop.Items...); err != nil {
			return s.expansionFailed(err)
		}
	}
	s.status = 0
	for _, word := range words {
		if err := s.assign(loop.Name.Value, word); err != nil {
			return s.expansionFailed(err)
		}
		if leave, passOn := afterRound(s.statements(body)); leave {
			return passOn
		}
	}
	return nil
}

func (s *Shell) forArithmetic(loop *syntax.CStyleLoop, body []*syntax.Stmt) error {
	if _, err := s.evaluate(loop.Init, 1); err != nil {
		return s.expansionFailed(err)
	}
	for {
		holds, err := s.evaluate(loop.Cond, 1)
		if err != nil {
			return s.expansionFailed(err)
		}
		if holds == 0 {
			return nil
		}
		if leave, passOn := afterRound(s.statements(body)); leave {
			return passOn
		}
		if _, err := s.evaluate(loop.Post, 1); err != nil {
			return s.expansionFailed(err)
		}
	}
}

func (s *Shell) evaluate(expression syntax.ArithmExpr, missing int) (int, error) {
	if expression == nil {
		return missing, nil
	}
	return expand.Arithm(s.expansion(), expression)
}

func (s *Shell) caseClause(clause *syntax.CaseClause) error {
	word, err := expand.Literal(s.expansion(), clause.Word)
	if err != nil {
		return s.expansionFailed(err)
	}
	s.status = 0
	falling := false
	for _, item := range clause.Items {
		matched := falling
		if !matched {
			if matched, err = s.matchesAny(word, item.Patterns); err != nil {
				return s.expansionFailed(err)
			}
		}
		if !matched {
			continue
		}
		if err := s.statements(item.Stmts); err != nil || item.Op == syntax.Break {
			return err
		}
		falling = item.Op == syntax.Fallthrough
	}
	return nil
}

func (s *Shell) matchesAny(word string, patterns []*syntax.Word) (bool, error) {
	for _, each := range patterns {
		if matches, err := s.matches(word, each); matches || err != nil {
			return matches, err
		}
	}
	return false, nil
}

func (s *Shell) matches(word string, against *syntax.Word) (bool, error) {
	text, err := expand.Pattern(s.expansion(), against)
	if err != nil {
		return false, err
	}
	expression, err := pattern.Regexp(text, pattern.EntireString|pattern.ExtendedOperators)
	if err != nil {
		return false, err
	}
	compiled, err := regexp.Compile(expression)
	return err == nil && compiled.MatchString(word), err
}

func (s *Shell) timeClause(clause *syntax.TimeClause) error {
	start := time.Now()
	var err error
	if clause.Stmt != nil {
		err = s.statement(clause.Stmt)
	}
	fmt.Fprintf(s.streams.writer(2), "real\t%.3fs\n", time.Since(start).Seconds())
	return err
}
