package chaos

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// downFor kills servers and starts them again after a while.
func downFor(ctx context.Context, s *scene, from, to time.Duration, victims ...*harness.Server) error {
	s.note("kill -9 of %v (%d led)", s.ids(victims...), s.leader.ID)
	for _, v := range victims {
		if err := v.Signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	var errs []error
	for _, v := range victims {
		errs = append(errs, v.Ended(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.last(ctx, from, to)
	for _, v := range victims {
		if err := v.Start(); err != nil {
			return err
		}
	}
	return nil
}

func killFollower(ctx context.Context, s *scene) error {
	return downFor(ctx, s, 0, 8*time.Second, s.follower())
}

func killLeader(ctx context.Context, s *scene) error {
	return downFor(ctx, s, 0, 8*time.Second, s.leader)
}

func killTwo(ctx context.Context, s *scene) error {
	return downFor(ctx, s, 0, 8*time.Second, s.shuffled()[:2]...)
}

func killAll(ctx context.Context, s *scene) error {
	return downFor(ctx, s, 0, 4*time.Second, s.shuffled()...)
}

// crashLoop kills a server again and again while it recovers and is brought up to
// date, half of the time from nothing.
func crashLoop(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	empty := s.rand.IntN(2) == 0
	s.note("kill -9 of %d (%d led) again and again, emptied: %v", victim.ID, s.leader.ID, empty)
	if err := victim.Kill(); err != nil {
		return err
	}
	if empty {
		if err := s.empty(ctx, victim); err != nil {
			return err
		}
	}
	for range 3 + s.rand.IntN(6) {
		if err := victim.Start(); err != nil {
			return err
		}
		pause(ctx, s.between(10*time.Millisecond, 500*time.Millisecond))
		if err := victim.Kill(); err != nil {
			return err
		}
	}
	return victim.Start()
}

// terminate is an orderly restart, as for an upgrade.
func terminate(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.note("SIGTERM to %d (%d led)", victim.ID, s.leader.ID)
	if err := victim.Terminate(); err != nil {
		return err
	}
	s.last(ctx, 0, 3*time.Second)
	return victim.Start()
}

func pauseLeader(ctx context.Context, s *scene) error { return standStill(ctx, s, s.leader) }

func pauseFollower(ctx context.Context, s *scene) error { return standStill(ctx, s, s.follower()) }

// standStill stops a process and lets it go on: to itself no time has passed.
func standStill(ctx context.Context, s *scene, victim *harness.Server) error {
	s.note("SIGSTOP of %d (%d led)", victim.ID, s.leader.ID)
	if err := victim.Suspend(); err != nil {
		return err
	}
	s.last(ctx, time.Second, 20*time.Second)
	return victim.Signal(syscall.SIGCONT)
}
