package session

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

func TestIDLayout(t *testing.T) {
	const wall = 0x018b_cfe5_6800 // 1700000000000
	g := NewIDs(1, wall)
	for i := range zab.SessionID(3) {
		if got, want := g.Next(), zab.SessionID(0x018b_cfe5_6800_0000&(1<<56-1)|1<<56)+i; got != want {
			t.Errorf("id %d: %v, want %v", i, got, want)
		}
	}
	// Only eight bits of the server and forty of the clock are used.
	if got, want := NewIDs(0x1ff, 1<<41+5).Next(), zab.SessionID(-1<<56|5<<16); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReservedIDs(t *testing.T) {
	if got := NewIDs(0, 0).Next(); got != 1 {
		t.Errorf("%v, the first id of server 0 at 1970", got)
	}
	if got := NewIDs(0x80, 0).Next(); got != math.MinInt64+1 {
		t.Errorf("%v, the first id of server 128 at 1970", got)
	}
}

// The derivation is part of what every server of an ensemble must agree on.
func TestPassword(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	p := Password(secret, 0x0100018bcfe56800)
	if got := hex.EncodeToString(p[:]); got != "d846a75e9ee0246631078adab4995ad4" {
		t.Errorf("password %s", got)
	}
	if !CheckPassword(secret, 0x0100018bcfe56800, p[:]) {
		t.Error("refused")
	}
	for _, wrong := range [][]byte{nil, p[:15], append(p[:], 0), make([]byte, 16)} {
		if CheckPassword(secret, 0x0100018bcfe56800, wrong) {
			t.Errorf("accepted %x", wrong)
		}
	}
	if CheckPassword(secret, 0x0100018bcfe56801, p[:]) || CheckPassword(secret[1:], 0x0100018bcfe56800, p[:]) {
		t.Error("accepted for another session or ensemble")
	}
}
