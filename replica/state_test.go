package replica

import (
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// story makes records and applies them to a state.
type story struct {
	s   *State
	enc *wire.Encoder
	at  zab.Position
	now int64
}

func newStory() *story { return &story{s: NewState(), enc: wire.NewEncoder()} }

func (h *story) record(txn zab.Txn) *zab.Record {
	h.now++
	txn.Time = h.now
	rec, err := h.enc.EncodeRecord(h.at.CRC, h.at.Zxid+1, &txn)
	if err != nil {
		panic(err)
	}
	h.at = rec.Position()
	return &rec
}

func (h *story) apply(session zab.SessionID, op int32, body []byte) jute.Code {
	return h.s.Apply(h.record(zab.Txn{Session: session, Op: op, Body: body})).Code
}

func (h *story) session(id zab.SessionID, timeout int32) jute.Code {
	return h.apply(id, int32(jute.OpCreateSession), jute.AppendInt32(nil, timeout))
}

func (h *story) bootstrap(name uint64, secret string) jute.Code {
	body, err := wire.NewEncoder().AppendBody(nil, &zab.Bootstrap{Ensemble: name, Secret: []byte(secret)})
	if err != nil {
		panic(err)
	}
	return h.apply(0, zab.OpBootstrap, body)
}

func (h *story) create(session zab.SessionID, path string, flags jute.CreateFlags) jute.Code {
	req := jute.CreateRequest{Path: path, Data: []byte("data of " + path), ACL: jute.WorldACL(31), Flags: flags}
	return h.apply(session, int32(jute.OpCreate), req.Append(nil))
}

func TestSessions(t *testing.T) {
	h := newStory()
	expect := func(what string, got, want jute.Code) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	expect("create without a session", h.create(7, "/a", 0), jute.CodeSessionExpired)
	expect("no timeout", h.apply(7, int32(jute.OpCreateSession), nil), jute.CodeMarshallingError)
	expect("no id", h.session(0, 1), jute.CodeMarshallingError)
	expect("session", h.session(7, 4000), 0)
	expect("again", h.session(7, 9999), 0)
	expect("negative id", h.session(-7, 5000), 0)
	if got := h.s.Sessions(); len(got) != 2 || got[0].ID != -7 || got[1] != (zab.Session{ID: 7, Timeout: 4000, Since: h.at.Zxid - 1}) {
		t.Error(got)
	}
	if ms, ok := h.s.SessionTimeout(7); ms != 4000 || !ok {
		t.Error(ms, ok)
	}
	expect("create", h.create(7, "/e", jute.FlagEphemeral), 0)
	expect("the ensemble itself", h.create(0, "/own", 0), 0)
	if got := h.s.Ephemerals(7); !slices.Equal(got, []string{"/e"}) {
		t.Error(got)
	}
	expect("expiry", h.apply(7, zab.OpExpire, nil), 0)
	expect("late request", h.create(7, "/late", 0), jute.CodeSessionExpired)
	expect("late close", h.apply(7, int32(jute.OpCloseSession), nil), 0)
	if _, ok := h.s.SessionTimeout(7); ok || h.s.SessionCount() != 1 || len(h.s.EphemeralSessions()) != 0 {
		t.Error("the session is still there")
	}
	if h.s.Applied() != h.at {
		t.Error(h.s.Applied(), h.at)
	}
}

func TestBootstrap(t *testing.T) {
	h := newStory()
	if h.s.CheckPassword(1, make([]byte, 16)) {
		t.Error("a password is right before there is a secret")
	}
	before := h.s.Digest()
	if code := h.apply(0, zab.OpBootstrap, []byte("garbage")); code != jute.CodeMarshallingError || h.s.Digest() != before {
		t.Error(code)
	}
	if code := h.bootstrap(11, "secret"); code != 0 || h.s.Ensemble() != 11 || h.s.Digest() == before {
		t.Error(code, h.s.Ensemble())
	}
	pass := h.s.Password(1)
	h.bootstrap(12, "other secret")
	if h.s.Ensemble() != 11 || h.s.Password(1) != pass {
		t.Error("a second bootstrap counted")
	}
	if !h.s.CheckPassword(1, pass[:]) || h.s.CheckPassword(2, pass[:]) || h.s.CheckPassword(1, nil) {
		t.Error("passwords are not told apart")
	}
}

func TestApplyRefusesHoles(t *testing.T) {
	h := newStory()
	h.session(1, 1000)
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: applied", name)
			}
		}()
		f()
	}
	skipped := h.record(zab.Txn{Session: 1, Op: int32(jute.OpSync)})
	next := h.record(zab.Txn{Session: 1, Op: int32(jute.OpSync)})
	panics("hole", func() { h.s.Apply(next) })
	h.s.Apply(skipped)
	panics("twice", func() { h.s.Apply(skipped) })
	h.s.Apply(next)
	panics("level", func() { h.s.Apply(h.record(zab.Txn{Level: zab.FeatureLevel + 1})) })
}

// random makes a random record without applying it.
func (h *story) random(t *rapid.T) *zab.Record {
	txn := zab.Txn{Session: zab.SessionID(rapid.IntRange(1, 4).Draw(t, "session"))}
	path := rapid.SampledFrom([]string{"/a", "/b", "/a/a", "/a/b", "/b/a", "/c"}).Draw(t, "path")
	txn.Origin = zab.ServerID(rapid.IntRange(1, 3).Draw(t, "origin"))
	op := jute.OpCreate
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		op, txn.Body = jute.OpCreateSession, jute.AppendInt32(nil, int32(rapid.IntRange(0, 9).Draw(t, "timeout")))
	case 1:
		op = jute.Op(zab.OpExpire)
	case 2:
		op = jute.Op(zab.OpBootstrap)
		txn.Body, _ = h.enc.AppendBody(nil, &zab.Bootstrap{Ensemble: rapid.Uint64().Draw(t, "name"), Secret: []byte("secret")})
	case 3, 4:
		op, txn.Body = jute.OpDelete, (&jute.DeleteRequest{Path: path, Version: -1}).Append(nil)
	case 5:
		data := rapid.SampledFrom([]string{"", "x", "yy"}).Draw(t, "data")
		op, txn.Body = jute.OpSetData, (&jute.SetDataRequest{Path: path, Data: []byte(data), Version: -1}).Append(nil)
	default:
		flags := jute.CreateFlags(rapid.IntRange(0, 3).Draw(t, "flags"))
		req := jute.CreateRequest{Path: path, ACL: jute.WorldACL(31), Flags: flags}
		txn.Body = req.Append(nil)
	}
	txn.Op = int32(op)
	return h.record(txn)
}

type snapFrame struct {
	kind uint8
	body []byte
}

// reader returns frames as LoadState wants them.
func reader(frames []snapFrame) func() (uint8, []byte, error) {
	return func() (uint8, []byte, error) {
		if len(frames) == 0 {
			return 0, nil, io.EOF
		}
		f := frames[0]
		frames = frames[1:]
		return f.kind, f.body, nil
	}
}

func allFrames(im *Image, between func()) []snapFrame {
	var frames []snapFrame
	for done := false; !done; {
		between()
		var f snapFrame
		f.body, f.kind, done = im.Next(nil, 2)
		frames = append(frames, f)
	}
	im.Release()
	return frames
}

// TestSnapshotIsAPointInTime: however many records are applied while an image
// is read, what is loaded is the state at its beginning, and goes on from
// there as the state itself did.
func TestSnapshotIsAPointInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newStory()
		for range rapid.IntRange(0, 50).Draw(t, "before") {
			h.s.Apply(h.random(t))
		}
		digest, at, sessions := h.s.Digest(), h.s.Applied(), h.s.Sessions()
		ensemble, pass := h.s.Ensemble(), h.s.Password(1)
		var after []*zab.Record
		frames := allFrames(h.s.Snapshot(), func() {
			for range rapid.IntRange(0, 5).Draw(t, "between") {
				after = append(after, h.random(t))
				h.s.Apply(after[len(after)-1])
			}
		})
		loaded, err := LoadState(reader(frames))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if loaded.Digest() != digest || loaded.Applied() != at || !slices.Equal(loaded.Sessions(), sessions) ||
			loaded.Ensemble() != ensemble || loaded.Password(1) != pass {
			t.Fatalf("loaded %#x at %s, want %#x at %s", loaded.Digest(), loaded.Applied(), digest, at)
		}
		for _, rec := range after {
			loaded.Apply(rec)
		}
		if loaded.Digest() != h.s.Digest() || loaded.Applied() != h.s.Applied() || !slices.Equal(loaded.Sessions(), h.s.Sessions()) {
			t.Fatalf("after %d records %#x, want %#x", len(after), loaded.Digest(), h.s.Digest())
		}
	})
}

func TestLoadStateRefuses(t *testing.T) {
	h := newStory()
	h.bootstrap(3, "secret")
	h.session(1, 1000)
	h.session(2, 1000)
	h.create(1, "/e", jute.FlagEphemeral)
	h.create(1, "/a", 0)
	whole := allFrames(h.s.Snapshot(), func() {})
	if _, err := LoadState(reader(whole)); err != nil {
		t.Fatal(err)
	}
	kinds := func(k uint8) (i int) {
		return slices.IndexFunc(whole, func(f snapFrame) bool { return f.kind == k })
	}
	drop := func(i int) []snapFrame { return slices.Delete(slices.Clone(whole), i, i+1) }
	swap := func(i, j int) []snapFrame {
		c := slices.Clone(whole)
		c[i], c[j] = c[j], c[i]
		return c
	}
	body := func(v any) []byte {
		b, err := wire.NewEncoder().AppendBody(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	replace := func(i int, v any) []snapFrame {
		c := slices.Clone(whole)
		c[i].body = body(v)
		return c
	}
	meta, sessions, nodes, last := 0, kinds(wire.FrameSnapSessions), kinds(wire.FrameSnapNodes), len(whole)-1
	for name, frames := range map[string][]snapFrame{
		"nothing":        {},
		"no meta":        drop(meta),
		"no sessions":    drop(sessions),
		"a batch less":   drop(nodes),
		"no trailer":     drop(last),
		"two metas":      append([]snapFrame{whole[0]}, whole...),
		"two trailers":   append(slices.Clone(whole), whole[last]),
		"order":          swap(sessions, nodes),
		"unknown kind":   append([]snapFrame{whole[0], {kind: 200}}, whole[1:]...),
		"version":        replace(meta, &snapshotMeta{Version: 3}),
		"no version":     replace(meta, &snapshotMeta{}),
		"level":          replace(meta, &snapshotMeta{Version: 2, Level: 99}),
		"other ensemble": replace(meta, &snapshotMeta{Version: 2, Ensemble: 4}),
		"same session": replace(sessions, &sessionBatch{Sessions: []zab.Session{
			{ID: 1, Timeout: 1000}, {ID: 2, Timeout: 1000}, {ID: 2, Timeout: 1000}}}),
		"counts": replace(last, &snapshotTrailer{Nodes: 1}),
	} {
		_, err := LoadState(reader(frames))
		newer := name == "version" || name == "level"
		if newer != errors.Is(err, ErrNewer) || !newer && !errors.Is(err, ErrSnapshot) && !errors.Is(err, znode.ErrImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range whole {
		c := slices.Clone(whole)
		c[i].body = []byte("garbage")
		if _, err := LoadState(reader(c)); !errors.Is(err, wire.ErrCorrupt) {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	broken := errors.New("broken disk")
	if _, err := LoadState(func() (uint8, []byte, error) { return 0, nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestManySessions(t *testing.T) {
	h := newStory()
	const count = 2*sessionsPerFrame + 1
	for i := range zab.SessionID(count) {
		h.session(count-i, 1000)
	}
	im := h.s.Snapshot()
	loaded, err := LoadState(reader(allFrames(im, func() {})))
	if err != nil || loaded.Digest() != h.s.Digest() || len(loaded.Sessions()) != count {
		t.Fatal(err)
	}
	im.Release()
	h.s.Snapshot().Release()
	if !slices.IsSortedFunc(loaded.Sessions(), func(a, b zab.Session) int { return int(a.ID - b.ID) }) {
		t.Error("sessions are not sorted")
	}
}
