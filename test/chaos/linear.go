package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// legal is the result of a search that found an order.
const legal = porcupine.Ok

// verdict is what the search for an order of one node's operations found.
type verdict struct {
	path    string
	result  porcupine.CheckResult
	history []operation
}

// checkLimit bounds the search of one node. A search that runs out of time is
// counted as undecided, never as passed.
const checkLimit = 60 * time.Second

// linearize looks for an order of a node's operations that explains all answers
// and contradicts no clock.
func linearize(path string, history []operation, model porcupine.Model, limit time.Duration) verdict {
	ops := make([]porcupine.Operation, len(history))
	for i := range history {
		o := &history[i]
		ops[i] = porcupine.Operation{ClientId: o.client, Input: o, Call: int64(o.call), Return: int64(o.back)}
		if o.outcome == unknown {
			ops[i].Return = int64(forever)
		}
	}
	return verdict{path: path, result: porcupine.CheckOperationsTimeout(model, ops, limit), history: history}
}

// wrong says what the verdict has against the servers; empty for nothing.
func (v verdict) wrong() string {
	if v.result != porcupine.Illegal {
		return ""
	}
	return fmt.Sprintf("H1: the %d operations on %s have no order that explains their answers", len(v.history), v.path)
}

// text is the history, a line each operation.
func (v verdict) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", v.path, v.result)
	for i := range v.history {
		fmt.Fprintln(&b, v.history[i].String())
	}
	return b.String()
}
