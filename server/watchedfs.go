package server

import (
	"io"

	"github.com/quorumd/quorumd/internal/vfs"
)

// What the watchdog says of an operation of the disk, before the file's name.
// An operation is the smallest piece of anything that is done with the disk: a
// snapshot of any size is read, written, verified and loaded in pieces of some
// hundred KiB, and synced every 16 MiB, so a slow disk is no stall.
const (
	notBack = "the disk has not come back from "

	atCreate      = notBack + "the creation of "
	atOpen        = notBack + "the opening of "
	atRename      = notBack + "the renaming to "
	atRemove      = notBack + "the removal of "
	atList        = notBack + "the listing of "
	atMake        = notBack + "the making of "
	atStat        = notBack + "a look at "
	atSync        = notBack + "a sync of "
	atLock        = notBack + "the locking of "
	atRead        = notBack + "a read of "
	atWrite       = notBack + "a write of "
	atClose       = notBack + "the closing of "
	atTruncate    = notBack + "the truncation of "
	atPreallocate = notBack + "the reserving of room for "
)

// watchedFS is the server's disk. Every operation is watched, whoever performs
// it and for whatever purpose: none can be cancelled, and who waits for it
// cannot notice that it does not return (Y6).
type watchedFS struct {
	fs  vfs.FS
	dog *watchdog
}

// file takes what a method of the file system returned.
func (w watchedFS) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return watchedFile{f: f, dog: w.dog, name: name}, nil
}

func (w watchedFS) Create(name string) (vfs.File, error) {
	defer w.dog.begin(atCreate, name).end()
	f, err := w.fs.Create(name)
	return w.file(name, f, err)
}

func (w watchedFS) Open(name string) (vfs.File, error) {
	defer w.dog.begin(atOpen, name).end()
	f, err := w.fs.Open(name)
	return w.file(name, f, err)
}

func (w watchedFS) OpenReadWrite(name string) (vfs.File, error) {
	defer w.dog.begin(atOpen, name).end()
	f, err := w.fs.OpenReadWrite(name)
	return w.file(name, f, err)
}

func (w watchedFS) Rename(from, to string) error {
	defer w.dog.begin(atRename, to).end()
	return w.fs.Rename(from, to)
}

func (w watchedFS) Remove(name string) error {
	defer w.dog.begin(atRemove, name).end()
	return w.fs.Remove(name)
}

func (w watchedFS) List(dir string) ([]string, error) {
	defer w.dog.begin(atList, dir).end()
	return w.fs.List(dir)
}

func (w watchedFS) MkdirAll(dir string) error {
	defer w.dog.begin(atMake, dir).end()
	return w.fs.MkdirAll(dir)
}

func (w watchedFS) Stat(name string) (vfs.Info, error) {
	defer w.dog.begin(atStat, name).end()
	return w.fs.Stat(name)
}

func (w watchedFS) SyncDir(dir string) error {
	defer w.dog.begin(atSync, dir).end()
	return w.fs.SyncDir(dir)
}

func (w watchedFS) OpenDir(dir string) (vfs.Dir, error) {
	defer w.dog.begin(atOpen, dir).end()
	d, err := w.fs.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	return watchedDir{d: d, dog: w.dog, name: dir}, nil
}

func (w watchedFS) Lock(name string) (io.Closer, error) {
	defer w.dog.begin(atLock, name).end()
	l, err := w.fs.Lock(name)
	if err != nil {
		return nil, err
	}
	return watchedLock{l: l, dog: w.dog, name: name}, nil
}

// watchedLock is a lock of a watchedFS.
type watchedLock struct {
	l    io.Closer
	dog  *watchdog
	name string
}

func (w watchedLock) Close() error {
	defer w.dog.begin(atClose, w.name).end()
	return w.l.Close()
}

// watchedFile is a file of a watchedFS.
type watchedFile struct {
	f    vfs.File
	dog  *watchdog
	name string
}

func (w watchedFile) ReadAt(p []byte, off int64) (int, error) {
	defer w.dog.begin(atRead, w.name).end()
	return w.f.ReadAt(p, off)
}

func (w watchedFile) WriteAt(p []byte, off int64) (int, error) {
	defer w.dog.begin(atWrite, w.name).end()
	return w.f.WriteAt(p, off)
}

func (w watchedFile) Close() error {
	defer w.dog.begin(atClose, w.name).end()
	return w.f.Close()
}

func (w watchedFile) Sync() error {
	defer w.dog.begin(atSync, w.name).end()
	return w.f.Sync()
}

func (w watchedFile) Truncate(size int64) error {
	defer w.dog.begin(atTruncate, w.name).end()
	return w.f.Truncate(size)
}

func (w watchedFile) Preallocate(size int64) error {
	defer w.dog.begin(atPreallocate, w.name).end()
	return w.f.Preallocate(size)
}

func (w watchedFile) Size() (int64, error) {
	defer w.dog.begin(atStat, w.name).end()
	return w.f.Size()
}

func (w watchedFile) Info() (vfs.Info, error) {
	defer w.dog.begin(atStat, w.name).end()
	return w.f.Info()
}

// watchedDir is a directory of a watchedFS, held open.
type watchedDir struct {
	d    vfs.Dir
	dog  *watchdog
	name string
}

func (w watchedDir) Close() error {
	defer w.dog.begin(atClose, w.name).end()
	return w.d.Close()
}

func (w watchedDir) Sync() error {
	defer w.dog.begin(atSync, w.name).end()
	return w.d.Sync()
}

func (w watchedDir) Info() (vfs.Info, error) {
	defer w.dog.begin(atStat, w.name).end()
	return w.d.Info()
}
