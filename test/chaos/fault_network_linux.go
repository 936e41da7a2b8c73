package chaos

import (
	"context"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// The links are healed by whoever calls a fault, so that an error or the end of
// the run does not leave them bad.

func isolateLeader(ctx context.Context, s *scene) error { return isolate(ctx, s, s.leader) }

func isolateFollower(ctx context.Context, s *scene) error { return isolate(ctx, s, s.follower()) }

// isolate cuts one server off the others; clients reach it or not.
func isolate(ctx context.Context, s *scene, victim *harness.Server) error {
	from := s.ids(s.others(victim)...)
	clients := s.rand.IntN(2) == 0
	if !clients {
		from = append(from, 0)
	}
	s.note("%d cut off (%d led), reached by clients: %v", victim.ID, s.leader.ID, clients)
	s.wires.between([]int{victim.ID}, from, cut)
	s.last(ctx, 3*time.Second, 12*time.Second)
	return nil
}

// isolateClients cuts all clients off all servers, for long enough that sessions
// may expire.
func isolateClients(ctx context.Context, s *scene) error {
	s.note("clients cut off all servers")
	s.wires.between([]int{0}, s.ids(), cut)
	s.last(ctx, 3*time.Second, 14*time.Second)
	return nil
}

// noQuorum leaves no side a quorum: some are cut off, and of the rest so many are
// killed that nobody may acknowledge anything.
func noQuorum(ctx context.Context, s *scene) error {
	all := s.shuffled()
	few, rest := all[:len(all)/2], all[len(all)/2:]
	s.note("%v from %v", s.ids(few...), s.ids(rest...))
	s.wires.between(s.ids(few...), s.ids(rest...), cut)
	return downFor(ctx, s, time.Second, 8*time.Second, rest[0])
}

// split parts the ensemble in two; clients reach both sides.
func split(ctx context.Context, s *scene) error {
	all := s.shuffled()
	few := all[:len(all)/2]
	s.note("%v from %v (%d led)", s.ids(few...), s.ids(s.others(few...)...), s.leader.ID)
	s.wires.between(s.ids(few...), s.ids(s.others(few...)...), cut)
	s.last(ctx, 3*time.Second, 12*time.Second)
	return nil
}

// oneWay drops what one server sends, or what is sent to it.
func oneWay(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	out := s.rand.IntN(2) == 0
	s.note("what %d sends vanishes: %v; what is sent to it: %v (%d led)", victim.ID, out, !out, s.leader.ID)
	for _, other := range s.others(victim) {
		if out {
			s.wires.set(victim.ID, other.ID, cut)
		} else {
			s.wires.set(other.ID, victim.ID, cut)
		}
	}
	s.last(ctx, 3*time.Second, 12*time.Second)
	return nil
}

// partial cuts two servers off each other, which both see the rest; half of the
// time one of them leads.
func partial(ctx context.Context, s *scene) error {
	all := s.shuffled()
	a, b := all[0], all[1]
	if s.rand.IntN(2) == 0 {
		a, b = s.leader, s.follower()
	}
	s.note("%d from %d (%d led)", a.ID, b.ID, s.leader.ID)
	s.wires.between([]int{a.ID}, []int{b.ID}, cut)
	s.last(ctx, 3*time.Second, 15*time.Second)
	return nil
}

// badLinks gives every link of some servers, or of all, the same trouble.
func badLinks(ctx context.Context, s *scene, l link) error {
	some := s.shuffled()[:1+s.rand.IntN(len(s.Servers))]
	s.note("links of %v: %v (%d led)", s.ids(some...), l, s.leader.ID)
	s.wires.between(s.ids(some...), s.everybody(), l)
	s.last(ctx, 4*time.Second, 12*time.Second)
	return nil
}

func slowNetwork(ctx context.Context, s *scene) error {
	return badLinks(ctx, s, link{
		delay:  time.Duration(1+s.rand.IntN(100)) * time.Millisecond,
		jitter: time.Duration(1+s.rand.IntN(60)) * time.Millisecond,
	})
}

// lag delays what servers send to one or two others, which serve old states all
// the while: a read of a session that comes to them must not be one of those.
func lag(ctx context.Context, s *scene) error {
	l := link{delay: s.between(200*time.Millisecond, 1500*time.Millisecond)}
	victims := s.shuffled()[:1+s.rand.IntN(2)]
	s.note("what is sent to %v: %v (%d led)", s.ids(victims...), l, s.leader.ID)
	for _, v := range victims {
		for _, other := range s.others(v) {
			s.wires.set(other.ID, v.ID, l)
		}
	}
	s.last(ctx, 4*time.Second, 12*time.Second)
	return nil
}

func loss(ctx context.Context, s *scene) error {
	return badLinks(ctx, s, link{loss: float64(1+s.rand.IntN(20)) / 100})
}

func scramble(ctx context.Context, s *scene) error {
	return badLinks(ctx, s, link{
		duplicate: float64(1+s.rand.IntN(30)) / 100, reorder: float64(1+s.rand.IntN(30)) / 100,
		hold: time.Duration(1+s.rand.IntN(20)) * time.Millisecond,
	})
}

// resetConnections resets every connection of a server that is used meanwhile.
func resetConnections(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.note("connections of %d are reset (%d led)", victim.ID, s.leader.ID)
	for range 1 + s.rand.IntN(5) {
		s.wires.between([]int{victim.ID}, s.everybody(), link{reset: true})
		pause(ctx, s.between(50*time.Millisecond, 500*time.Millisecond))
		s.wires.heal()
		pause(ctx, s.between(100*time.Millisecond, time.Second))
	}
	return nil
}

// flap cuts a server off and joins it again, in quick turns.
func flap(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.note("%d comes and goes (%d led)", victim.ID, s.leader.ID)
	for range 3 + s.rand.IntN(6) {
		s.wires.between([]int{victim.ID}, s.ids(), cut)
		pause(ctx, s.between(200*time.Millisecond, 3*time.Second))
		s.wires.heal()
		pause(ctx, s.between(200*time.Millisecond, 2*time.Second))
	}
	return nil
}

// storm is a bad network in which the leader, and then the next one, is killed.
func storm(ctx context.Context, s *scene) error {
	l := link{
		loss: float64(1+s.rand.IntN(8)) / 100, duplicate: 0.05, reorder: 0.1, hold: 10 * time.Millisecond,
		delay: time.Duration(s.rand.IntN(20)) * time.Millisecond,
	}
	s.note("all links: %v", l)
	s.wires.between(s.everybody(), s.everybody(), l)
	for range 2 {
		if err := downFor(ctx, s, 0, 4*time.Second, s.leader); err != nil {
			return err
		}
		pause(ctx, s.between(time.Second, 5*time.Second))
		for _, v := range s.Servers {
			if v.Running() && v.Mode() == "leader" {
				s.leader = v
			}
		}
	}
	return nil
}
