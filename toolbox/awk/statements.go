package awk

// flow is how a statement goes on.
type flow uint8

const (
	goOn flow = iota
	toBreak
	toContinue
	toNext
	toNextFile
	toReturn
	toExit
)

type statement func(*machine) flow

func (p *parser) block() statement {
	p.expect("{")
	var statements []statement
	for p.skipTerminators(); !p.accept("}"); p.skipTerminators() {
		statements = append(statements, p.statement())
	}
	return func(m *machine) flow {
		for _, each := range statements {
			if next := each(m); next != goOn {
				return next
			}
		}
		return goOn
	}
}

// terminated: a simple statement ends with its line, a semicolon or its block.
func (p *parser) terminated(simple statement) statement {
	if p.token().kind == newline || p.is(";") {
		p.at++
	} else if !p.is("}") && p.token().kind != endToken {
		p.unexpected()
	}
	return simple
}

// body is what a condition or a loop is about; a semicolon alone is nothing.
func (p *parser) body() statement {
	p.skipNewlines()
	if p.accept(";") {
		return func(*machine) flow { return goOn }
	}
	return p.statement()
}

func (p *parser) statement() statement {
	switch {
	case p.is("{"):
		return p.block()
	case p.accept("if"):
		return p.condition()
	case p.accept("while"):
		condition := p.parenthesised()
		return loop(nothing, condition, nothing, p.body())
	case p.accept("do"):
		return p.doWhile()
	case p.accept("for"):
		return p.forLoop()
	}
	return p.terminated(p.simple())
}

func nothing(*machine) flow { return goOn }

func (p *parser) simple() statement {
	switch {
	case p.is("print", "printf"):
		return p.print()
	case p.accept("delete"):
		return p.delete()
	case p.accept("break"):
		return func(*machine) flow { return toBreak }
	case p.accept("continue"):
		return func(*machine) flow { return toContinue }
	case p.accept("next"):
		return func(*machine) flow { return toNext }
	case p.accept("nextfile"):
		return func(*machine) flow { return toNextFile }
	case p.accept("exit"):
		return p.exit()
	case p.accept("return"):
		return p.result()
	}
	expression := p.expression()
	return func(m *machine) flow { expression.eval(m); return goOn }
}

func (p *parser) ends() bool {
	return p.token().kind == newline || p.token().kind == endToken || p.is(";", "}")
}

func (p *parser) exit() statement {
	if p.ends() {
		return func(*machine) flow { return toExit }
	}
	status := p.expression()
	return func(m *machine) flow {
		m.status = int(status.eval(m).number()) & 0xff
		return toExit
	}
}

func (p *parser) result() statement {
	if !p.inside {
		p.unexpected()
	}
	if p.ends() {
		return func(m *machine) flow { m.result = value{}; return toReturn }
	}
	result := p.expression()
	return func(m *machine) flow { m.result = result.eval(m); return toReturn }
}

func (p *parser) delete() statement {
	find := p.array()
	if !p.accept("[") {
		return func(m *machine) flow { find(m).clear(); return goOn }
	}
	key := node{group: p.inParentheses("]")}
	return func(m *machine) flow { find(m).delete(m.key(key)); return goOn }
}

func (p *parser) parenthesised() node {
	p.expect("(")
	condition := p.expression()
	p.skipNewlines()
	p.expect(")")
	return condition
}

func (p *parser) condition() statement {
	condition := p.parenthesised()
	yes, no := p.body(), statement(nothing)
	before := p.at
	p.skipTerminators()
	if p.accept("else") {
		no = p.body()
	} else {
		p.at = before
	}
	return func(m *machine) flow {
		if condition.eval(m).isTrue() {
			return yes(m)
		}
		return no(m)
	}
}

func loop(begin statement, condition node, step, body statement) statement {
	return func(m *machine) flow {
		for begin(m); condition.eval == nil || condition.eval(m).isTrue(); step(m) {
			m.tick()
			if next := body(m); next == toBreak {
				break
			} else if next != goOn && next != toContinue {
				return next
			}
		}
		return goOn
	}
}

func (p *parser) doWhile() statement {
	body := p.body()
	p.skipTerminators()
	p.expect("while")
	condition := p.parenthesised()
	return p.terminated(func(m *machine) flow {
		for {
			m.tick()
			if next := body(m); next == toBreak {
				return goOn
			} else if next != goOn && next != toContinue {
				return next
			}
			if !condition.eval(m).isTrue() {
				return goOn
			}
		}
	})
}

func (p *parser) forLoop() statement {
	p.expect("(")
	rest := p.tokens[p.at:]
	if len(rest) > 3 && rest[0].kind == name && rest[1].text == "in" && rest[2].kind == name && rest[3].text == ")" {
		return p.forIn()
	}
	begin, step, condition := statement(nothing), statement(nothing), node{}
	if !p.is(";") {
		begin = p.simple()
	}
	p.expect(";")
	p.skipNewlines()
	if !p.is(";") {
		condition = p.expression()
	}
	p.expect(";")
	p.skipNewlines()
	if !p.is(")") {
		step = p.simple()
	}
	p.expect(")")
	return loop(begin, condition, step, p.body())
}

// forIn goes through the keys that were there when it began, and still are.
func (p *parser) forIn() statement {
	variable := p.variable(p.token().text)
	p.at += 2
	find := p.array()
	p.expect(")")
	body := p.body()
	return func(m *machine) flow {
		for _, each := range find(m).present() {
			if each.gone {
				continue
			}
			m.tick()
			variable.place(m).set(m, fromInput(each.key))
			if next := body(m); next == toBreak {
				break
			} else if next != goOn && next != toContinue {
				return next
			}
		}
		return goOn
	}
}

func (p *parser) print() statement {
	byFormat := p.token().text == "printf"
	p.at++
	var list []node
	p.noGreater = true
	for !p.ends() && !p.is(">", ">>", "|") {
		list = append(list, p.expression())
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	if len(list) == 1 && list[0].group != nil {
		list = list[0].group
	}
	for _, each := range list {
		if each.eval == nil || byFormat && len(list) == 0 {
			p.unexpected()
		}
	}
	find := p.target()
	p.noGreater = false
	if byFormat {
		return func(m *machine) flow { m.printf(find(m), list); return goOn }
	}
	return func(m *machine) flow { m.print(find(m), list); return goOn }
}

// target is where is printed to.
func (p *parser) target() func(*machine) *output {
	operator := p.token().text
	if !p.accept(">", ">>", "|") {
		return func(m *machine) *output { return m.output }
	}
	name := p.concatenation()
	return func(m *machine) *output { return m.outputTo(operator, m.text(name)) }
}
