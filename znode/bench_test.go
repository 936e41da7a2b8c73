package znode

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// fill makes dirs directories of each nodes with 12-character names and 100
// bytes of data.
func fill(tree *Tree, dirs, each int) {
	q := &Request{Live: true, Session: 1, Op: int32(jute.OpCreate)}
	apply := func(path, data string) {
		q.Zxid++
		q.Body = createReq(path, data, 0).Append(nil)
		if res := tree.Apply(q); res.Code != 0 {
			panic(fmt.Sprint(path, res.Code))
		}
	}
	data := strings.Repeat("d", 100)
	for d := range dirs {
		dir := fmt.Sprintf("/directory%02d", d)
		apply(dir, "")
		for i := range each {
			apply(fmt.Sprintf("%s/node-%07d", dir, i), data)
		}
	}
}

func BenchmarkApplySetData(b *testing.B) {
	tree := New()
	fill(tree, 1, 10_000)
	bodies := make([][]byte, 1000)
	for i := range bodies {
		bodies[i] = (&jute.SetDataRequest{Path: fmt.Sprintf("/directory00/node-%07d", i*10), Data: make([]byte, 100), Version: -1}).Append(nil)
	}
	q := &Request{Live: true, Session: 1, Op: int32(jute.OpSetData)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Zxid++
		q.Body = bodies[i%len(bodies)]
		tree.Apply(q)
	}
}

func BenchmarkApplyCreateDelete(b *testing.B) {
	tree := New()
	fill(tree, 1, 10_000)
	create := createReq("/directory00/another", strings.Repeat("d", 100), 0).Append(nil)
	del := (&jute.DeleteRequest{Path: "/directory00/another", Version: -1}).Append(nil)
	q := &Request{Live: true, Session: 1}
	b.ReportAllocs()
	for b.Loop() {
		q.Zxid++
		q.Op, q.Body = int32(jute.OpCreate), create
		tree.Apply(q)
		q.Zxid++
		q.Op, q.Body = int32(jute.OpDelete), del
		tree.Apply(q)
	}
}

func BenchmarkReadGetData(b *testing.B) {
	tree := New()
	fill(tree, 10, 10_000)
	bodies := make([][]byte, 1000)
	for i := range bodies {
		bodies[i] = (&jute.PathWatchRequest{Path: fmt.Sprintf("/directory%02d/node-%07d", i%10, i*10)}).Append(nil)
	}
	dst, who := make([]byte, 0, 4096), &Caller{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, code := tree.Read(jute.OpGetData, bodies[i%len(bodies)], who, dst); code != 0 {
			b.Fatal(code)
		}
	}
}

// BenchmarkMemory reports bytes per znode of a tree of 1,000,000 and how long
// the garbage collector needs for it.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tree := New()
		start := time.Now()
		fill(tree, 10, 100_000)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		start = time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(start).Microseconds()), "gc-us")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(tree.live), "B/znode")
		b.ReportMetric(float64(took.Nanoseconds())/float64(tree.live), "ns/create")
		runtime.KeepAlive(tree)
	}
}

// BenchmarkImage reports the time per znode of writing and loading an image.
func BenchmarkImage(b *testing.B) {
	tree := New()
	fill(tree, 10, 20_000)
	for b.Loop() {
		start := time.Now()
		im := tree.Open()
		var f frames
		f.readACLs(b, im)
		for f.readNodes(b, im, 1000) {
		}
		im.Close()
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(tree.live), "write-ns/znode")
		start = time.Now()
		if _, err := f.load(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(tree.live), "load-ns/znode")
	}
}

func BenchmarkCloseSession(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		tree := New()
		q := &Request{Live: true, Session: 1, Op: int32(jute.OpCreate)}
		for i := range 100_000 {
			q.Zxid++
			q.Body = createReq(fmt.Sprintf("/e%d", i), "", jute.FlagEphemeral).Append(nil)
			tree.Apply(q)
		}
		b.StartTimer()
		tree.Apply(&Request{Session: 1, Op: zab.OpExpire})
	}
}

// BenchmarkFire reports what one event to 1000 connections costs.
func BenchmarkFire(b *testing.B) {
	r := newRig(b)
	r.create("/a", "")
	for range 1000 {
		r.addWatch(new(deaf), "/a", jute.WatchPersistent)
	}
	body := (&jute.SetDataRequest{Path: "/a", Version: -1}).Append(nil)
	q := &Request{Live: true, Session: 1, Op: int32(jute.OpSetData), Body: body}
	b.ReportAllocs()
	for b.Loop() {
		r.tree.Apply(q)
	}
}

type deaf struct{ n int }

func (d *deaf) Notify(*Event)              { d.n++ }
func (d *deaf) Identities() []zab.Identity { return nil }
