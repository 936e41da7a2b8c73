package chaos

import "github.com/anishathalye/porcupine"

// A node is created with a value of its own and deleted, again and again. Its
// state is that value, empty while it is not there.

var nodeModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) { return stepNode(state.(string), input.(*operation)) },
}

func stepNode(s string, o *operation) (bool, string) {
	there := s != ""
	switch o.kind {
	case opCreate:
		if o.outcome == refused || o.outcome == unknown && there {
			return there, s
		}
		return !there, o.value
	case opDelete:
		if o.outcome == refused {
			return !there, s
		}
		return there || o.outcome == unknown, ""
	case opSyncRead:
		if o.outcome == refused {
			return !there, s
		}
		return o.outcome == ok && s == o.value, s
	}
	return false, s
}
