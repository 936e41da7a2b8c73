package vfs

import (
	"errors"
	"io"
)

// FS is a file system. Names are slash-separated paths. All methods may be
// called concurrently. Errors wrap the usual ones of package io/fs and
// syscall: fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC and so on.
type FS interface {
	// Create makes an empty file for reading and writing, or empties the one
	// of that name.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Rename gives a file another name in the same directory, in place of the
	// file of that name if there is one.
	Rename(from, to string) error
	// Remove removes a file. Whoever has it open can read on.
	Remove(name string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// MkdirAll makes a directory and its parents where they are missing. The
	// names are durable when SyncDir of each parent has succeeded.
	MkdirAll(dir string) error
	// Stat returns what is known of a name.
	Stat(name string) (Info, error)
	// SyncDir makes the names in dir durable. See invariant V2.
	SyncDir(dir string) error
	// OpenDir opens a directory, to sync it without a descriptor more.
	OpenDir(dir string) (Dir, error)
	// Lock takes the file as a lock until it is closed or the process ends,
	// making the file if it is missing. The error wraps ErrLocked when
	// somebody has it.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Reads may go on concurrently with each other and with
// one writer.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the file's contents and size durable. See invariant V1.
	Sync() error
	// Truncate sets the size; new bytes read as zero.
	Truncate(size int64) error
	// Preallocate reserves room for size bytes and makes the file that large
	// unless it is larger; new bytes read as zero. Writing within room that is
	// reserved and synced needs no change of the file's metadata beyond it, so
	// Sync is quicker.
	Preallocate(size int64) error
	// Size returns the file's size in bytes.
	Size() (int64, error)
	// Info returns what Stat tells of the file's name, as long as it has one.
	Info() (Info, error)
}

// Dir is an open directory. It stays the same one when its name is given to
// another.
type Dir interface {
	io.Closer
	// Sync makes the names in it durable. See invariant V2.
	Sync() error
	// Info returns what Stat tells of the directory's name, as long as it has one.
	Info() (Info, error)
}

// Info is what Stat tells.
type Info struct {
	Size int64 // bytes; of a directory meaningless
	Dir  bool
	// ID tells a file or a directory from others that exist at the same time
	// on its file system, whatever their names.
	ID uint64
}

// ErrLocked says that somebody else holds a lock.
var ErrLocked = errors.New("locked by another process")

// ReadFile reads a whole file that is known to be small: an error, and no
// memory, when it is larger than limit bytes.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, &TooLargeError{Name: name, Size: size, Limit: limit}
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil // ReadAt may return io.EOF with the last byte
	}
	return b[:n], err
}

// WriteFile replaces the file of that name by one with these contents, so that
// after a crash the old file or the new one is there, whole. It goes through
// name + ".tmp" in the same directory, dir.
func WriteFile(fsys FS, dir, name string, b []byte) error {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(tmp, name)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

// syncDir is SyncDir for file systems that have OpenDir.
func syncDir(fsys FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
