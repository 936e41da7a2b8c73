package election

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/transcript"
	"github.com/quorumd/quorumd/zab"
)

// TestTranscripts plays the stories of testdata (package transcript). The commands:
//
//	ensemble 1,2,3 [observers=4] [weight0=3]   a new world
//	start 1 [epoch=1] [zxid=5] [round=7] [members=9]   a server begins to look
//	look 1            a settled server lost its role and looks again
//	crash 1           it dies, and everybody who was connected knows
//	vanish 1          it dies, and nobody knows
//	cut 1 2, mend 1 2 the connection of two servers
//	deliver [1 2]     everything under way, or the oldest from 1 to 2
//	drop 1 2          lose what is under way from 1 to 2
//	tick 100ms        time passes
//	status            who is what
func TestTranscripts(t *testing.T) {
	transcript.Test(t, func(t *testing.T) transcript.Run {
		var w *world
		return func(command string) string {
			args := strings.Fields(command)
			if args[0] == "ensemble" {
				w = newWorld(parseEnsemble(t, args[1:]), nil)
				return ""
			}
			var log strings.Builder
			w.log = &log
			run(t, w, args)
			return log.String()
		}
	})
}

func parseEnsemble(t *testing.T, args []string) *zab.Ensemble {
	voters := parseIDs(t, args[0])
	var observers []zab.ServerID
	weights := map[zab.ServerID]int64{}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "observers":
			observers = parseIDs(t, value)
		case "weight0":
			for _, id := range parseIDs(t, value) {
				weights[id] = 0
			}
		default:
			t.Fatalf("unknown option %s", arg)
		}
	}
	return zab.NewHierarchy(voters, observers, [][]zab.ServerID{voters}, weights)
}

func parseIDs(t *testing.T, s string) []zab.ServerID {
	var ids []zab.ServerID
	for part := range strings.SplitSeq(s, ",") {
		ids = append(ids, zab.ServerID(parseNumber(t, part)))
	}
	return ids
}

func parseNumber(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 0, 63)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func run(t *testing.T, w *world, args []string) {
	t.Helper()
	server := func(i int) *node { return w.node(zab.ServerID(parseNumber(t, args[i]))) }
	switch args[0] {
	case "start":
		runStart(t, w, server(1), args[2:])
	case "look":
		w.look(server(1))
	case "crash":
		w.crash(server(1), false)
	case "vanish":
		w.crash(server(1), true)
	case "cut", "mend":
		w.sever(server(1).id, server(2).id, args[0] == "cut")
	case "deliver":
		if len(args) == 1 {
			w.settle()
		} else if !w.deliver(server(1).id, server(2).id) {
			w.printf("nothing is under way\n")
		}
	case "drop":
		delete(w.lanes, [2]zab.ServerID{server(1).id, server(2).id})
	case "tick":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			t.Fatal(err)
		}
		w.tick(d)
	case "status":
		for _, n := range w.nodes {
			w.printf("%s\n", n)
		}
	default:
		t.Fatalf("unknown command %s", args[0])
	}
}

func runStart(t *testing.T, w *world, n *node, args []string) {
	var epoch, zxid uint64
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		v := parseNumber(t, value)
		switch key {
		case "epoch":
			epoch = v
		case "zxid":
			zxid = v
		case "round":
			n.standing.Round = v - 1
		case "members":
			n.members = v
		default:
			t.Fatalf("unknown option %s", arg)
		}
	}
	w.start(n, zab.Epoch(epoch), zab.Zxid(zxid))
}

func (n *node) String() string {
	switch {
	case n.election != nil:
		self := n.election.self
		return fmt.Sprintf("%d %s, down %v", n.id, words(&self), slices.Clone([]zab.ServerID(n.down)))
	case n.settled != nil:
		return fmt.Sprintf("%d %s, leader %d, round %d", n.id, n.outcome.Role, n.outcome.Leader, n.outcome.Round)
	}
	return fmt.Sprintf("%d dead", n.id)
}
