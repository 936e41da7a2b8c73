package config

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteMyIDBesideAServer: an id that is there already is left alone, and
// another one takes its place at once. `quorumd ensemble status` writes the ids
// anew while servers start, and one of them read an empty file.
func TestWriteMyIDBesideAServer(t *testing.T) {
	dir := t.TempDir()
	if err := WriteMyID(dir, 9); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, MyIDFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same := func() bool {
		was, err1 := f.Stat()
		is, err2 := os.Stat(filepath.Join(dir, MyIDFile))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return os.SameFile(was, is)
	}
	if err := WriteMyID(dir, 9); err != nil || !same() {
		t.Errorf("the same id: %v, the same file: %v", err, same())
	}
	if err := WriteMyID(dir, 10); err != nil {
		t.Fatal(err)
	}
	if old, err := io.ReadAll(f); string(old) != "9\n" || err != nil {
		t.Errorf("who reads while it is changed gets %q, %v", old, err)
	}
	id, found, problem := readMyID(dir, os.ReadFile)
	if id != 10 || !found || problem != nil {
		t.Errorf("read back: %d, %v, %v", id, found, problem)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
