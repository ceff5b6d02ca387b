package shell

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/host"
)

func (s *Shell) importEnvironment() {
	for _, item := range s.process.Env {
		name, value, _ := strings.Cut(item, "=")
		if syntax.ValidName(name) {
			s.variables[name] = expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: value}
		}
	}
	for name, value := range map[string]string{"IFS": " \t\n", "OPTIND": "1", "PS4": "+ "} {
		s.variables[name] = text(value)
	}
	s.setDirectory(s.process.Dir)
}

func (s *Shell) setDirectory(dir string) {
	s.process.Dir = dir
	s.variables["PWD"] = expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: dir}
}

// environment is what commands are given: the exported variables, ordered by their names.
func (s *Shell) environment() []string {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(s.variables)) {
		if variable := s.variables[name]; variable.Set && variable.Exported {
			items = append(items, name+"="+variable.Str)
		}
	}
	return items
}

func text(value string) expand.Variable {
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

var errReadOnly = errors.New("is read only")

// assign keeps the attributes that a variable has.
func (s *Shell) assign(name, value string) error {
	variable := s.variables[name]
	if variable.ReadOnly {
		return fmt.Errorf("%s: %w", name, errReadOnly)
	}
	variable.Set, variable.Kind, variable.Str = true, expand.String, value
	variable.Exported = variable.Exported || s.options.exportAll
	s.variables[name] = variable
	return nil
}

func (s *Shell) unset(name string) error {
	if s.variables[name].ReadOnly {
		return fmt.Errorf("%s: %w", name, errReadOnly)
	}
	delete(s.variables, name)
	return nil
}

// makeLocal lets the running function have the variable to itself.
func (s *Shell) makeLocal(name string) error {
	if len(s.locals) == 0 {
		return errors.New("local is for functions")
	}
	hidden := s.locals[len(s.locals)-1]
	if _, already := hidden[name]; !already {
		hidden[name] = s.variables[name]
	}
	return nil
}

func (s *Shell) restore(hidden map[string]expand.Variable) {
	for name, variable := range hidden {
		if variable.Declared() {
			s.variables[name] = variable
		} else {
			delete(s.variables, name)
		}
	}
}

// environ shows the variables and the parameters to the expansion of words.
type environ struct{ *Shell }

func (e environ) Get(name string) expand.Variable {
	switch name {
	case "#":
		return text(strconv.Itoa(len(e.params)))
	case "@", "*":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: append([]string{}, e.params...)}
	case "?":
		return text(strconv.Itoa(e.status))
	case "$":
		return text(strconv.Itoa(ownNumber()))
	case "PPID":
		return text("0")
	case "LINENO":
		return text(strconv.Itoa(e.line))
	case "SECONDS":
		return text(strconv.Itoa(int(time.Since(e.start).Seconds())))
	case "RANDOM":
		var random [2]byte
		rand.Read(random[:])
		return text(strconv.Itoa(int(binary.LittleEndian.Uint16(random[:]) >> 1)))
	case "COLUMNS", "LINES":
		if columns, rows := e.process.TerminalSize(); columns > 0 {
			return text(strconv.Itoa(map[string]int{"COLUMNS": columns, "LINES": rows}[name]))
		}
	case "!":
		return expand.Variable{Set: e.jobs.last() != "", Kind: expand.String, Str: e.jobs.last()}
	case "-":
		return text(e.options.String())
	case "0":
		return text(e.name)
	}
	if number, err := strconv.Atoi(name); err == nil {
		return e.parameter(number)
	}
	return e.variables[name]
}

func (e environ) parameter(number int) expand.Variable {
	if number > len(e.params) {
		return expand.Variable{}
	}
	return text(e.params[number-1])
}

func (e environ) Each(visit func(string, expand.Variable) bool) {
	for _, name := range slices.Sorted(maps.Keys(e.variables)) {
		if !visit(name, e.variables[name]) {
			return
		}
	}
}

func (e environ) Set(name string, variable expand.Variable) error {
	if !variable.Set {
		return e.unset(name)
	}
	if variable.Kind != expand.String {
		return fmt.Errorf("%s: this shell has no arrays", name)
	}
	return e.assign(name, variable.Str)
}

// ownNumber is that of this program as ps shows it, 1 where nobody tells.
var ownNumber = sync.OnceValue(func() int {
	guests, _ := host.Guests()
	for _, each := range guests {
		if each.Self == 1 {
			return each.Process
		}
	}
	return 1
})
