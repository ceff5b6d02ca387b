package shell

// control is how a command leaves what it is part of: an error to all statements on its way out.
type control struct {
	kind    controlKind
	levels  int  // loops to leave or to continue, the innermost is 1
	isError bool // something failed: where somebody types, the shell goes on
	stopped *job // was stopped, and is left behind
}

type controlKind int

const (
	leaveLoop controlKind = iota
	nextRound
	leaveFunction
	leaveShell
)

func (c control) Error() string {
	names := [...]string{"break", "continue", "return", "exit"}
	return names[c.kind] + " has nothing to leave"
}

var exit, failed = control{kind: leaveShell}, control{kind: leaveShell, isError: true}

// afterRound is what the end of one round of a loop means for the loop.
func afterRound(err error) (leave bool, passOn error) {
	signal, isControl := err.(control)
	switch {
	case err == nil:
		return false, nil
	case !isControl || signal.kind == leaveFunction || signal.kind == leaveShell:
		return true, err
	case signal.levels > 1:
		return true, control{kind: signal.kind, levels: signal.levels - 1}
	}
	return signal.kind == leaveLoop, nil
}
