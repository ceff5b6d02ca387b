//go:build wasip1

package host

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

//go:wasmimport wasmlet_host_v1 terminal_size
//go:noescape
func hostTerminalSize(result unsafe.Pointer) uint32

//go:wasmimport wasmlet_host_v1 process_list
//go:noescape
func hostProcessList(buffer unsafe.Pointer, capacity uint32, size unsafe.Pointer) uint32

//go:wasmimport wasmlet_host_v1 process_signal
//go:noescape
func hostProcessSignal(process, signal uint32) uint32

//go:wasmimport wasmlet_host_v1 path_status
//go:noescape
func hostPathStatus(path unsafe.Pointer, length, follows uint32, result unsafe.Pointer) uint32

//go:wasmimport wasmlet_host_v1 path_space
//go:noescape
func hostPathSpace(path unsafe.Pointer, length uint32, result unsafe.Pointer) uint32

//go:wasmimport wasmlet_host_v1 path_mode_set
//go:noescape
func hostPathModeSet(path unsafe.Pointer, length, mode uint32) uint32

//go:wasmimport wasmlet_host_v1 sock_connect
//go:noescape
func hostSockConnect(kind uint32, address unsafe.Pointer, length, port uint32, result unsafe.Pointer) uint32

//go:wasmimport wasmlet_host_v1 sock_error
//go:noescape
func hostSockError(descriptor uint32) uint32

func check(number uint32) error {
	if number == 0 {
		return nil
	}
	return syscall.Errno(number)
}

// A terminal has TERM, which the runtime sees to: without, the host need not be asked.
func terminalSize() (columns, rows int, err error) {
	if _, named := os.LookupEnv("TERM"); !named {
		return 0, 0, syscall.ENOTTY
	}
	var size [2]uint32
	err = check(hostTerminalSize(unsafe.Pointer(&size)))
	return int(size[0]), int(size[1]), err
}

func processes() ([]byte, error) {
	buffer := make([]byte, 256<<10)
	var size uint32
	err := check(hostProcessList(unsafe.Pointer(&buffer[0]), uint32(len(buffer)), unsafe.Pointer(&size)))
	return buffer[:size], err
}

func kill(process, signal int) error {
	return check(hostProcessSignal(uint32(process), uint32(signal)))
}

func stat(path string, follows bool) (Status, error) {
	var words [13]uint64
	followed := uint32(0)
	if follows {
		followed = 1
	}
	err := check(hostPathStatus(unsafe.Pointer(unsafe.StringData(path)), uint32(len(path)), followed, unsafe.Pointer(&words)))
	moment := func(nanoseconds uint64) time.Time { return time.Unix(0, int64(nanoseconds)) }
	return Status{words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8], words[9],
		moment(words[10]), moment(words[11]), moment(words[12])}, err
}

func spaceOf(path string) (Space, error) {
	var words [3]uint64
	err := check(hostPathSpace(unsafe.Pointer(unsafe.StringData(path)), uint32(len(path)), unsafe.Pointer(&words)))
	return Space{words[0], words[1], words[2]}, err
}

func chmod(path string, mode uint32) error {
	return check(hostPathModeSet(unsafe.Pointer(unsafe.StringData(path)), uint32(len(path)), mode))
}

const streamSocket, datagramSocket = 6, 5 // as WASI numbers them

func dial(network string, address netip.AddrPort, patience time.Duration) (net.Conn, error) {
	kind := uint32(streamSocket)
	if network == "udp" {
		kind = datagramSocket
	}
	raw := address.Addr().Unmap().AsSlice()
	var descriptor uint32
	err := check(hostSockConnect(kind, unsafe.Pointer(&raw[0]), uint32(len(raw)), uint32(address.Port()), unsafe.Pointer(&descriptor)))
	if err != nil && err != syscall.EINPROGRESS {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), network)
	defer file.Close()
	if err := connected(file, descriptor, patience); err != nil {
		return nil, err
	}
	return net.FileConn(file)
}

// connected waits until the connection is made, or tells why it was not.
func connected(file *os.File, descriptor uint32, patience time.Duration) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	if patience > 0 {
		file.SetWriteDeadline(time.Now().Add(patience))
	}
	var reason error
	err = raw.Write(func(uintptr) bool {
		reason = check(hostSockError(descriptor))
		return reason != syscall.EINPROGRESS && reason != syscall.EAGAIN
	})
	if os.IsTimeout(err) {
		return syscall.ETIMEDOUT
	}
	if err != nil {
		return err
	}
	return reason
}

func stdin() *os.File {
	if syscall.SetNonblock(0, true) != nil {
		return os.Stdin
	}
	return os.NewFile(0, "/dev/stdin")
}
