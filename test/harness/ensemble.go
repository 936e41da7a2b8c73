package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// StartLimit is how long an ensemble may take from its start, or from a loss
// of its leader, until every server serves. Java on a busy machine is slow.
const StartLimit = 40 * time.Second

const defaultServers = 3

// Options say how an ensemble differs from the usual.
type Options struct {
	Servers  int      // 3 when 0; one server serves without an ensemble
	Settings []string // further lines of zoo.cfg, such as "snapCount=1000"
	// Places, if given, has a place for every server: an address of its own, and
	// a thread that its processes are started by.
	Places []Place
}

// Place is where a server lives when that is not loopback. Its ports are the
// usual ones, since nobody shares its address.
type Place struct {
	Host string
	// Do has a thread that stays for ever call job. Processes start in that
	// thread's network namespace, and get their death signal when it ends.
	Do func(job func())
}

// Ensemble is a number of servers that were given each other's addresses.
type Ensemble struct {
	Software Software
	Servers  []*Server // ids 1, 2, 3, ... in order
}

// Start makes an ensemble under dir, runs all of it and waits until all serve.
// After an error nothing is left running.
func Start(dir string, software Software, o Options) (*Ensemble, error) {
	if err := software.Prepare(); err != nil {
		return nil, err
	}
	e, err := lay(dir, software, o)
	if err != nil {
		return nil, err
	}
	for _, s := range e.Servers {
		if err := s.Start(); err != nil {
			e.Stop()
			return nil, err
		}
	}
	if err := e.WaitServing(); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// lay writes the files of an ensemble that was never started.
func lay(dir string, software Software, o Options) (*Ensemble, error) {
	e := &Ensemble{Software: software}
	var members strings.Builder
	if o.Servers == 0 {
		o.Servers = defaultServers
	}
	for id := 1; id <= o.Servers; id++ {
		s := &Server{ID: id, Dir: filepath.Join(dir, strconv.Itoa(id)), software: software}
		if err := s.settle(o.Places); err != nil {
			return nil, err
		}
		if o.Servers == 1 {
			s.Quorum, s.Election = "", ""
		} else {
			fmt.Fprintf(&members, "server.%d=%s:%s\n", id, s.Quorum, port(s.Election))
		}
		e.Servers = append(e.Servers, s)
	}
	for _, s := range e.Servers {
		if err := s.write(members.String(), o.Settings); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// settle gives the server its addresses.
func (s *Server) settle(places []Place) error {
	if len(places) > 0 {
		place := places[s.ID-1]
		s.do = place.Do
		s.Client, s.Quorum, s.Election = place.Host+":2181", place.Host+":2888", place.Host+":3888"
		return nil
	}
	for _, addr := range []*string{&s.Client, &s.Quorum, &s.Election} {
		free, err := FreeAddr()
		if err != nil {
			return err
		}
		*addr = free
	}
	return nil
}

// write makes the server's folders, zoo.cfg and myid.
func (s *Server) write(members string, settings []string) error {
	if err := os.MkdirAll(s.DataDir(), 0o700); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	cfg := strings.Join(append([]string{
		"tickTime=2000",
		"initLimit=10",
		"syncLimit=5",
		"dataDir=" + s.DataDir(),
		"clientPortAddress=" + host(s.Client),
		"clientPort=" + port(s.Client),
		"maxClientCnxns=0",
		"admin.enableServer=false",
		"4lw.commands.whitelist=*",
	}, settings...), "\n") + "\n" + members
	if err := os.WriteFile(s.Config(), []byte(cfg), 0o600); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.DataDir(), "myid"), []byte(strconv.Itoa(s.ID)+"\n"), 0o600); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	return nil
}

func host(addr string) string { return addr[:strings.LastIndexByte(addr, ':')] }

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// Addrs are the client addresses of all servers.
func (e *Ensemble) Addrs() []string {
	addrs := make([]string, len(e.Servers))
	for i, s := range e.Servers {
		addrs[i] = s.Client
	}
	return addrs
}

// WaitServing waits until every server that runs serves.
func (e *Ensemble) WaitServing() error {
	for _, s := range e.Servers {
		if !s.Running() && s.Crashed() == nil {
			continue
		}
		if err := s.WaitServing(StartLimit); err != nil {
			return fmt.Errorf("%w\n%s", err, s.LogTail(15))
		}
	}
	return nil
}

// Leader waits until a server leads (or serves alone) and returns it.
func (e *Ensemble) Leader() (*Server, error) {
	var leader *Server
	err := Poll(StartLimit, "a leader", func() (bool, error) {
		for _, s := range e.Servers {
			if !s.Running() {
				continue
			}
			if m := s.Mode(); m == "leader" || m == "standalone" {
				leader = s
				return true, nil
			}
		}
		return false, e.Crashed()
	})
	return leader, err
}

// Followers returns the servers that are not the given leader.
func (e *Ensemble) Followers(leader *Server) []*Server {
	var followers []*Server
	for _, s := range e.Servers {
		if s != leader {
			followers = append(followers, s)
		}
	}
	return followers
}

// Crashed returns an error for every server that ended by itself.
func (e *Ensemble) Crashed() error {
	var errs []error
	for _, s := range e.Servers {
		errs = append(errs, s.Crashed())
	}
	return errors.Join(errs...)
}

// Stop kills what still runs.
func (e *Ensemble) Stop() {
	for _, s := range e.Servers {
		if s.Running() {
			_ = s.Kill() // only fails if it ended meanwhile
		}
	}
}
