package compat

// weights say how often each operation is drawn.
var weights = []struct {
	op     int32
	weight int
}{
	{opCreate, 14}, {opCreate2, 6}, {opCreateContainer, 2}, {opCreateTTL, 3}, {opDelete, 11}, {opSetData, 8}, {opSetACL, 4},
	{opExists, 7}, {opGetData, 8}, {opGetACL, 4}, {opGetChildren, 4}, {opGetChildren2, 5}, {opSync, 2}, {opMulti, 9},
	{opMultiRead, 3}, {opAddWatch, 3}, {opRemoveWatches, 2}, {opCheckWatches, 2}, {opSetWatches, 1}, {opSetWatches2, 1},
	{opGetEphemerals, 2}, {opAllChildren, 2}, {opWhoAmI, 1}, {opPing, 1}, {opReconfig, 1},
}

func (g *generator) drawOp() int32 {
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	n := g.r.IntN(total)
	for _, w := range weights {
		if n -= w.weight; n < 0 {
			return w.op
		}
	}
	return opPing
}

func (g *generator) request() step {
	s := step{op: g.drawOp()}
	switch s.op {
	case opMulti:
		g.multi(&s)
	case opMultiRead:
		g.multiRead(&s)
	case opPing:
		s.xid = xidPing
	case opAddWatch, opRemoveWatches, opCheckWatches:
		g.watch(&s)
	case opSetWatches, opSetWatches2:
		g.setWatches(&s)
	case opSync, opGetEphemerals, opAllChildren:
		s.path = g.path()
		s.noPath = g.chance(30)
		if s.op == opGetEphemerals && g.chance(2) {
			s.path = pick(g, []string{"$/", "/", "", " ", "$/a"})
		}
	default:
		g.single(&s)
	}
	return s
}

// single fills in a request that can stand alone, most of which can be in a
// multi too.
func (g *generator) single(s *step) {
	switch s.op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL:
		g.create(s)
	case opDelete, opCheck:
		s.path, s.version = g.path(), g.version()
		if s.op == opDelete && s.path == "$" && !g.chance(50) {
			s.path = "$/a/x" // without its home node a stream has little to say
		}
	case opSetData:
		s.path, s.version = g.path(), g.version()
		s.data, s.noData = g.data()
	case opSetACL:
		s.path, s.version, s.acl = g.path(), g.version(), g.acl()
		s.noACL = g.chance(50)
		if s.path == "/" || s.path == "/zookeeper" {
			s.acl = openACL // or the streams that follow would suffer
		}
	case opExists, opGetData, opGetChildren, opGetChildren2:
		s.path = g.path()
		s.watch = g.watchMode(s.path) == 0 && g.chance(2)
	case opGetACL:
		s.path = g.path()
	}
}

func (g *generator) create(s *step) {
	s.flags = pick(g, []int32{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3})
	if g.chance(40) {
		s.flags = pick(g, []int32{4, 5, 6, 7, -1, 100})
	}
	if s.op == opCreateContainer && (s.flags == 1 || s.flags == 3) {
		s.flags-- // for a while 3.8.0 takes the container for an ephemeral
	}
	if s.op == opCreateTTL {
		s.flags = pick(g, []int32{5, 5, 5, 6})
		s.ttl = pick(g, []int64{1, 1000, 1 << 30, 1<<40 - 1, 1 << 40, 0, -1, -1 << 63, 1<<63 - 1})
		if g.chance(10) {
			s.flags = pick(g, []int32{0, 1, 2, 3, 4, 7})
			s.ttl = max(s.ttl, 0) // below 0 ruins ZooKeeper (D3)
		}
	}
	s.path = g.created(s.flags)
	s.data, s.noData = g.data()
	s.acl = g.acl()
	s.noACL = g.chance(200)
}

var multiOps = []int32{opCreate, opCreate, opCreate2, opDelete, opDelete, opSetData, opSetData, opCheck, opCheck, opCreateContainer, opCreateTTL}

func (g *generator) multi(s *step) {
	n := g.r.IntN(6)
	if g.quota {
		n = min(n, 1) // several count one by one in quorumd, against what was before in ZooKeeper
	}
	for range n {
		sub := step{op: pick(g, multiOps)}
		if g.chance(60) {
			sub.op = pick(g, []int32{opSetACL, opGetData, opExists, opMulti, 99})
		}
		g.single(&sub)
		sub.watch = false
		switch {
		case sub.op == opCreateContainer:
			sub.flags = 4 // as clients do: in a multi, 3.8.0 goes by the flags alone
		case sub.op == opCreateTTL && sub.flags < 5:
			sub.flags = 5 // likewise: else it would be a create without a ttl
		case creates(sub.op) && sub.op != opCreateTTL && (sub.flags == 5 || sub.flags == 6):
			sub.flags = 2 // 3.8.0 fails in the middle of the multi (D3)
		}
		s.subs = append(s.subs, sub)
	}
	s.noEnd = g.chance(60)
}

func (g *generator) multiRead(s *step) {
	for range g.r.IntN(5) {
		sub := step{op: pick(g, []int32{opGetData, opGetChildren}), path: g.path(), watch: g.chance(3)}
		if g.chance(30) {
			sub = step{op: pick(g, []int32{opDelete, opCheck, opExists, opGetChildren2}), path: g.path(), version: 0}
		}
		s.subs = append(s.subs, sub)
	}
	s.noEnd = g.chance(60)
}

// watch fills in addWatch, removeWatches or checkWatches.
func (g *generator) watch(s *step) {
	s.path = g.path()
	mode := g.watchMode(s.path)
	switch {
	case s.op != opAddWatch && mode == 0:
		s.mode = pick(g, []int32{1, 2, 3, 3, 0, 6, -1})
	case s.op != opAddWatch:
		s.mode = pick(g, []int32{3, 3, 3, 0, 7})
	case mode == 0:
		s.mode = pick(g, []int32{2, -1, 100}) // no mode at all
	default:
		s.mode = int32(mode - 1)
	}
	if s.op == opCheckWatches && g.chance(10) {
		s.mode = pick(g, []int32{4, 5})
	}
}

func (g *generator) setWatches(s *step) {
	s.xid = -8
	s.since = pick(g, []since{sinceZero, sinceLast, sinceLast, sinceLast, sinceEnd})
	for i, mode := range []int{0, 0, 0, 1, 2} {
		s.lists[i] = g.watched(mode)
	}
	if g.chance(20) {
		s.noList = 1 // 3.8.0 does what the lists before a null one say
	}
}
