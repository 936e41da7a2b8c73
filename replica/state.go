package replica

import (
	"slices"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// State is what a server serves: the outcome of the history up to Applied. It
// is a function of that history alone, so two servers at the same position
// have the same State, and Digest lets them check.
//
// Apply, Snapshot and Image.Release are to be called under the owner's write
// lock, everything else under its read lock at least.
type State struct {
	tree     *znode.Tree
	sessions sessionTable
	ensemble uint64
	secret   []byte
	level    uint16 // the highest feature level in the history
	applied  zab.Position
	image    *Image
}

// NewState returns the state before the first record: the built-in znodes.
func NewState() *State {
	return &State{tree: znode.New(), sessions: newSessionTable()}
}

// Applied returns the position of the last record applied.
func (s *State) Applied() zab.Position { return s.applied }

// Ensemble returns the ensemble's random name, 0 until its first record was
// applied.
func (s *State) Ensemble() uint64 { return s.ensemble }

// Membership returns the text of the membership, empty until its record was
// applied.
func (s *State) Membership() string { return s.tree.Config() }

// Level returns the highest feature level in the history.
func (s *State) Level() uint16 { return s.level }

// Digest returns a digest of znodes, sessions and the ensemble's name. It is
// kept up to date by Apply and costs nothing to ask for. Whose the sessions are
// is not in it: snapshots of version 1 do not tell.
func (s *State) Digest() uint64 {
	return s.tree.Digest() + s.sessions.digest + znode.SessionDigest(0, int64(s.ensemble))
}

// Apply evaluates the record and changes the state accordingly. The record's
// transaction is decoded and must not change any more; the record follows
// Applied. The result's body is valid until the next Apply.
//
// It panics when the record is of a feature level that this build does not
// know: going on would make this server's state differ from the others'.
func (s *State) Apply(rec *zab.Record) znode.Result {
	if rec.Prev != s.applied.CRC || rec.Zxid <= s.applied.Zxid {
		must.Fail("R1", "record %s after %08x is applied at %s", rec.Zxid, rec.Prev, s.applied)
	}
	txn := rec.Txn
	if txn.Level > zab.FeatureLevel {
		must.Fail("R7", "record %s needs feature level %d, this server knows %d; run a newer version",
			rec.Zxid, txn.Level, zab.FeatureLevel)
	}
	s.level = max(s.level, txn.Level)
	res := s.evaluate(rec.Zxid, txn)
	s.sessions.acted(txn.Session, txn.Origin, rec.Zxid)
	s.applied = rec.Position()
	return res
}

func (s *State) evaluate(z zab.Zxid, txn *zab.Txn) znode.Result {
	switch txn.Op {
	case int32(jute.OpCreateSession):
		return znode.Result{Zxid: z, Code: s.createSession(txn)}
	case zab.OpBootstrap:
		return znode.Result{Zxid: z, Code: s.bootstrap(txn.Body)}
	}
	res := s.tree.Apply(&znode.Request{
		Zxid: z, Time: txn.Time, Session: txn.Session,
		Live:  txn.Session == 0 || s.sessions.has(txn.Session),
		Flags: txn.Flags, Auth: txn.Auth, Op: txn.Op, Body: txn.Body,
	})
	if txn.Op == int32(jute.OpCloseSession) || txn.Op == zab.OpExpire {
		s.sessions.remove(txn.Session)
	}
	return res
}

// createSession enters the session. One that is already there stays as it is:
// its creation was sent twice.
func (s *State) createSession(txn *zab.Txn) jute.Code {
	body := jute.NewReader(txn.Body)
	timeout := int64(body.Int32())
	if body.Err() != nil || txn.Session == 0 {
		return jute.CodeMarshallingError
	}
	if !s.sessions.has(txn.Session) {
		s.sessions.add(zab.Session{ID: txn.Session, Timeout: timeout, Owner: zab.NoServer})
	}
	return jute.CodeOK
}

// bootstrap names the ensemble. Only the first such record counts: two servers
// may both have found the history empty.
func (s *State) bootstrap(body []byte) jute.Code {
	var b zab.Bootstrap
	if err := wire.NewDecoder().Body(body, &b); err != nil {
		return jute.CodeMarshallingError
	}
	if s.ensemble == 0 {
		s.ensemble, s.secret = b.Ensemble, b.Secret
	}
	return jute.CodeOK
}

// Read answers a read operation: it appends the reply's record to dst, or
// returns dst unchanged and an error. It registers the watches that the
// request asks for. It may run concurrently with other reads.
func (s *State) Read(op jute.Op, body []byte, who znode.Caller, dst []byte) ([]byte, jute.Code) {
	return s.tree.Read(op, body, &who, dst)
}

// Detach drops the watches of a connection that is gone: no read of it may be
// under way or come later. It needs no lock.
func (s *State) Detach(w znode.Watcher) { s.tree.Detach(w) }

// Password returns the password of a session.
func (s *State) Password(id zab.SessionID) [session.PasswordSize]byte {
	return session.Password(s.secret, id)
}

// CheckPassword reports whether password is the session's.
func (s *State) CheckPassword(id zab.SessionID, password []byte) bool {
	return len(s.secret) > 0 && session.CheckPassword(s.secret, id, password)
}

// SessionTimeout returns a session's timeout in ms as it was when the session
// was created; ok is false when there is no such session.
func (s *State) SessionTimeout(id zab.SessionID) (ms int64, ok bool) {
	i, ok := s.sessions.place[id]
	if !ok {
		return 0, false
	}
	return s.sessions.list[i].Timeout, true
}

// Sessions returns all sessions, sorted by id.
func (s *State) Sessions() []zab.Session { return s.sessions.sorted() }

// SessionCount returns the number of sessions.
func (s *State) SessionCount() int { return len(s.sessions.list) }

// Reapable returns up to limit paths of containers and TTL nodes that are due
// at the wall time, in ms since 1970. A call looks at a bounded part of them,
// the next one goes on from there. Only one caller at a time may use it.
func (s *State) Reapable(wall int64, limit int) []string { return s.tree.Reapable(wall, limit) }

// Figures returns the tree's figures for monitoring.
func (s *State) Figures() znode.Figures { return s.tree.Figures() }

// Walk shows every znode to visit, parents first, siblings by name, until an
// error.
func (s *State) Walk(visit func(*znode.Node) error) error { return s.tree.Walk(visit) }

// Watches lists who watches what, sorted by path.
func (s *State) Watches() []znode.Watch { return s.tree.Watches() }

// Ephemerals returns the paths of a session's ephemerals, sorted.
func (s *State) Ephemerals(id zab.SessionID) []string { return s.tree.Ephemerals(id) }

// EphemeralSessions returns the sessions that own ephemerals, sorted.
func (s *State) EphemeralSessions() []zab.SessionID { return s.tree.EphemeralSessions() }

// sessionTable holds the sessions in a list, so that a snapshot can copy them
// at once, and finds them by id.
type sessionTable struct {
	list   []zab.Session
	place  map[zab.SessionID]int
	digest uint64
}

func newSessionTable() sessionTable {
	return sessionTable{place: make(map[zab.SessionID]int)}
}

func (t *sessionTable) has(id zab.SessionID) bool {
	_, ok := t.place[id]
	return ok
}

func (t *sessionTable) add(e zab.Session) {
	t.place[e.ID] = len(t.list)
	t.list = append(t.list, e)
	t.digest += znode.SessionDigest(int64(e.ID), e.Timeout)
}

// acted notes that the record at came through server. A server that begins with
// this state knows from it whose the session is (session, S4).
func (t *sessionTable) acted(id zab.SessionID, server zab.ServerID, at zab.Zxid) {
	if i, ok := t.place[id]; ok {
		t.list[i].Owner, t.list[i].Since = server, at
	}
}

// remove drops the session if it is there.
func (t *sessionTable) remove(id zab.SessionID) {
	i, ok := t.place[id]
	if !ok {
		return
	}
	t.digest -= znode.SessionDigest(int64(id), t.list[i].Timeout)
	last := len(t.list) - 1
	t.list[i] = t.list[last]
	t.place[t.list[i].ID] = i
	t.list = t.list[:last]
	delete(t.place, id)
}

func (t *sessionTable) sorted() []zab.Session {
	list := slices.Clone(t.list)
	sortSessions(list)
	return list
}

func sortSessions(list []zab.Session) {
	slices.SortFunc(list, func(a, b zab.Session) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
}
