package sim

import (
	"testing"

	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// TestDiskLog: what a disk must and may hold after a crash.
func TestDiskLog(t *testing.T) {
	a, b, c := zab.At(1, 1), zab.At(2, 2), zab.At(3, 3)
	records := func(ps ...zab.Position) []zab.Record {
		var recs []zab.Record
		for _, p := range ps {
			recs = append(recs, zab.Record{Zxid: p.Zxid, CRC: p.CRC})
		}
		return recs
	}
	fresh := func() *diskLog { return &diskLog{recs: []zab.Position{a, b}, sure: 1} }
	cut := func() *diskLog {
		l := &diskLog{recs: []zab.Position{a, b}, sure: 2}
		l.write(&zab.DiskOp{Kind: zab.DiskTruncate, At: a}, nil)
		l.write(&zab.DiskOp{Kind: zab.DiskAppend, Records: records(c)}, nil)
		return l
	}
	installed := func() *diskLog {
		l := fresh()
		l.write(&zab.DiskOp{Kind: zab.DiskSnapBegin, At: c}, nil)
		l.write(&zab.DiskOp{Kind: zab.DiskSnapEnd}, nil)
		return l
	}
	for _, d := range []struct {
		log  *diskLog
		last zab.Position
		want string
	}{
		{fresh(), a, ""},
		{fresh(), b, ""},
		{fresh(), zab.Position{}, "less than it had synced"},
		{fresh(), zab.At(2, 9), "what was never written there"},
		{fresh(), c, "what was never written there"},
		{cut(), a, ""},
		{cut(), b, ""},
		{cut(), c, ""},
		{cut(), zab.Position{}, "less than it had synced"},
		{installed(), c, ""},
		{installed(), b, ""},
	} {
		if got := d.log.recover(d.last); got != d.want {
			t.Errorf("%s: %q, want %q", d.last, got, d.want)
		}
		if d.want == "" && d.log.end() != d.last {
			t.Errorf("the log ends at %s, want %s", d.log.end(), d.last)
		}
	}
	finds(t, []doctored{{"less than it had synced", func(w *world, _ *client) {
		w.check.recovered(w.nodes[0], txnlog.Recovered{Last: w.check.history[0]})
	}}})
}
