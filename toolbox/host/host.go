// Package host asks what WASI has no words for: the wasmlet that runs this program answers, by functions of its own that
// the program imports. Elsewhere, as in tests, the operating system answers as far as it can.
package host

import (
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// Status is what a file's owner and mode are, beside what WASI tells.
type Status struct {
	Mode, UID, GID, Links   uint64
	Inode, Device, Special  uint64
	Size, Blocks, BlockSize uint64 // blocks of 512 bytes
	Accessed, Modified      time.Time
	Changed                 time.Time
}

// FileMode is the mode in Go's terms, with the type.
func (s Status) FileMode() fs.FileMode {
	mode := fs.FileMode(s.Mode & 0o777)
	kinds := map[uint64]fs.FileMode{0o040000: fs.ModeDir, 0o120000: fs.ModeSymlink, 0o140000: fs.ModeSocket,
		0o010000: fs.ModeNamedPipe, 0o020000: fs.ModeDevice | fs.ModeCharDevice, 0o060000: fs.ModeDevice}
	mode |= kinds[s.Mode&0o170000]
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if s.Mode&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// Space is how much a file system holds, in bytes.
type Space struct{ Total, Free, Available uint64 }

// Guest is a process of the pod.
type Guest struct {
	Process   int    `json:"process"`
	Container string `json:"container"` // its name
	Kind      string `json:"kind"`      // container or exec
	Words     string `json:"command"`   // each ends with a NUL, but the last
	User      int    `json:"user"`
	CPU       int64  `json:"cpu"`     // nanoseconds
	Memory    uint64 `json:"memory"`  // bytes of the whole container, 0: told of another guest of it
	Started   int64  `json:"started"` // nanoseconds since 1970
	Self      int    `json:"self"`    // 1: it is the one that asks
}

// Command is the words that it was started with.
func (g Guest) Command() []string { return strings.Split(g.Words, "\x00") }

// Age is how long it has run.
func (g Guest) Age() time.Duration { return time.Since(time.Unix(0, g.Started)) }

// Guests are the processes of the pod.
func Guests() ([]Guest, error) {
	text, err := processes()
	if err != nil {
		return nil, err
	}
	var guests []Guest
	err = json.Unmarshal(text, &guests)
	return guests, err
}

// Kill sends a signal to a guest of the pod.
func Kill(process, signal int) error { return kill(process, signal) }

// TerminalSize is how many columns and rows the terminal has.
func TerminalSize() (columns, rows int, err error) { return terminalSize() }

// Stat tells of the file itself, or of where a link leads.
func Stat(path string, follows bool) (Status, error) { return stat(path, follows) }

// SpaceOf tells of the file system that a file is on.
func SpaceOf(path string) (Space, error) { return spaceOf(path) }

// Chmod changes the mode of a file.
func Chmod(path string, mode uint32) error { return chmod(path, mode) }

// Dial opens a connection to an address. Network: tcp or udp.
func Dial(network string, address netip.AddrPort, patience time.Duration) (net.Conn, error) {
	return dial(network, address, patience)
}

// Stdin is the standard input, which lets others run while it waits, where the host can do that.
var Stdin io.ReadSeeker = input{sync.OnceValue(stdin)}

// input is prepared when it is read first: most commands do not.
type input struct{ file func() *os.File }

func (i input) Read(data []byte) (int, error) { return i.file().Read(data) }

func (i input) Seek(offset int64, whence int) (int64, error) { return i.file().Seek(offset, whence) }
