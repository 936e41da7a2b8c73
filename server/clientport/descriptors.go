package clientport

import (
	"errors"
	"os"
	"syscall"
)

// Descriptors returns the open file descriptors of the process and their limit,
// 0 when the system does not tell.
func Descriptors() (open, limit int64) {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		limit = int64(min(r.Cur, 1<<62))
	}
	const list = "/proc/self/fd"
	if info, err := os.Stat(list); err == nil && info.Size() > 0 {
		return info.Size(), limit // Linux tells since 6.2
	}
	dir, err := os.Open(list)
	if err != nil {
		return 0, limit
	}
	defer dir.Close() //nolint:errcheck // it was only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, limit
	}
	return int64(len(names)) - 1, limit // dir's own is gone
}

// NoDescriptor returns how often a client was not let in for want of a descriptor.
func (p *Port) NoDescriptor() int64 { return p.figures.noDescriptor.Load() }

// outOfDescriptors reports whether the process, or the system, has none left.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
