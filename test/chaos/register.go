package chaos

import "github.com/anishathalye/porcupine"

// A register is a node that is never deleted. Its version counts its writes, so
// every write that was answered names its place in the order, and so does one
// whose value was read later. Places are given before the search for an order
// begins: without that, operations of unknown outcome, which may stand anywhere,
// make it take exponential time. A place that is taken wrongly is still found,
// for the model checks every answer.

// registerState is what the register holds.
type registerState struct {
	version int32
	value   string
}

// place is what the model knows of a write of unknown outcome.
type places struct {
	writer map[int32]string // version to the value that made it, where known
	found  map[string]int32 // value to the version it made, where known
}

func placesOf(history []operation) *places {
	p := &places{writer: make(map[int32]string), found: make(map[string]int32)}
	for i := range history {
		if o := &history[i]; o.outcome == ok {
			p.writer[o.version] = o.value
			p.found[o.value] = o.version
		}
	}
	return p
}

// may tells whether a write of unknown outcome can make that version.
func (p *places) may(value string, version int32) bool {
	if at, seen := p.found[value]; seen {
		return at == version
	}
	_, taken := p.writer[version]
	return !taken
}

// registerModel judges the history of one register that began with the value.
func registerModel(history []operation, first string) porcupine.Model {
	p := placesOf(history)
	return porcupine.Model{
		Init: func() any { return registerState{value: first} },
		Step: func(state, input, _ any) (bool, any) {
			return stepRegister(p, state.(registerState), input.(*operation))
		},
	}
}

func stepRegister(p *places, s registerState, o *operation) (bool, registerState) {
	next := registerState{version: s.version + 1, value: o.value}
	switch {
	case o.kind == opSyncRead:
		return o.outcome == ok && s == registerState{version: o.version, value: o.value}, s
	case o.kind == opSet && o.outcome == ok:
		return next.version == o.version, next
	case o.kind == opSet && o.outcome == unknown:
		return p.may(o.value, next.version), next
	case o.kind == opCAS:
		return stepCAS(p, s, next, o)
	}
	return false, s // a register is always there
}

func stepCAS(p *places, s, next registerState, o *operation) (bool, registerState) {
	switch {
	case o.outcome == ok:
		return s.version == o.expect && next.version == o.version, next
	case o.outcome == refused:
		return s.version != o.expect, s
	case s.version == o.expect:
		return p.may(o.value, next.version), next
	}
	// It was not done, or has no effect any more. Before its version comes there
	// is no need to decide, so that it is there when its place needs it.
	_, seen := p.found[o.value]
	return s.version > o.expect && !seen, s
}
