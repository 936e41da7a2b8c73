package zab

import "fmt"

// NoteKind names a thing worth telling people.
type NoteKind uint8

// Kinds of notes. A note is a fact, said once where it happens; the shell
// makes log lines and metrics of it, a test a line of a transcript.
const (
	NoteElectionStarted   NoteKind = iota + 1 // Round in Num
	NoteElected                               // Peer leads, Round in Num
	NoteDiscovery                             // Epoch proposed
	NoteSyncChosen                            // Peer is brought up to date by Text (DIFF, TRUNC, SNAP), from Zxid
	NoteSyncStarted                           // this learner is brought up to date by Text, from Zxid
	NoteAckedNewLeader                        // history through Zxid and epoch durable
	NoteLeading                               // established in Epoch at Zxid
	NoteFollowing                             // up to date with Peer in Epoch at Zxid
	NoteRoleLost                              // Text says why
	NoteLearnerUp                             // Peer is up to date
	NoteLearnerDown                           // Peer, Text says why
	NoteLinkRefused                           // Peer, Text says why
	NoteProtocolError                         // Peer, Text says what
	NoteSessionExpired                        // Session
	NoteRequestsResent                        // Num requests sent again to the new leader
	NoteRequestsLost                          // Num requests whose outcome cannot be told
	NoteMembershipDiffer                      // Peer's membership differs from ours
	NotePaused                                // this server stood still for Num ms
	NoteWaitingForHistory                     // servers that hold no history may not elect one that may lag; Text says who is missing
	NoteForeignEnsemble                       // Peer holds the history of another ensemble
	NoteDiskSpace                             // what this server's disk has left for the log is Text
	NoteWritesRefused                         // no quorum has disk space
	NoteWritesResumed                         // a quorum has
	NoteLeadingResigned                       // this server's disk is full, those of a quorum are not
)

var noteNames = map[NoteKind]string{
	NoteElectionStarted: "election started", NoteElected: "leader elected",
	NoteDiscovery: "epoch proposed", NoteSyncChosen: "learner synchronising",
	NoteSyncStarted: "synchronising", NoteAckedNewLeader: "history adopted",
	NoteLeading: "leading", NoteFollowing: "following", NoteRoleLost: "role lost",
	NoteLearnerUp: "learner up to date", NoteLearnerDown: "learner lost",
	NoteLinkRefused: "peer connection refused", NoteProtocolError: "peer broke the protocol",
	NoteSessionExpired: "session expired", NoteRequestsResent: "requests sent again",
	NoteRequestsLost: "requests given up", NoteMembershipDiffer: "membership differs",
	NotePaused: "server stood still", NoteWaitingForHistory: "waiting for servers that hold the history",
	NoteForeignEnsemble: "peer belongs to another ensemble",
	NoteDiskSpace:       "disk space for the log", NoteWritesRefused: "writes refused: no quorum has disk space",
	NoteWritesResumed: "writes resumed", NoteLeadingResigned: "leading resigned for want of disk space",
}

func (k NoteKind) String() string {
	if s, ok := noteNames[k]; ok {
		return s
	}
	return fmt.Sprintf("note-%d", uint8(k))
}

// Note is one typed event for people.
type Note struct {
	Kind    NoteKind
	Peer    ServerID
	Epoch   Epoch
	Zxid    Zxid
	Session SessionID
	Num     uint64
	Text    string
}

func (n Note) String() string {
	s := n.Kind.String()
	switch n.Kind {
	case NoteElected, NoteSyncChosen, NoteFollowing, NoteLearnerUp, NoteLearnerDown,
		NoteLinkRefused, NoteProtocolError, NoteMembershipDiffer, NoteForeignEnsemble:
		s += fmt.Sprintf(" peer=%d", n.Peer)
	}
	if n.Epoch != 0 {
		s += fmt.Sprintf(" epoch=%d", n.Epoch)
	}
	if n.Zxid != 0 {
		s += " zxid=" + n.Zxid.String()
	}
	if n.Session != 0 {
		s += " session=" + n.Session.String()
	}
	if n.Num != 0 {
		s += fmt.Sprintf(" n=%d", n.Num)
	}
	if n.Text != "" {
		s += ": " + n.Text
	}
	return s
}
