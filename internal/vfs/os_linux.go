package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataSync leaves out what the file system does not need to find the data
// again, the times. It does write a size that changed.
func dataSync(f *os.File) error {
	return ignoringEINTR(func() error { return unix.Fdatasync(int(f.Fd())) })
}

// reserve makes the file size bytes long, with its blocks: writing into them
// measured a quarter quicker, sync included, than into a file that keeps its
// size and grows, and as quick as into one filled with zeros.
func reserve(f *os.File, size int64) error {
	return ignoringEINTR(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
}
