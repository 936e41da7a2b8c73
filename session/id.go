package session

import "github.com/quorumd/quorumd/zab"

// IDs makes the session ids of one server's run. The layout is ZooKeeper's:
//
//	bits 63..56  the server's id, low 8 bits
//	bits 55..16  the wall clock at the server's start, low 40 bits of the ms
//	bits 15..0   0
//
// then one more for each session. A clock that was set back can make an id
// that lives already; whoever creates the session looks for that.
type IDs struct {
	next uint64
}

// NewIDs makes the generator of server, started at wallMS (ms since 1970).
func NewIDs(server zab.ServerID, wallMS int64) *IDs {
	const low40 = 1<<40 - 1
	return &IDs{next: uint64(server)<<56 | (uint64(wallMS)&low40)<<16}
}

// Next returns an id not returned before. It is never 0, which stands for the
// ensemble itself, nor the least int64, which clients of ZooKeeper reserve.
func (g *IDs) Next() zab.SessionID {
	const least = 1 << 63
	if g.next == 0 || g.next == least {
		g.next++
	}
	id := zab.SessionID(g.next)
	g.next++
	return id
}
