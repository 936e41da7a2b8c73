package descriptors

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// limit is enough for three servers' need, and far less than twice that.
const limit = 300

// limited is quorumd with few descriptors.
type limited struct{ harness.Software }

func (l limited) Command(config string) *exec.Cmd {
	cmd := l.Software.Command(config)
	script := fmt.Sprintf(`ulimit -Sn %d && ulimit -Hn %d && exec "$0" "$@"`, limit, limit)
	return exec.Command("sh", append([]string{"-c", script}, cmd.Args...)...)
}

// TestStormOfClients: many more clients than a server has descriptors. It turns
// them away and stays in the ensemble: writes go through, mntr is answered, and a
// peer that comes back is heard and brought up to date.
func TestStormOfClients(t *testing.T) {
	quorumd, err := harness.Named("quorumd")
	if err != nil {
		t.Fatal(err)
	}
	e := harness.RunSoftware(t, limited{quorumd}, harness.Options{})
	leader, err := e.Leader()
	if err != nil {
		t.Fatal(err)
	}
	inside, err := harness.DialNew(leader.Client)
	if err != nil {
		t.Fatal(err)
	}
	storm := storm(leader.Client, 2*limit)
	back := e.Followers(leader)[0]
	if err := back.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := inside.Must(harness.Create(fmt.Sprintf("/storm-%d", i), nil, 0)); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	if err := back.Start(); err != nil {
		t.Fatal(err)
	}
	if err := back.WaitServing(harness.StartLimit); err != nil {
		t.Fatal(err)
	}
	figures(t, leader)
	for _, nc := range storm {
		_ = nc.Close()
	}
	if err := inside.Close(); err != nil {
		t.Error(err)
	}
	if difference, err := e.Compare(harness.StartLimit); err != nil || difference != "" {
		t.Errorf("%s, %v", difference, err)
	}
	harness.Unharmed(t, e, leader)
}

// storm opens connections that say nothing.
func storm(addr string, n int) []net.Conn {
	var all []net.Conn
	for range n {
		if nc, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			all = append(all, nc)
		}
	}
	return all
}

// figures looks at what the stormed server tells. It has places for a word; the
// silent ones may hold them for a second.
func figures(t *testing.T, s *harness.Server) {
	t.Helper()
	var f map[string]string
	err := harness.Poll(harness.StartLimit, "mntr being answered", func() (bool, error) {
		got, err := s.Figures()
		f = got
		return err == nil && got["quorumd_descriptors_open"] != "", s.Crashed()
	})
	if err != nil {
		t.Fatal(err)
	}
	n := func(name string) (v int) {
		if _, err := fmt.Sscan(f[name], &v); err != nil {
			t.Errorf("%s=%q: %v", name, f[name], err)
		}
		return v
	}
	if n("quorumd_descriptors_refused_client") == 0 || n("quorumd_descriptors_refused_peer")+
		n("quorumd_descriptors_refused_log")+n("quorumd_descriptors_refused_snapshot") != 0 {
		t.Errorf("refused: clients %s, peers %s, log %s, snapshots %s", f["quorumd_descriptors_refused_client"],
			f["quorumd_descriptors_refused_peer"], f["quorumd_descriptors_refused_log"], f["quorumd_descriptors_refused_snapshot"])
	}
	if high := n("quorumd_descriptors_high_water"); high >= limit-16 || high < n("quorumd_descriptors_open") {
		t.Errorf("high water %d", high)
	}
	t.Logf("open %s, high water %s, limit %s, clients' limit %s, refused %s", f["quorumd_descriptors_open"],
		f["quorumd_descriptors_high_water"], f["quorumd_descriptors_limit"], f["quorumd_client_connections_limit"],
		f["quorumd_descriptors_refused_client"])
}
