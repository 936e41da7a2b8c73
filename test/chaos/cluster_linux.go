package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// diskMegabytes is each server's disk; memory that is not written to is not used.
const diskMegabytes = 512

// settings are short times, so that many faults fit into a run, and small
// segments and few transactions between snapshots, so that faults meet them.
var settings = []string{
	"tickTime=1000", "initLimit=10", "syncLimit=4",
	"snapCount=5000", "preAllocSize=128", "autopurge.purgeInterval=1", "autopurge.snapRetainCount=3",
}

// cluster is the servers, each in a station of its own, and their network.
type cluster struct {
	*harness.Ensemble
	wires    *wires
	stations []*station // 0 is the clients'
	allowed  map[int]string
}

// startCluster brings up stations and servers. The files are below dir, the data
// of each server on a disk of its own.
func startCluster(ctx context.Context, dir string, servers int, seed uint64) (*cluster, error) {
	if err := settle(); err != nil {
		return nil, err
	}
	c := &cluster{allowed: make(map[int]string)}
	var ports []io.ReadWriter
	var places []harness.Place
	for n := range servers + 1 {
		s, err := newStation(n, n > 0)
		if err != nil {
			return nil, err
		}
		c.stations = append(c.stations, s)
		ports = append(ports, s.tun)
		if n > 0 {
			places = append(places, harness.Place{Host: hostOf(n), Do: s.do})
			if err := mountDisk(filepath.Join(dir, fmt.Sprint(n), "data"), diskMegabytes); err != nil {
				return nil, err
			}
		}
	}
	c.wires = newWires(ports, seed)
	go c.wires.run(ctx)
	software, err := harness.Named("quorumd")
	if err != nil {
		return nil, err
	}
	c.Ensemble, err = harness.Start(dir, software, harness.Options{Servers: servers, Settings: settings, Places: places})
	return c, err
}

// ids are those of the given servers; all of them for none given.
func (c *cluster) ids(servers ...*harness.Server) []int {
	if len(servers) == 0 {
		servers = c.Servers
	}
	var ids []int
	for _, s := range servers {
		ids = append(ids, s.ID)
	}
	return ids
}

// others are all servers but the given ones.
func (c *cluster) others(but ...*harness.Server) []*harness.Server {
	var rest []*harness.Server
	for _, s := range c.Servers {
		found := false
		for _, b := range but {
			found = found || b == s
		}
		if !found {
			rest = append(rest, s)
		}
	}
	return rest
}

// serving tells which servers answer that they serve.
func (c *cluster) serving() []string {
	var modes []string
	for _, s := range c.Servers {
		mode := ""
		if s.Running() {
			mode = s.Mode()
		}
		modes = append(modes, mode)
	}
	return modes
}

// settled tells whether all serve under one leader.
func settled(modes []string) bool {
	leaders := 0
	for _, m := range modes {
		if m == "" {
			return false
		}
		if m == "leader" {
			leaders++
		}
	}
	return leaders == 1
}

// errStuck is wrapped when servers do not come back after all faults are over.
var errStuck = errors.New("servers do not serve again")

// waitServing waits until all serve, starting again those that a fault allowed
// to end. It returns how long that took.
func (c *cluster) waitServing(ctx context.Context, limit time.Duration) (time.Duration, error) {
	begin := time.Now()
	for {
		if err := c.revive(); err != nil {
			return 0, err
		}
		modes := c.serving()
		if settled(modes) {
			return time.Since(begin), nil
		}
		if time.Since(begin) > limit {
			return 0, fmt.Errorf("chaos: %w within %v; they are %q", errStuck, limit, modes)
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// allow says that a server may end by itself because of a fault, and that its
// last lines then have to hold the text.
func (c *cluster) allow(s *harness.Server, text string) { c.allowed[s.ID] = text }

// errEnded is wrapped when a server ended that should not have.
var errEnded = errors.New("a server ended by itself")

// revive starts servers that have ended by themselves, where that is allowed.
func (c *cluster) revive() error {
	for _, s := range c.Servers {
		crash := s.Crashed()
		if crash == nil {
			continue
		}
		text, allowed := c.allowed[s.ID]
		if !allowed {
			return fmt.Errorf("chaos: %w: %w", errEnded, crash)
		}
		if !strings.Contains(s.LogTail(3), text) {
			return fmt.Errorf("chaos: %w and its last lines do not say %q: %w", errEnded, text, crash)
		}
		if err := s.Start(); err != nil {
			return err
		}
	}
	return nil
}

// keepData copies what is on the servers' disks beside it; the disks go when the
// run ends.
func (c *cluster) keepData() error {
	var errs []error
	for _, s := range c.Servers {
		errs = append(errs, os.CopyFS(filepath.Join(s.Dir, "data-kept"), os.DirFS(s.DataDir())))
	}
	return errors.Join(errs...)
}
