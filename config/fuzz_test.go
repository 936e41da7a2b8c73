package config

import (
	"strings"
	"testing"
)

// FuzzLoad checks that no file makes load panic, that it either answers a
// complete Config or says why not, and that members read back as written.
func FuzzLoad(f *testing.F) {
	f.Add(threeServers, "1")
	f.Add("dataDir=d\nclientPort=2181\n", "")
	f.Add("server.1=[::1]:2888:3888:observer;[::]:2181\ngroup.1=1\nweight.1=2\n\\u00", "x")
	f.Add("4lw.commands.whitelist=*\nautopurge.purgeInterval=3d\nadmin.x=1\n", "255")
	f.Fuzz(func(t *testing.T, text, myid string) {
		c, warnings, err := load("zoo.cfg", nil, files{"zoo.cfg": text, "d/myid": myid}.read)
		for _, w := range warnings {
			if w.String() == "" {
				t.Error("an empty warning")
			}
		}
		if err != nil {
			if err.Error() == "" || c != nil {
				t.Errorf("error %q with %v", err, c)
			}
			return
		}
		if !c.Standalone && !c.Ensemble().IsMember(c.ServerID) {
			t.Errorf("server %d is no member", c.ServerID)
		}
		for _, s := range c.Servers {
			again, err := parseServer(s.ID, s.String())
			if err != nil || again != s {
				t.Errorf("%s reads back as %s, %v", s, again, err)
			}
		}
		if strings.HasSuffix(c.MembershipText(), "\n") {
			t.Error("the membership text ends in a newline")
		}
	})
}
