package chaos

import (
	"fmt"
	"math"
	"time"
)

// kind is what a client asked for.
type kind uint8

const (
	opSet      kind = iota // setData whatever the version
	opCAS                  // setData if the version is the one expected
	opSyncRead             // sync and getData over one connection
	opCreate
	opDelete
)

var kindNames = [...]string{"set", "cas", "sync+read", "create", "delete"}

func (k kind) String() string { return kindNames[k] }

// outcome is what the client was told.
type outcome uint8

const (
	ok      outcome = iota
	refused         // BadVersion, NodeExists or NoNode: certainly not done
	unknown         // the answer never came: done, not done, or done later
)

var outcomeNames = [...]string{"ok", "refused", "unknown"}

// forever is when an operation of unknown outcome may at last take effect.
const forever = time.Duration(math.MaxInt64)

// operation is one call about one node. Calls and returns are times since the
// start of the run, by one clock.
type operation struct {
	client  int
	kind    kind
	call    time.Duration
	back    time.Duration
	outcome outcome

	expect  int32  // opCAS: the version that the node must have
	value   string // what is written, never twice the same; what was read
	version int32  // of a register, after the write or as read
	zxid    int64  // mzxid, after the write or as read
}

func (o *operation) String() string {
	text := fmt.Sprintf("%12v %12v client %2d %s", o.call, o.back, o.client, o.kind)
	if o.outcome == unknown {
		text = fmt.Sprintf("%12v %12s client %2d %s", o.call, "?", o.client, o.kind)
	}
	if o.kind == opCAS {
		text += fmt.Sprintf(" of version %d", o.expect)
	}
	text += fmt.Sprintf(" %q: %s", o.value, outcomeNames[o.outcome])
	if o.outcome == ok && o.zxid != 0 {
		text += fmt.Sprintf(", version %d, zxid %#x", o.version, o.zxid)
	}
	return text
}
