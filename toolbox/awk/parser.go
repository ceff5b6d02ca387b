package awk

import (
	"math"
	"slices"
	"strings"
)

// node is an expression. What can be assigned to has a place, a variable also a cell.
type node struct {
	eval  func(*machine) value
	place func(*machine) place
	cell  func(*machine) *cell
	regex *string // of a literal one
	group []node  // of what stands in parentheses with commas
}

type function struct {
	name       string
	parameters []string
	body       statement
	line       int // of its first call
}

type parser struct {
	tokens    []token
	at        int
	globals   map[string]*cell
	functions map[string]*function
	locals    []string
	inside    bool // a function
	noGreater bool // a greater sign redirects
	program   *Program
}

// Program is one that can be run once.
type Program struct {
	begin, end []statement
	rules      []*rule
	globals    map[string]*cell
}

type rule struct {
	first, last *node // nil: for every record; last: of a range
	body        statement
	inRange     bool
}

// Parse reads a program. The error says in which line it is none.
func Parse(text string) (program *Program, err error) {
	defer func() {
		if value := recover(); value != nil {
			failed, isFailure := value.(failure)
			if !isFailure {
				panic(value)
			}
			err = failed
		}
	}()
	p := &parser{tokens: tokens(text), globals: map[string]*cell{}, functions: map[string]*function{}}
	p.program = &Program{globals: p.globals}
	for p.skipTerminators(); p.token().kind != endToken; p.skipTerminators() {
		p.item()
	}
	for _, each := range p.functions {
		if each.body == nil {
			fail("line %d: there is no function %s", each.line, each.name)
		}
	}
	return p.program, nil
}

func (p *parser) token() token { return p.tokens[p.at] }

func (p *parser) is(texts ...string) bool {
	token := p.token()
	return (token.kind == symbol || token.kind == keyword) && slices.Contains(texts, token.text)
}

func (p *parser) accept(texts ...string) bool {
	if p.is(texts...) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.unexpected()
	}
}

func (p *parser) unexpected() {
	fail("line %d: syntax error near %s", p.token().line, p.token().text)
}

func (p *parser) skipNewlines() {
	for p.token().kind == newline {
		p.at++
	}
}

func (p *parser) skipTerminators() {
	for p.token().kind == newline || p.is(";") {
		p.at++
	}
}

func (p *parser) item() {
	switch {
	case p.accept("BEGIN"):
		p.program.begin = append(p.program.begin, p.block())
	case p.accept("END"):
		p.program.end = append(p.program.end, p.block())
	case p.accept("function", "func"):
		p.function()
	default:
		p.rule()
	}
}

func (p *parser) rule() {
	rule := &rule{}
	if !p.is("{") {
		first := p.expression()
		rule.first = &first
		if p.accept(",") {
			p.skipNewlines()
			last := p.expression()
			rule.last = &last
		}
	}
	if p.is("{") {
		rule.body = p.block()
	} else {
		rule.body = func(m *machine) flow { m.print(m.output, nil); return goOn }
	}
	p.program.rules = append(p.program.rules, rule)
}

func (p *parser) function() {
	found := p.functionNamed(p.word(name, called))
	if found.body != nil {
		fail("line %d: there are two functions %s", p.token().line, found.name)
	}
	p.expect("(")
	p.locals = nil
	for p.skipNewlines(); !p.accept(")"); p.skipNewlines() {
		if len(p.locals) > 0 {
			p.expect(",")
			p.skipNewlines()
		}
		p.locals = append(p.locals, p.word(name))
	}
	found.parameters = p.locals
	p.skipNewlines()
	p.inside = true
	found.body = p.block()
	p.locals, p.inside = nil, false
}

func (p *parser) word(kinds ...tokenKind) string {
	token := p.token()
	if !slices.Contains(kinds, token.kind) {
		p.unexpected()
	}
	p.at++
	return token.text
}

func (p *parser) functionNamed(name string) *function {
	found := p.functions[name]
	if found == nil {
		found = &function{name: name, line: p.token().line}
		p.functions[name] = found
	}
	return found
}

// expression: the levels follow from the loosest to the closest.
func (p *parser) expression() node {
	condition := p.or()
	if !p.is("?") {
		return p.assignment(condition)
	}
	p.at++
	p.skipNewlines()
	yes := p.expression()
	p.skipNewlines()
	p.expect(":")
	p.skipNewlines()
	no := p.expression()
	return node{eval: func(m *machine) value {
		if condition.eval(m).isTrue() {
			return yes.eval(m)
		}
		return no.eval(m)
	}}
}

func (p *parser) assignment(target node) node {
	if target.place == nil || !p.is("=", "+=", "-=", "*=", "/=", "%=", "^=") {
		return target
	}
	operator := strings.TrimSuffix(p.token().text, "=")
	p.at++
	p.skipNewlines()
	source := p.expression()
	if operator == "" {
		return node{eval: func(m *machine) value {
			assigned := source.eval(m)
			target.place(m).set(m, assigned)
			return assigned
		}}
	}
	calculate := arithmetic[operator]
	return node{eval: func(m *machine) value {
		right := source.eval(m).number()
		place := target.place(m)
		result := num(calculate(place.get(m).number(), right))
		place.set(m, result)
		return result
	}}
}

var arithmetic = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 {
		if b == 0 {
			fail("division by zero")
		}
		return a / b
	},
	"%": func(a, b float64) float64 {
		if b == 0 {
			fail("division by zero")
		}
		return math.Mod(a, b)
	},
	"^": math.Pow,
}

func (p *parser) or() node {
	left := p.and()
	for p.accept("||") {
		p.skipNewlines()
		a, b := left, p.and()
		left = node{eval: func(m *machine) value { return truth(a.eval(m).isTrue() || b.eval(m).isTrue()) }}
	}
	return left
}

func (p *parser) and() node {
	left := p.in()
	for p.accept("&&") {
		p.skipNewlines()
		a, b := left, p.in()
		left = node{eval: func(m *machine) value { return truth(a.eval(m).isTrue() && b.eval(m).isTrue()) }}
	}
	return left
}

func (p *parser) in() node {
	left := p.match()
	for p.accept("in") {
		key, found := left, p.array()
		left = node{eval: func(m *machine) value {
			_, isThere := found(m).items[m.key(key)]
			return truth(isThere)
		}}
	}
	return left
}

// array is the name of one.
func (p *parser) array() func(*machine) *array {
	if p.token().kind != name {
		p.unexpected()
	}
	variable := p.variable(p.token().text)
	if variable.cell == nil {
		p.unexpected()
	}
	p.at++
	return func(m *machine) *array { return variable.cell(m).asArray() }
}

func (p *parser) match() node {
	left := p.comparison()
	for p.is("~", "!~") {
		expected := p.token().text == "~"
		p.at++
		p.skipNewlines()
		text, pattern := left, p.comparison()
		left = node{eval: func(m *machine) value {
			return truth(m.regex(pattern).MatchString(m.text(text)) == expected)
		}}
	}
	return left
}

func (p *parser) comparison() node {
	left := p.concatenation()
	for p.is("|") && p.tokens[p.at+1].kind == keyword && p.tokens[p.at+1].text == "getline" {
		p.at += 2
		left = p.getline(commandInput, left)
	}
	if !p.is("<", "<=", "==", "!=", ">=") && (p.noGreater || !p.is(">")) {
		return left
	}
	operator := p.token().text
	p.at++
	right := p.concatenation()
	return node{eval: func(m *machine) value {
		a := left.eval(m)
		order := compare(a, right.eval(m), m.numberFormat())
		switch operator {
		case "<":
			return truth(order < 0)
		case "<=":
			return truth(order <= 0)
		case "==":
			return truth(order == 0)
		case "!=":
			return truth(order != 0)
		case ">":
			return truth(order > 0)
		}
		return truth(order >= 0)
	}}
}

func (p *parser) concatenation() node {
	left := p.sum()
	for p.operandFollows() {
		a, b := left, p.sum()
		left = node{eval: func(m *machine) value {
			before := m.text(a)
			return str(before + m.text(b))
		}}
	}
	return left
}

func (p *parser) operandFollows() bool {
	switch token := p.token(); token.kind {
	case numberToken, stringToken, regexToken, name, called, builtin:
		return true
	case symbol:
		return slices.Contains([]string{"$", "!", "(", "++", "--", "-", "+"}, token.text)
	}
	return false
}

func (p *parser) sum() node     { return p.chain(p.product, "+", "-") }
func (p *parser) product() node { return p.chain(p.unary, "*", "/", "%") }

func (p *parser) chain(operand func() node, operators ...string) node {
	left := operand()
	for p.is(operators...) {
		calculate := arithmetic[p.token().text]
		p.at++
		a, b := left, operand()
		left = node{eval: func(m *machine) value {
			first := a.eval(m).number()
			return num(calculate(first, b.eval(m).number()))
		}}
	}
	return left
}

func (p *parser) unary() node {
	switch {
	case p.accept("!"):
		operand := p.unary()
		return node{eval: func(m *machine) value { return truth(!operand.eval(m).isTrue()) }}
	case p.accept("-"):
		operand := p.unary()
		return node{eval: func(m *machine) value { return num(-operand.eval(m).number()) }}
	case p.accept("+"):
		operand := p.unary()
		return node{eval: func(m *machine) value { return num(operand.eval(m).number()) }}
	}
	return p.power()
}

func (p *parser) power() node {
	base := p.counted()
	if !p.accept("^") {
		return base
	}
	exponent := p.unary() // to the right first
	return node{eval: func(m *machine) value {
		first := base.eval(m).number()
		return num(math.Pow(first, exponent.eval(m).number()))
	}}
}

// counted is what is counted up or down, before or after it is used.
func (p *parser) counted() node {
	for _, step := range []float64{1, -1} {
		sign := map[float64]string{1: "++", -1: "--"}[step]
		if p.accept(sign) {
			target := p.primary()
			if target.place == nil {
				p.unexpected()
			}
			return node{eval: func(m *machine) value { return num(m.count(target, step) + step) }}
		}
	}
	target := p.primary()
	for _, step := range []float64{1, -1} {
		sign := map[float64]string{1: "++", -1: "--"}[step]
		if target.place != nil && p.accept(sign) {
			return node{eval: func(m *machine) value { return num(m.count(target, step)) }}
		}
	}
	return target
}

func (p *parser) primary() node {
	token := p.token()
	p.at++
	switch token.kind {
	case numberToken:
		constant := num(token.n)
		return node{eval: func(*machine) value { return constant }}
	case stringToken:
		constant := str(token.text)
		return node{eval: func(*machine) value { return constant }}
	case regexToken:
		compiled, err := expression(token.text)
		if err != nil {
			fail("line %d: %s", token.line, err)
		}
		return node{regex: &token.text, eval: func(m *machine) value { return truth(compiled.MatchString(m.record())) }}
	case called:
		return p.call(token.text)
	case builtin:
		return p.builtin(token.text)
	case name:
		if p.accept("[") {
			return p.element(token.text)
		}
		return p.variable(token.text)
	}
	switch {
	case token.kind == keyword && token.text == "getline":
		return p.getline(mainInput, node{})
	case token.kind == symbol && token.text == "$":
		if p.is("++", "--") {
			return field(p.counted())
		}
		return field(p.primary())
	case token.kind == symbol && token.text == "(":
		return p.grouped()
	}
	p.at--
	p.unexpected()
	return node{}
}

// grouped is an expression in parentheses, or several, for print or as a key.
func (p *parser) grouped() node {
	list := p.inParentheses(")")
	if len(list) == 1 {
		return node{eval: list[0].eval, group: list}
	}
	isPrinted := p.noGreater && (p.ends() || p.is(">", ">>", "|"))
	if len(list) == 0 || !isPrinted && !p.is("in") {
		p.unexpected()
	}
	return node{group: list}
}

// list of expressions, to the sign that ends it.
func (p *parser) list(end string) []node {
	var list []node
	p.skipNewlines()
	for !p.accept(end) {
		list = append(list, p.expression())
		p.skipNewlines()
		if !p.is(end) {
			p.expect(",")
			p.skipNewlines()
		}
	}
	return list
}

// inParentheses reads a list where a greater sign compares.
func (p *parser) inParentheses(end string) []node {
	noGreater := p.noGreater
	p.noGreater = false
	list := p.list(end)
	p.noGreater = noGreater
	return list
}

func (p *parser) variable(name string) node {
	if number := slices.Index(p.locals, name); number >= 0 {
		return ofCell(func(m *machine) *cell { return m.frame[number] })
	}
	if name == "NF" {
		return node{eval: func(m *machine) value { return num(float64(m.countFields())) },
			place: func(*machine) place { return place{field: fieldCount} }}
	}
	global := p.program.global(name)
	return ofCell(func(*machine) *cell { return global })
}

func (p *Program) global(name string) *cell {
	found := p.globals[name]
	if found == nil {
		found = &cell{}
		p.globals[name] = found
	}
	return found
}

func ofCell(find func(*machine) *cell) node {
	return node{
		eval:  func(m *machine) value { return find(m).asValue() },
		place: func(m *machine) place { return place{cell: find(m), field: noField} },
		cell:  find,
	}
}

func (p *parser) element(name string) node {
	variable := p.variable(name)
	keys := p.inParentheses("]")
	if len(keys) == 0 || variable.cell == nil {
		p.unexpected()
	}
	key := node{group: keys}
	find := func(m *machine) *item {
		text := m.key(key)
		return variable.cell(m).asArray().at(text)
	}
	return node{
		eval:  func(m *machine) value { return find(m).value },
		place: func(m *machine) place { return place{item: find(m), field: noField} },
	}
}

func field(number node) node {
	index := func(m *machine) int {
		at := number.eval(m).number()
		if at < 0 || at > mostFields || at != at {
			fail("there is no field %v", at)
		}
		return int(at)
	}
	return node{
		eval:  func(m *machine) value { return m.field(index(m)) },
		place: func(m *machine) place { return place{field: index(m)} },
	}
}

func (p *parser) call(name string) node {
	called := p.functionNamed(name)
	line := p.token().line
	p.expect("(")
	arguments := p.inParentheses(")")
	return node{eval: func(m *machine) value {
		if len(arguments) > len(called.parameters) {
			fail("line %d: function %s takes %d arguments", line, name, len(called.parameters))
		}
		return m.call(called, arguments)
	}}
}

// getline: what is read from stands before it, behind it, or is the program's own input.
func (p *parser) getline(from inputKind, source node) node {
	var target *node
	if p.token().kind == name || p.is("$") {
		read := p.primary()
		target = &read
	}
	if from == mainInput && p.accept("<") {
		from, source = fileInput, p.primary()
	}
	return node{eval: func(m *machine) value { return num(m.getline(from, source, target)) }}
}
