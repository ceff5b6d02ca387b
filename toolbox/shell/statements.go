package shell

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

func (s *Shell) statements(list []*syntax.Stmt) error {
	for _, statement := range list {
		if err := s.statement(statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shell) statement(statement *syntax.Stmt) error {
	if s.process.Context.Err() != nil {
		s.status = program.EndedBy(s.process.Context)
		return exit
	}
	program.Yield(s.process.Context)
	if s.options.noExec {
		return nil
	}
	s.line, s.now = int(statement.Pos().Line()), statement
	if statement.Background {
		s.startJob(statement)
		return nil
	}
	if statement.Negated {
		return s.negated(statement)
	}
	return s.redirected(statement)
}

func (s *Shell) negated(statement *syntax.Stmt) error {
	err := s.withoutChecks(func() error { return s.redirected(statement) })
	if s.status == 0 {
		s.status = 1
	} else if err == nil {
		s.status = 0
	}
	return err
}

// withoutChecks runs a condition: its failure is an answer.
func (s *Shell) withoutChecks(run func() error) error {
	s.unchecked++
	defer func() { s.unchecked-- }()
	return run()
}

func (s *Shell) redirected(statement *syntax.Stmt) (err error) {
	if len(statement.Redirs) == 0 {
		return s.command(statement.Cmd)
	}
	former := s.streams
	files, err := s.redirect(statement.Redirs)
	if err != nil {
		s.streams = former
		closeAll(files)
		s.fail("%s", err)
		return s.check()
	}
	if isPermanent(statement.Cmd) {
		return s.command(statement.Cmd)
	}
	defer func() {
		s.streams = former
		closeAfter(err, files)
	}()
	return s.command(statement.Cmd)
}

// check ends the shell after a failure, where -e asks for it.
func (s *Shell) check() error {
	if s.status != 0 && s.options.exitOnError && s.unchecked == 0 {
		return exit
	}
	return nil
}

func (s *Shell) command(command syntax.Command) error {
	switch command := command.(type) {
	case nil:
		s.status = 0
		return nil
	case *syntax.CallExpr:
		return s.then(s.call(command))
	case *syntax.BinaryCmd:
		return s.binary(command)
	case *syntax.Block:
		return s.statements(command.Stmts)
	case *syntax.Subshell:
		return s.then(s.inSubshell(command.Stmts))
	case *syntax.IfClause:
		return s.ifClause(command)
	case *syntax.WhileClause:
		return s.whileClause(command)
	case *syntax.ForClause:
		return s.forClause(command)
	case *syntax.CaseClause:
		return s.caseClause(command)
	case *syntax.FuncDecl:
		s.functions[command.Name.Value] = command.Body
		s.status = 0
		return nil
	case *syntax.DeclClause:
		return s.then(s.declare(command))
	case *syntax.TestClause:
		return s.then(s.testClause(command))
	case *syntax.ArithmCmd:
		return s.then(s.arithmetic(command.X))
	case *syntax.LetClause:
		return s.then(s.let(command.Exprs))
	case *syntax.TimeClause:
		return s.timeClause(command)
	}
	return fmt.Errorf("%s: this is not part of this shell's language", describe(command))
}

func describe(node syntax.Node) string {
	return fmt.Sprintf("line %d", node.Pos().Line())
}

// then is what follows a command that is not made of others.
func (s *Shell) then(err error) error {
	if err != nil {
		return err
	}
	return s.check()
}

func (s *Shell) inSubshell(statements []*syntax.Stmt) error {
	return s.inForeground(func(outer *Shell) error {
		inner := outer.subshell()
		outer.status = inner.finish(func() error { return inner.statements(statements) })
		return nil
	})
}

func (s *Shell) binary(command *syntax.BinaryCmd) error {
	switch command.Op {
	case syntax.Pipe, syntax.PipeAll:
		return s.then(s.inForeground(func(outer *Shell) error { return outer.pipeline(command) }))
	}
	if err := s.withoutChecks(func() error { return s.statement(command.X) }); err != nil {
		return err
	}
	if (s.status == 0) == (command.Op == syntax.AndStmt) {
		return s.statement(command.Y)
	}
	return nil
}

func (s *Shell) arithmetic(expression syntax.ArithmExpr) error {
	value, err := expand.Arithm(s.expansion(), expression)
	if err != nil {
		return s.expansionFailed(err)
	}
	s.status = 1
	if value != 0 {
		s.status = 0
	}
	return nil
}

func (s *Shell) let(expressions []syntax.ArithmExpr) error {
	for _, expression := range expressions {
		if word, isWord := expression.(*syntax.Word); isWord {
			text, err := expand.Literal(s.expansion(), word)
			if err != nil {
				return s.expansionFailed(err)
			}
			expression, err = syntax.NewParser().Arithmetic(strings.NewReader(text))
			if err != nil {
				return s.expansionFailed(err)
			}
		}
		if err := s.arithmetic(expression); err != nil {
			return err
		}
	}
	return nil
}
