package compat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	slots     = 4
	streamLen = 250 // turns; a turn is up to 21 requests
)

// stream is a seed's list of steps.
type stream struct {
	seed  uint64
	steps []step
}

// generator makes one stream. What it draws depends on nothing but the seed (D2).
type generator struct {
	r      *rand.Rand
	steps  []step
	live   [slots]bool // the slot probably has a connection
	modes  map[string]int
	mixed  bool // one path is watched in several modes
	closed bool // ACLs that deny READ are used
	quota  bool
	recent []string
}

func generate(seed uint64) stream {
	r := rand.New(rand.NewPCG(seed, 0x71756f72756d64))
	g := &generator{
		r: r, modes: map[string]int{},
		mixed: r.IntN(10) == 0, closed: r.IntN(3) == 0, quota: r.IntN(10) == 0,
	}
	for slot := range slots {
		g.connect(slot, -1)
	}
	if g.quota {
		g.quotaNodes()
	}
	for range streamLen {
		g.turn()
	}
	return stream{seed, g.steps}
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

func pick[T any](g *generator, list []T) T { return list[g.r.IntN(len(list))] }

func (g *generator) add(s step) { g.steps = append(g.steps, s) }

// turn is what one slot does before it waits for all answers.
func (g *generator) turn() {
	slot := g.r.IntN(slots)
	if !g.live[slot] || g.chance(60) {
		g.connectAnyhow(slot)
		return
	}
	switch n := g.r.IntN(400); {
	case n < 3:
		g.add(step{slot: slot, action: doDrop})
		g.live[slot] = false
		return
	case n < 4:
		g.add(step{slot: slot, action: doRaw, data: pick(g, badFrames)})
		g.live[slot] = false
		return
	case n < 8:
		s := step{slot: slot, op: opClose}
		if g.chance(2) {
			s = step{slot: slot, op: pick(g, unknownOps), tail: "\x00\x00\x00\x00"}
		}
		if g.chance(6) {
			s = step{slot: slot, op: opDeleteContainer, path: g.path()}
		}
		g.add(s)
		g.live[slot] = false
		return
	case n < 16:
		g.auth(slot)
		return
	}
	length := 1
	if !g.quota && g.chance(2) {
		length = 2 + g.r.IntN(20)
	}
	for i := range length {
		s := g.request()
		s.slot, s.joined = slot, i < length-1
		if g.chance(80) {
			g.spoil(&s)
		}
		g.add(s)
	}
}

var unknownOps = []int32{0, -1, 10, 23, 99, 108, 1000, 2147483647, -2147483648, -12}

// badFrames make every server close the connection without an answer.
var badFrames = []string{
	"\xff\xff\xff\xff", "\x80\x00\x00\x00", "\x00\x10\x00\x00", "\x7f\xff\xff\xff", "ruok",
	"\x00\x00\x00\x00", "\x00\x00\x00\x03abc", "\x00\x00\x00\x07abcdefg",
}

// spoil makes a request that is malformed, or that has more than it needs.
func (g *generator) spoil(s *step) {
	switch g.r.IntN(4) {
	case 0:
		if s.op == opReconfig {
			return // quorumd refuses it without a look at the record
		}
		s.cut = 1 + g.r.IntN(24)
	case 1:
		s.tail = "more than there should be"
	case 2:
		s.noPath = s.op != opAddWatch // 3.8.0 never closes such a connection
	case 3:
		s.xid = pick(g, []int32{-77, 2147483647, -2147483648, -8, -4})
	}
}

var timeouts = []int32{-5, 0, 1, 3999, 4000, 10000, 10000, 10000, 30000, 39999, 40000, 40001, 999999}

func (g *generator) connect(slot, from int) {
	g.add(step{slot: slot, action: doConnect, from: from, timeout: pick(g, timeouts), ours: g.chance(2)})
	g.live[slot] = true
}

func (g *generator) connectAnyhow(slot int) {
	s := step{slot: slot, action: doConnect, from: -1, timeout: pick(g, timeouts), ours: g.chance(2)}
	switch n := g.r.IntN(10); {
	case n < 4:
		s.from = slot
	case n < 5:
		s.from = g.r.IntN(slots)
		g.live[s.from] = false
	}
	s.badPassword = s.from >= 0 && g.chance(8)
	s.unknown = s.from < 0 && g.chance(12)
	s.since = pick(g, []since{sinceZero, sinceLast})
	if g.chance(100) {
		s.since = sinceEnd // quorumd waits a second for what the client has seen
	}
	g.live[slot] = !s.badPassword && !s.unknown && s.since != sinceEnd
	g.add(s)
}

var credentials = []string{"u1:p1", "u1:p1", "u2:p2", "u3", "u4:p:q", "", ":"}

// superUser is who may do everything; both sides are told superDigest.
const (
	superUser   = "super:secret"
	superDigest = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="
)

func (g *generator) auth(slot int) {
	s := step{slot: slot, op: opAuth, xid: -4, scheme: "digest", data: pick(g, credentials)}
	switch n := g.r.IntN(24); {
	case n < 1:
		s.scheme = pick(g, []string{"sasl", "world", "auth", "super", "x509", "nothing", ""})
		g.live[slot] = false
	case n < 2:
		s.scheme = "ip"
	case n < 3:
		s.data = superUser
	case n < 4:
		s = step{slot: slot, op: opSASL, data: "token"}
	case n < 5:
		s.xid = 77
	}
	g.add(s)
}

var names = []string{
	"$", "$/a", "$/a", "$/a", "$/b", "$/b", "$/c", "$/a/x", "$/a/x", "$/a/y", "$/b/x", "$/a/x/k", "$/c/x",
	"$/a0000000000", "$/a0000000001", "$/a/0000000000", "$/a/0000000001", "$/s-0000000002", "$/é", "$/a b",
}

var builtin = []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/quota$"}

// badPaths are refused by some operations, unknown to others.
var badPaths = []string{
	"", "a", "a/b", "//", "//a", "/./a", "/a/..", "$/", "$//", "$//a", "$/a/", "$/a//x", "$/./a", "$/a/..", "$/.", "$/..",
	"$/...", "$/a.b", "$/..a", "$/a\x00", "\x00", "$/\x01", "$/\x1f", "$/\x7f", "$/\u0085", "$/\u009f", "$/\u00a0",
	"$/\ud7ff", "$/\ue000", "$/\uf8ff", "$/\uf900", "$/\uffef", "$/\ufff0", "$/\uffff", "$/\U0001F600", "$/\xff", "$/\xc3",
	"$/a/\x01/b", "/zookeeper/", "/zookeeper/quota/", "/zookeeper//quota", "$/\xed\xa0\x80", "$/\xc0\x80",
}

func (g *generator) path() string {
	switch n := g.r.IntN(50); {
	case n < 1:
		return pick(g, builtin)
	case n < 3:
		return pick(g, badPaths)
	case n < 20 && len(g.recent) > 0:
		return pick(g, g.recent)
	}
	return pick(g, names)
}

// created is a path for a create, which becomes a likely one for others.
func (g *generator) created(flags int32) string {
	p := g.path()
	if flags == 2 || flags == 3 {
		p = pick(g, []string{"$/a", "$/s-", "$/a/", "$/a/x/", "$/", p, p + "/"})
		if g.chance(100) {
			p = "/"
		}
	}
	g.recent = append(g.recent, p)
	if len(g.recent) > 6 {
		g.recent = g.recent[1:]
	}
	return p
}

func (g *generator) data() (string, bool) {
	switch g.r.IntN(40) {
	case 0:
		return "", true
	case 1:
		return "", false
	case 2:
		if g.chance(10) {
			return strings.Repeat("large ", 20000), false
		}
	}
	return fmt.Sprintf("d%d", g.r.IntN(100)), false
}

func (g *generator) version() int32 {
	return pick(g, []int32{-1, -1, -1, -1, -1, -1, 0, 0, 1, 1, 2, 3, -2, 2147483647})
}

var (
	openACL = []access{{perms: 31, scheme: "world", id: "anyone"}}
	// readableACLs let everybody read.
	readableACLs = [][]access{
		{{1, "world", "anyone", false}}, {{1 | 4, "world", "anyone", false}}, {{31 - 4, "world", "anyone", false}},
		{{31 - 8, "world", "anyone", false}}, {{31 - 2, "world", "anyone", false}}, {{15, "world", "anyone", false}},
		{{31, "auth", "", false}, {1, "world", "anyone", false}}, {{31, "digest", digestU1, false}, {1, "world", "anyone", false}},
		{{1, "world", "anyone", false}, {30, "ip", "127.0.0.1", false}}, {{31, "world", "anyone", false}, {31, "world", "anyone", false}},
		{{63, "world", "anyone", false}}, {{-1, "world", "anyone", false}}, {{1, "world", "anyone", false}, {31, "ip", "10.0.0.0/8", false}},
	}
	// closedACLs let only some read, or nobody.
	closedACLs = [][]access{
		{{0, "world", "anyone", false}}, {{31 - 1, "world", "anyone", false}}, {{16, "world", "anyone", false}}, {{31, "auth", "", false}},
		{{31, "auth", "ignored", false}}, {{31, "digest", digestU1, false}}, {{31, "digest", "u9:x", false}},
		{{31, "ip", "127.0.0.1", false}}, {{31, "ip", "127.0.0.1/8", false}}, {{31, "ip", "127.0.0.2/31", false}},
		{{31, "ip", "10.0.0.0/8", false}}, {{1, "auth", "", false}, {2, "auth", "", false}, {16, "world", "anyone", false}},
		{{31, "ip", "0.0.0.0/0", false}},
	}
	badACLs = [][]access{
		{}, {{31, "world", "foo", false}}, {{31, "nothing", "x", false}}, {{31, "digest", "abc", false}}, {{31, "digest", "a:b:c", false}},
		{{31, "digest", "a:", false}}, {{31, "digest", ":b", false}}, {{31, "digest", ":", false}}, {{31, "digest", "", false}},
		{{31, "super", "", false}}, {{31, "ip", "999.0.0.1", false}}, {{31, "ip", "127.0.0.1/33", false}}, {{31, "ip", "127.0.0.1/-1", false}},
		{{31, "ip", "127.0.0.1/", false}}, {{31, "ip", "", false}}, {{31, "ip", "127.1", false}}, {{31, "ip", "127.0.0.1/8/8", false}},
		{{31, "sasl", "joe", false}}, {{31, "x509", "CN=joe", false}}, {{31, "", "", false}}, {{31, "", "x", true}},
		{{31, "world", "anyone", false}, {31, "world", "foo", false}}, {{31, "ip", "127.0.0.01", false}},
	}
)

const digestU1 = "u1:fpT/y03U+EjItKZOSLGvjnJlyng="

func (g *generator) acl() []access {
	n := g.r.IntN(40)
	switch {
	case n < 4:
		return pick(g, readableACLs)
	case n < 9 && g.closed:
		return pick(g, closedACLs)
	case n == 9:
		return pick(g, badACLs)
	}
	return openACL
}

func (g *generator) quotaNodes() {
	base := "/zookeeper/quota" + pick(g, []string{"$", "$/a", "$/b"})
	parts := strings.Split(strings.TrimPrefix(base, "/zookeeper/quota"), "/")
	at := "/zookeeper/quota"
	for i, part := range parts {
		if i == 0 {
			at += part
		} else {
			at += "/" + part
		}
		g.add(step{op: opCreate, path: at, acl: openACL})
	}
	g.add(step{op: opCreate, path: at + "/zookeeper_limits", acl: openACL, data: pick(g, limits)})
	g.add(step{op: opCreate, path: at + "/zookeeper_stats", acl: openACL, data: "count=0,bytes=0"})
}

var limits = []string{
	"count=5,bytes=100", "count=2,bytes=-1=;byteHardLimit=-1;countHardLimit=5", "count=3,bytes=20=;byteHardLimit=12;countHardLimit=-1",
	"count=-1,bytes=-1=;byteHardLimit=30;countHardLimit=6",
}

// watchMode is how the stream watches a path: 0 with one-shot watches, 1
// persistent, 2 recursive. 3.8 cannot do several at once.
func (g *generator) watchMode(path string) int {
	if g.mixed {
		return g.r.IntN(3)
	}
	mode, ok := g.modes[path]
	if !ok {
		mode = pick(g, []int{0, 0, 0, 1, 2})
		g.modes[path] = mode
	}
	return mode
}

// watched returns some paths that the stream watches in a mode.
func (g *generator) watched(mode int) []string {
	list := []string{}
	for range g.r.IntN(4) {
		if p := g.path(); g.watchMode(p) == mode && !slices.Contains(list, p) && !odd(p) {
			list = append(list, p)
		}
	}
	return list
}

// odd tells whether ZooKeeper gives the text back in another encoding: what is
// no UTF-8 as replacement characters, astral characters as two surrogates. No
// node can have such a path.
func odd(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r > 0xffff })
}
