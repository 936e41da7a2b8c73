package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quorumd/quorumd/zab"
)

// Group is one group.G line: voters that are counted together.
type Group struct {
	ID      int64
	Members []zab.ServerID
}

// Weight is one weight.N line.
type Weight struct {
	ID     zab.ServerID
	Weight int64
}

// Ensemble returns who votes and who observes. A standalone server is an
// ensemble of itself.
func (c *Config) Ensemble() *zab.Ensemble {
	if c.Standalone {
		return zab.NewEnsemble([]zab.ServerID{c.ServerID}, nil)
	}
	voters, observers := c.roles()
	if len(c.Groups) == 0 {
		return zab.NewEnsemble(voters, observers)
	}
	groups := make([][]zab.ServerID, len(c.Groups))
	for i, g := range c.Groups {
		groups[i] = g.Members
	}
	weights := make(map[zab.ServerID]int64, len(c.Weights))
	for _, w := range c.Weights {
		weights[w.ID] = w.Weight
	}
	return zab.NewHierarchy(voters, observers, groups, weights)
}

func (c *Config) roles() (voters, observers []zab.ServerID) {
	for _, s := range c.Servers {
		if s.Role == Observer {
			observers = append(observers, s.ID)
		} else {
			voters = append(voters, s.ID)
		}
	}
	return voters, observers
}

// Self returns this server's own line; ok is false for a standalone server
// without one.
func (c *Config) Self() (s Server, ok bool) { return c.Server(c.ServerID) }

// Server returns the line of a member.
func (c *Config) Server(id zab.ServerID) (s Server, ok bool) {
	i := slices.IndexFunc(c.Servers, func(s Server) bool { return s.ID == id })
	if i < 0 {
		return Server{}, false
	}
	return c.Servers[i], true
}

// PeerType is the role of this server.
func (c *Config) PeerType() Role {
	s, _ := c.Self()
	return s.Role
}

// MembershipText is the data of /zookeeper/config: the server lines in
// ascending order of id, the group and weight lines if any, and
// "version=<hex>" without a newline at the end. It is empty for a standalone
// server without a server line.
//
// Invariant G3: only what every server reads alike goes into the text; the
// clientPort of the static file, which is each server's own, does not.
func (c *Config) MembershipText() string {
	if len(c.Servers) == 0 {
		return ""
	}
	var b strings.Builder
	for _, s := range c.Servers {
		fmt.Fprintf(&b, "server.%d=%s\n", s.ID, s)
	}
	for _, g := range c.Groups {
		ids := make([]string, len(g.Members))
		for i, id := range g.Members {
			ids[i] = strconv.FormatInt(int64(id), 10)
		}
		fmt.Fprintf(&b, "group.%d=%s\n", g.ID, strings.Join(ids, ":"))
	}
	for _, w := range c.Weights {
		fmt.Fprintf(&b, "weight.%d=%d\n", w.ID, w.Weight)
	}
	b.WriteString("version=" + strconv.FormatUint(uint64(c.Version), 16))
	return b.String()
}

// versionOfFile reads the version from the name of a dynamic file, the
// hexadecimal part after the last dot; 0 when there is none.
func versionOfFile(path string) zab.Zxid {
	ext := strings.TrimPrefix(filepath.Ext(path), ".")
	n, err := strconv.ParseUint(ext, 16, 63)
	if err != nil {
		return 0
	}
	return zab.Zxid(n)
}
