package znode

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

func TestUsageText(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "count=-1,bytes=-1",
		"count=5,bytes=10": "count=5,bytes=10",
		"count=5":          "count=5,bytes=-1",
		"bytes=,count=":    "count=-1,bytes=-1",
		"count=x,bytes=9":  "count=-1,bytes=9",
		"nonsense":         "count=-1,bytes=-1=;nonsense=-1",
		",;,count=1;;b=2":  "count=1,bytes=-1=;b=2",
		"count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=7": "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=7",
		"count=5,bytes=-1=;countHardLimit=7;byteHardLimit=-1": "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=7",
	} {
		u := parseUsage(text)
		if got := u.text(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func (r *rig) setQuota(path, limits string) {
	r.t.Helper()
	at := quotaPath + path
	r.create(at, "")
	r.create(at+"/"+limitsName, limits)
	r.create(at+"/"+statsName, "")
}

func TestQuotaStatsAreKept(t *testing.T) {
	r := newRig(t)
	r.create("/q", "12")
	r.create("/q/a", "345")
	r.create("/qq", "not below /q")
	r.setQuota("/q", "count=5,bytes=10")
	const stats = "/zookeeper/quota/q/zookeeper_stats"
	expect := func(want string) {
		t.Helper()
		if got := r.data(stats); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		checkTree(t, r.tree)
	}
	expect("count=2,bytes=5")
	before, w := r.stat(stats), newWatcher()
	r.watchBy(jute.OpGetData, w, stats)
	r.create("/q/b", "6789")
	expect("count=3,bytes=9")
	r.set("/q/b", "")
	expect("count=3,bytes=5")
	r.set("/q", "1234567890")
	expect("count=3,bytes=13")
	r.delete("/q/a")
	expect("count=2,bytes=10")
	r.createFlags(2, "/q/e", jute.FlagEphemeral)
	expect("count=3,bytes=10")
	r.as(2, jute.OpCloseSession, nil)
	expect("count=2,bytes=10")
	r.create("/qq/x", "other")
	expect("count=2,bytes=10")
	failing := newMulti().add(jute.OpCreate, createReq("/q/x", "xx", 0)).add(jute.OpDelete, &jute.DeleteRequest{Path: "/none"})
	r.as(1, jute.OpMulti, failing.end())
	expect("count=2,bytes=10")
	after := r.stat(stats)
	after.DataLength = before.DataLength
	if after != before || len(w.events) != 0 {
		t.Errorf("stats changed %+v to %+v, told %v", before, after, w.events)
	}
	// Without limits nothing is counted.
	r.delete("/zookeeper/quota/q/zookeeper_limits")
	r.delete("/q/b")
	expect("count=2,bytes=10")
}

func TestOnlyTheDeepestQuotaCounts(t *testing.T) {
	r := newRig(t)
	r.create("/q", "")
	r.create("/q/in", "")
	r.setQuota("/q", "count=5,bytes=10")
	r.setQuota("/q/in", "count=5,bytes=10")
	r.create("/q/in/x", "1")
	r.create("/q/out", "22")
	if got := r.data("/zookeeper/quota/q/zookeeper_stats") + " " + r.data("/zookeeper/quota/q/in/zookeeper_stats"); got !=
		"count=3,bytes=2 count=2,bytes=1" {
		t.Error(got)
	}
	checkTree(t, r.tree)
}

func TestTheRootHasNoQuota(t *testing.T) {
	r := newRig(t)
	r.create("/zookeeper/quota/zookeeper_limits", "count=0,bytes=0=;countHardLimit=0")
	r.create("/zookeeper/quota/zookeeper_stats", "mine")
	r.flags = zab.FlagEnforceQuota
	r.create("/a", "")
	if got := r.data("/zookeeper/quota/zookeeper_stats"); got != "mine" {
		t.Error(got)
	}
	checkTree(t, r.tree)
}

func TestHardQuota(t *testing.T) {
	r := newRig(t)
	r.create("/q", "")
	r.setQuota("/q", "count=1,bytes=1=;byteHardLimit=4;countHardLimit=3")
	r.create("/q/a", "12")
	r.flags = zab.FlagEnforceQuota
	try := func(op jute.Op, req appender, want jute.Code) {
		t.Helper()
		if code := r.do(op, req); code != want {
			t.Errorf("%s %+v: %v", op, req, code)
		}
	}
	try(jute.OpCreate, createReq("/q/b", "345", 0), jute.CodeQuotaExceeded)
	try(jute.OpCreate, createReq("/q/b", "34", 0), 0)
	try(jute.OpCreate, createReq("/q/c", "", 0), jute.CodeQuotaExceeded)
	try(jute.OpSetData, &jute.SetDataRequest{Path: "/q", Data: []byte("5"), Version: -1}, jute.CodeQuotaExceeded)
	try(jute.OpSetData, &jute.SetDataRequest{Path: "/q/a", Data: []byte("21"), Version: -1}, 0)
	// Both at once, of which the second is too much.
	_, body := r.as(1, jute.OpMulti, newMulti().add(jute.OpDelete, &jute.DeleteRequest{Path: "/q/b", Version: -1}).
		add(jute.OpCreate, createReq("/q/c", "", 0)).add(jute.OpCreate, createReq("/q/d", "", 0)).end())
	if string(body[:5]) != "\xff\xff\xff\xff\x00" {
		t.Errorf("%x", body)
	}
	r.flags = 0
	try(jute.OpCreate, createReq("/q/c", "67890", 0), 0)
	checkTree(t, r.tree)
}
