package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/quorumd/quorumd/zab"
)

// MyIDFile is the name, inside dataDir, of the file that holds a server's id.
const MyIDFile = "myid"

// myIDMax bounds the file: one number and a line's end.
const myIDMax = 128

// readMyID reads dataDir/myid. found is false when there is no such file.
func readMyID(dataDir string, readFile func(string) ([]byte, error)) (id zab.ServerID, found bool, problem *Problem) {
	name := filepath.Join(dataDir, MyIDFile)
	data, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return zab.NoServer, false, nil
	}
	if err != nil {
		return zab.NoServer, false, &Problem{File: name, Text: fmt.Sprintf("cannot be read: %v; dataDir must be a directory, and myid a file that this user may read", withoutPath(err))}
	}
	if id, err = parseMyID(data); err != nil {
		return zab.NoServer, true, &Problem{File: name, Line: 1, Text: err.Error()}
	}
	return id, true, nil
}

// parseMyID reads one line with a decimal id, blanks around it allowed.
func parseMyID(data []byte) (zab.ServerID, error) {
	text := strings.TrimSpace(string(data[:min(len(data), myIDMax)]))
	if text == "" {
		return zab.NoServer, errors.New("the file is empty; write the N of this server's server.N line into it")
	}
	id, err := parseServerID(text)
	if err != nil {
		return zab.NoServer, fmt.Errorf("%s is no server id: %w; write the N of this server's server.N line", printable(text), err)
	}
	return id, nil
}

// WriteMyID writes dataDir/myid, making the directory. A server may be reading
// it: it finds an id, the old one or this one.
func WriteMyID(dataDir string, id zab.ServerID) error {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return fmt.Errorf("config: make data directory: %w", err)
	}
	if have, found, problem := readMyID(dataDir, os.ReadFile); found && problem == nil && have == id {
		return nil
	}
	name := filepath.Join(dataDir, MyIDFile)
	tmp := fmt.Sprintf("%s.%d.tmp", name, os.Getpid()) // two commands may do this at once
	err := os.WriteFile(tmp, fmt.Appendf(nil, "%d\n", id), 0o644)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return fmt.Errorf("config: write myid: %w", err)
	}
	return nil
}
