//go:build !wasip1

package host

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

func terminalSize() (columns, rows int, err error) { return 0, 0, syscall.ENOTTY }

func processes() ([]byte, error) { return nil, syscall.ENOSYS }

func kill(int, int) error { return syscall.ESRCH }

func stat(path string, follows bool) (Status, error) {
	var found syscall.Stat_t
	look := syscall.Lstat
	if follows {
		look = syscall.Stat
	}
	if err := look(path, &found); err != nil {
		return Status{}, err
	}
	return Status{
		Mode: uint64(found.Mode), UID: uint64(found.Uid), GID: uint64(found.Gid), Links: uint64(found.Nlink),
		Inode: found.Ino, Device: found.Dev, Special: found.Rdev,
		Size: uint64(found.Size), Blocks: uint64(found.Blocks), BlockSize: uint64(found.Blksize),
		Accessed: time.Unix(found.Atim.Unix()), Modified: time.Unix(found.Mtim.Unix()), Changed: time.Unix(found.Ctim.Unix()),
	}, nil
}

func spaceOf(path string) (Space, error) {
	var found syscall.Statfs_t
	err := syscall.Statfs(path, &found)
	size := uint64(found.Bsize)
	return Space{found.Blocks * size, found.Bfree * size, found.Bavail * size}, err
}

func chmod(path string, mode uint32) error { return syscall.Chmod(path, mode) }

func dial(network string, address netip.AddrPort, patience time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	return dialer.Dial(network, address.String())
}

func stdin() *os.File { return os.Stdin }
