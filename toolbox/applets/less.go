package applets

import (
	"fmt"
	"io"
	"strings"

	"wasmlet.dev/toolbox/posix"
	"wasmlet.dev/toolbox/program"
)

// pager shows text by the page.
type pager struct {
	process       *program.Process
	keys          keyReader
	lines         []string
	top           int
	columns, rows int
	numbers       bool
	search        string
	message       string
}

// less shows text by the page on a terminal: arrows, space, b, g, G, /, n, N and q. Elsewhere it is cat. more is it too.
func less(process *program.Process) int {
	options, names, err := process.Parse("EFIMNRSXefimrn")
	if err != nil {
		return badUsage(process, err)
	}
	if !process.IsTerminal(1) || process.Terminal == nil {
		return cat(process.With(append([]string{"cat"}, names...)...))
	}
	view := &pager{process: process, keys: keyReader{process: process}, numbers: options.Has("N")}
	status := eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error { view.lines = append(view.lines, line); return nil })
	})
	view.keys.takeScreen()
	defer view.keys.giveScreen()
	view.run()
	return status
}

func (p *pager) run() {
	for {
		p.show()
		key, err := p.keys.next()
		switch {
		case err == nil && key == keySuspend:
			p.keys.suspend()
		case err != nil || !p.heed(key):
			return
		}
	}
}

func (p *pager) write(text string) { p.process.Terminal.WriteRaw([]byte(text)) }

func (p *pager) page() int { return max(1, p.rows-1) }

// rowsOf breaks a line at the screen's width.
func (p *pager) rowsOf(number int) []string {
	text := []rune(strings.ReplaceAll(strings.ReplaceAll(p.lines[number], "\t", "        "), "\x1b", "^["))
	if p.numbers {
		text = append([]rune(fmt.Sprintf("%6d  ", number+1)), text...)
	}
	var rows []string
	for len(text) > p.columns {
		rows, text = append(rows, string(text[:p.columns])), text[p.columns:]
	}
	return append(rows, string(text))
}

func (p *pager) show() {
	p.columns, p.rows = p.process.Terminal.Size()
	p.top = max(0, min(p.top, len(p.lines)-1))
	var rows []string
	number := p.top
	for ; number < len(p.lines) && len(rows) < p.page(); number++ {
		rows = append(rows, p.rowsOf(number)...)
	}
	rows = rows[:min(len(rows), p.page())]
	for len(rows) < p.page() {
		rows = append(rows, "~")
	}
	status := p.message
	if status == "" {
		status = ":"
		if number >= len(p.lines) {
			status = "(END)"
		}
	}
	p.message = ""
	p.write("\x1b[H" + strings.Join(rows, "\x1b[K\r\n") + "\x1b[K\r\n\x1b[7m" + status + "\x1b[0m\x1b[K")
}

// heed does what a key says and tells whether to go on.
func (p *pager) heed(key string) bool {
	last := max(0, len(p.lines)-p.page())
	switch key {
	case "q", "Q", "\x03":
		return false
	case "j", "\r", "\n", "\x1b[B", "\x1bOB":
		p.top = min(p.top+1, max(p.top, last))
	case "k", "y", "\x1b[A", "\x1bOA":
		p.top--
	case " ", "f", "\x06", "\x1b[6~":
		p.top = min(p.top+p.page(), max(p.top, last))
	case "b", "\x02", "\x1b[5~":
		p.top -= p.page()
	case "d":
		p.top = min(p.top+p.page()/2, max(p.top, last))
	case "u":
		p.top -= p.page() / 2
	case "g", "<", "\x1b[H", "\x1b[1~":
		p.top = 0
	case "G", ">", "\x1b[F", "\x1b[4~":
		p.top = last
	case "/":
		if text, entered := p.keys.line(p.rows, "/"); entered && text != "" {
			p.search = text
		}
		p.find(1)
	case "n":
		p.find(1)
	case "N":
		p.find(-1)
	}
	return true
}

func (p *pager) find(step int) {
	if p.search == "" {
		p.message = "No previous search"
		return
	}
	expression, err := posix.Compile(p.search, true, strings.ToLower(p.search) == p.search)
	if err != nil {
		p.message = err.Error()
		return
	}
	for number := p.top + step; number >= 0 && number < len(p.lines); number += step {
		if expression.MatchString(p.lines[number]) {
			p.top = number
			return
		}
	}
	p.message = "Pattern not found"
}
