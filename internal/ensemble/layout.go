package ensemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of an ensemble on one machine.
const (
	MaxServers = 15
	stateFile  = "ensemble.json"
)

// Member is one server of the ensemble.
type Member struct {
	ID       zab.ServerID `json:"id"`
	Client   int          `json:"clientPort"`
	Quorum   int          `json:"quorumPort"`
	Election int          `json:"electionPort"`
	Observer bool         `json:"observer,omitempty"`
}

// Addr is the address clients connect to.
func (m Member) Addr() string { return fmt.Sprintf("127.0.0.1:%d", m.Client) }

// Layout is an ensemble's directory and what it holds.
type Layout struct {
	Dir     string   `json:"dir"` // absolute
	Members []Member `json:"members"`
}

// ErrNoEnsemble means that the directory holds no ensemble.
var ErrNoEnsemble = errors.New("no ensemble here")

// ErrArgument means that an ensemble cannot be as was asked for, or has no such
// server: asking again in the same words will not help.
var ErrArgument = errors.New("not possible")

// ServerDir is the directory of one server.
func (l *Layout) ServerDir(id zab.ServerID) string {
	return filepath.Join(l.Dir, fmt.Sprintf("server%d", id))
}

// ConfigFile is the zoo.cfg of one server.
func (l *Layout) ConfigFile(id zab.ServerID) string { return filepath.Join(l.ServerDir(id), "zoo.cfg") }

// LogFile is where one server logs to.
func (l *Layout) LogFile(id zab.ServerID) string { return filepath.Join(l.ServerDir(id), "log") }

func (l *Layout) pidFile(id zab.ServerID) string { return filepath.Join(l.ServerDir(id), "pid") }

func (l *Layout) lockFile() string { return filepath.Join(l.Dir, "lock") }

func (l *Layout) startFile(id zab.ServerID) string {
	return filepath.Join(l.Dir, fmt.Sprintf("start-%d", id))
}

// ConnectString lists every client address.
func (l *Layout) ConnectString() string {
	addrs := make([]string, len(l.Members))
	for i, m := range l.Members {
		addrs[i] = m.Addr()
	}
	return strings.Join(addrs, ",")
}

// Member returns the member with the given id.
func (l *Layout) Member(id zab.ServerID) (Member, error) {
	for _, m := range l.Members {
		if m.ID == id {
			return m, nil
		}
	}
	return Member{}, fmt.Errorf("ensemble: %w: no server %d in %s, the ids are 1 to %d", ErrArgument, id, l.Dir, len(l.Members))
}

// Open reads the ensemble of a directory; ErrNoEnsemble when it has none.
func Open(dir string) (*Layout, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("ensemble: %w", err)
	}
	name := filepath.Join(abs, stateFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ensemble: %s has no %s: %w; make one with: quorumd ensemble --servers 3 --dir %s", dir, stateFile, ErrNoEnsemble, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("ensemble: %w", err)
	}
	l := &Layout{}
	if err := json.Unmarshal(data, l); err != nil || len(l.Members) == 0 {
		return nil, fmt.Errorf("ensemble: %s is not readable (%v); remove the directory to begin anew", name, err)
	}
	if l.Dir != abs { // moved: the configurations name the old place
		l.Dir = abs
		return l, l.write(true)
	}
	return l, l.write(false)
}

// Create makes an ensemble in dir with servers voters and observers beside
// them. basePort is the first client port; 0 looks for free ones.
func Create(dir string, servers, observers, basePort int) (*Layout, error) {
	if servers < 1 || observers < 0 || servers+observers > MaxServers {
		return nil, fmt.Errorf("ensemble: %w: %d servers and %d observers; there can be 1 to %d in all, at least one of them voting", ErrArgument, servers, observers, MaxServers)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("ensemble: %w", err)
	}
	base, err := choosePorts(basePort, servers+observers)
	if err != nil {
		return nil, err
	}
	l := &Layout{Dir: abs}
	for i := range servers + observers {
		l.Members = append(l.Members, Member{
			ID: zab.ServerID(i + 1), Observer: i >= servers,
			Client: base + i, Quorum: base + quorumOffset + i, Election: base + electionOffset + i,
		})
	}
	return l, l.write(false)
}

// write makes the directories and files that are missing; with again it
// writes the configurations anew.
func (l *Layout) write(again bool) error {
	for _, m := range l.Members {
		dataDir := filepath.Join(l.ServerDir(m.ID), "data")
		if err := config.WriteMyID(dataDir, m.ID); err != nil {
			return err
		}
		name := l.ConfigFile(m.ID)
		if _, err := os.Stat(name); err == nil && !again {
			continue
		}
		if err := os.WriteFile(name, []byte(l.configText(m)), 0o644); err != nil {
			return fmt.Errorf("ensemble: %w", err)
		}
	}
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("ensemble: %w", err)
	}
	// Last, so that a directory with a state file is complete.
	return writeFile(filepath.Join(l.Dir, stateFile), append(data, '\n'))
}

// configText is the zoo.cfg of one member.
func (l *Layout) configText(m Member) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Server %d of %d on this machine, written by quorumd ensemble.\n", m.ID, len(l.Members))
	b.WriteString("tickTime=2000\ninitLimit=10\nsyncLimit=5\n")
	dataDir := filepath.Join(l.ServerDir(m.ID), "data")
	fmt.Fprintf(&b, "dataDir=%s\n", strings.ReplaceAll(dataDir, `\`, `\\`))
	b.WriteString("# Only this machine can ask, and all clients share its address.\n")
	b.WriteString("4lw.commands.whitelist=*\nmaxClientCnxns=0\nextendedTypesEnabled=true\n")
	if len(l.Members) == 1 {
		fmt.Fprintf(&b, "clientPort=%d\nclientPortAddress=127.0.0.1\n", m.Client)
		return b.String()
	}
	if voters, _ := l.Size(); voters == 1 {
		b.WriteString("standaloneEnabled=false\n")
	}
	for _, o := range l.Members {
		role := "participant"
		if o.Observer {
			role = "observer"
		}
		fmt.Fprintf(&b, "server.%d=127.0.0.1:%d:%d:%s;127.0.0.1:%d\n", o.ID, o.Quorum, o.Election, role, o.Client)
	}
	return b.String()
}

// Size returns how many members vote and how many observe.
func (l *Layout) Size() (voters, observers int) {
	for _, m := range l.Members {
		if m.Observer {
			observers++
		} else {
			voters++
		}
	}
	return voters, observers
}

// writeFile replaces a file whole.
func writeFile(name string, data []byte) error {
	tmp := name + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return fmt.Errorf("ensemble: %w", err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("ensemble: %w", err)
	}
	return nil
}
