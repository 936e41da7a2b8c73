package jute

import "strconv"

// Op is the number of an operation.
type Op int32

// The operations a client connection can name. Numbers that are not listed are
// unknown: the server answers CodeUnimplemented and closes.
const (
	OpNotification         Op = 0 // never sent by a client
	OpCreate               Op = 1
	OpDelete               Op = 2
	OpExists               Op = 3
	OpGetData              Op = 4
	OpSetData              Op = 5
	OpGetACL               Op = 6
	OpSetACL               Op = 7
	OpGetChildren          Op = 8
	OpSync                 Op = 9
	OpPing                 Op = 11
	OpGetChildren2         Op = 12
	OpCheck                Op = 13 // only inside a multi
	OpMulti                Op = 14
	OpCreate2              Op = 15
	OpReconfig             Op = 16
	OpCheckWatches         Op = 17
	OpRemoveWatches        Op = 18
	OpCreateContainer      Op = 19
	OpDeleteContainer      Op = 20 // internal: the reaper's
	OpCreateTTL            Op = 21
	OpMultiRead            Op = 22
	OpAuth                 Op = 100
	OpSetWatches           Op = 101
	OpSASL                 Op = 102
	OpGetEphemerals        Op = 103
	OpGetAllChildrenNumber Op = 104
	OpSetWatches2          Op = 105
	OpAddWatch             Op = 106
	OpWhoAmI               Op = 107
	OpCreateSession        Op = -10 // internal: made by the server on connect
	OpCloseSession         Op = -11
	OpError                Op = -1 // a failed result in a multi's reply
)

// opClass says what kind of handling an operation needs.
type opClass uint8

const (
	classRead     opClass = 1 << iota // answered by the server that is asked
	classWrite                        // proposed to the ensemble
	classClient                       // a client may send it on its own
	classWritable                     // refused by a read-only server
)

// opInfo is what is known about one operation.
type opInfo struct {
	name  string
	lop   string
	class opClass
}

const (
	read  = classRead | classClient
	write = classWrite | classClient | classWritable
)

// ops holds every operation that has a handler somewhere.
var ops = map[Op]opInfo{
	OpNotification:         {"notification", "NA", 0},
	OpCreate:               {"create", "CREA", write},
	OpDelete:               {"delete", "DELE", write},
	OpExists:               {"exists", "EXIS", read},
	OpGetData:              {"getData", "GETD", read},
	OpSetData:              {"setData", "SETD", write},
	OpGetACL:               {"getACL", "GETA", read},
	OpSetACL:               {"setACL", "SETA", write},
	OpGetChildren:          {"getChildren", "GETC", read},
	OpSync:                 {"sync", "SYNC", classClient | classWritable},
	OpPing:                 {"ping", "PING", classClient},
	OpGetChildren2:         {"getChildren2", "GETC", read},
	OpCheck:                {"check", "CHEC", classWritable},
	OpMulti:                {"multi", "MULT", write},
	OpCreate2:              {"create2", "CREA", write},
	OpReconfig:             {"reconfig", "RECO", write},
	OpCheckWatches:         {"checkWatches", "CHKW", read},
	OpRemoveWatches:        {"removeWatches", "REMW", read},
	OpCreateContainer:      {"createContainer", "CREA", write},
	OpDeleteContainer:      {"deleteContainer", "DELE", classWrite | classWritable},
	OpCreateTTL:            {"createTTL", "CREA", write},
	OpMultiRead:            {"multiRead", "MLTR", read},
	OpAuth:                 {"auth", "NA", classClient},
	OpSetWatches:           {"setWatches", "SETW", read},
	OpSASL:                 {"sasl", "NA", classClient},
	OpGetEphemerals:        {"getEphemerals", "GETE", read},
	OpGetAllChildrenNumber: {"getAllChildrenNumber", "GETACN", read},
	OpSetWatches2:          {"setWatches2", "STW2", read},
	OpAddWatch:             {"addWatch", "ADDW", read},
	OpWhoAmI:               {"whoAmI", "HOMI", read},
	OpCreateSession:        {"createSession", "SESS", classWrite},
	OpCloseSession:         {"closeSession", "CLOS", classWrite | classClient},
	OpError:                {"error", "NA", 0},
}

// opBase and opTable make lookups on the request path an index, not a hash.
const opBase = 11

var opTable = func() (t [opBase + 108]opInfo) {
	for op, info := range ops {
		t[op+opBase] = info
	}
	return t
}()

func (o Op) info() opInfo {
	if i := int64(o) + opBase; i >= 0 && i < int64(len(opTable)) {
		return opTable[i]
	}
	return opInfo{}
}

// String returns the operation's name, "op 99" for an unknown one.
func (o Op) String() string {
	if n := o.info().name; n != "" {
		return n
	}
	return "op " + strconv.Itoa(int(o))
}

// Lop returns the short name that the four-letter word "cons" shows for a
// connection's last operation, "NA" for none.
func (o Op) Lop() string {
	if l := o.info().lop; l != "" {
		return l
	}
	return "NA"
}

// IsWrite reports whether the operation is proposed to the ensemble: it takes
// a zxid, failed or not.
func (o Op) IsWrite() bool { return o.info().class&classWrite != 0 }

// IsRead reports whether the server that is asked answers from its own state,
// at the operation's place in its session's queue. Sync, ping, auth and sasl
// are neither reads nor writes.
func (o Op) IsRead() bool { return o.info().class&classRead != 0 }

// IsClient reports whether a client may send the operation as a request of its
// own. The others are answered with CodeUnimplemented, then the connection is
// closed.
func (o Op) IsClient() bool { return o.info().class&classClient != 0 }

// NeedsWritable reports whether a read-only server answers the operation with
// CodeNotReadOnly. Session creation and closing are judged by the session.
func (o Op) NeedsWritable() bool { return o.info().class&classWritable != 0 }
