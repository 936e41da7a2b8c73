package server

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

func TestInboxKeepsLanesAndOrder(t *testing.T) {
	in := newInbox()
	var wg sync.WaitGroup
	const n = 1000
	for lane := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range n {
				ev := zab.Event{Link: zab.LinkID(i)}
				if lane == 0 {
					in.fromClient(ev)
				} else if !in.packet(ev, 10) {
					t.Error("closed")
				}
			}
		}()
	}
	var peers, clients []zab.Event
	var nextPeer, nextClient zab.LinkID
	for nextPeer < n || nextClient < n {
		<-in.wake
		peers, clients = in.take(peers, clients)
		for _, ev := range peers {
			if ev.Link != nextPeer {
				t.Fatalf("peer event %d, want %d", ev.Link, nextPeer)
			}
			nextPeer++
		}
		for _, ev := range clients {
			if ev.Link != nextClient {
				t.Fatalf("client event %d, want %d", ev.Link, nextClient)
			}
			nextClient++
		}
	}
	wg.Wait()
}

// TestInboxBound: a reader of a link waits when too much is waiting, the
// server's own completions do not; one packet always finds room.
func TestInboxBound(t *testing.T) {
	in := newInbox()
	if !in.packet(zab.Event{}, 2*inboxPeerBytes) {
		t.Fatal("no room in an empty inbox")
	}
	posted := make(chan bool)
	go func() { posted <- in.packet(zab.Event{Link: 2}, 1) }()
	in.fromPeer(zab.Event{Link: 1})
	peers, _ := in.take(nil, nil)
	if len(peers) != 2 || peers[1].Link != 1 {
		t.Fatalf("%d events taken", len(peers))
	}
	if !<-posted {
		t.Fatal("refused after there was room")
	}
	if !in.packet(zab.Event{}, inboxPeerBytes-1) {
		t.Fatal("refused within the bound")
	}
	go func() { posted <- in.packet(zab.Event{}, 1) }()
	in.close()
	if <-posted {
		t.Fatal("taken after the end")
	}
}

func TestInboxDropsLargeLanes(t *testing.T) {
	in := newInbox()
	for range 2 * inboxKeep {
		in.fromPeer(zab.Event{})
	}
	peers, clients := in.take(nil, nil)
	in.take(peers, clients)
	if n := cap(in.peer); n > inboxKeep {
		t.Errorf("%d events are kept", n)
	}
}

func BenchmarkInbox(b *testing.B) {
	in := newInbox()
	var peers, clients []zab.Event
	ev := zab.Event{Kind: zab.EvRequest}
	for i := 0; b.Loop(); i++ {
		in.fromClient(ev)
		if i%64 == 63 {
			peers, clients = in.take(peers, clients)
		}
	}
}

// TestNoteLines turns one note of every kind into a line.
func TestNoteLines(t *testing.T) {
	var out bytes.Buffer
	book := newNoteBook(zerolog.New(&out))
	book.start()
	for k := zab.NoteElectionStarted; k <= zab.NoteWaitingForHistory; k++ {
		book.put([]zab.Note{{Kind: k, Peer: 2, Epoch: 3, Zxid: zab.NewZxid(3, 4), Session: 5, Num: 6, Text: "why"}})
	}
	book.stop()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != int(zab.NoteWaitingForHistory) {
		t.Fatalf("%d lines for %d notes", len(lines), zab.NoteWaitingForHistory)
	}
	want := `{"level":"info","peer":2,"epoch":3,"zxid":"0x300000004","session":"0x5","round":6,"reason":"why","message":"leader elected"}`
	if lines[zab.NoteElected-1] != want {
		t.Errorf("line %s\nwant %s", lines[zab.NoteElected-1], want)
	}
	for i, line := range lines {
		k := zab.NoteKind(i + 1)
		if !strings.Contains(line, `"message":"`+k.String()+`"`) {
			t.Errorf("note %d: %s", k, line)
		}
	}
}

// TestNotesAreDropped: a log that is not taken costs lines, not memory or the
// loop's time, and what is missing is said.
func TestNotesAreDropped(t *testing.T) {
	var out bytes.Buffer
	book := newNoteBook(zerolog.New(&out))
	for range maxNotes + 5 {
		book.put([]zab.Note{{Kind: zab.NoteLeading}})
	}
	book.start()
	book.stop()
	if n := strings.Count(out.String(), "\n"); n != maxNotes+1 || !strings.Contains(out.String(), `"lost":5`) {
		t.Errorf("%d lines", n)
	}
}
