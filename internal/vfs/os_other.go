//go:build unix && !linux

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

func dataSync(f *os.File) error { return f.Sync() }

// reserve is left to writing zeros.
func reserve(*os.File, int64) error { return unix.EOPNOTSUPP }
