package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quorumd/quorumd/test/harness"
)

// diskFull fills a server's disk up to the last byte for some seconds. The server
// stays up (txnlog, T11).
func diskFull(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.note("disk of %d is full (%d led)", victim.ID, s.leader.ID)
	ballast := filepath.Join(victim.DataDir(), "ballast")
	if err := fill(ballast); err != nil {
		return err
	}
	deadline := time.Now().Add(s.between(4*time.Second, 16*time.Second))
	for victim.Running() && time.Now().Before(deadline) && ctx.Err() == nil {
		pause(ctx, 100*time.Millisecond)
		if err := fill(ballast); err != nil { // what the server gave up meanwhile
			return err
		}
	}
	s.note("it ended: %v", !victim.Running())
	if err := os.Remove(ballast); err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	return nil
}

// fill makes the file as large as there is room.
func fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	block := make([]byte, 4<<20)
	for size := len(block); size >= 512; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(block[:size])
		}
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	return nil
}

// fewDescriptors lets a server open one file more than it has, and resets its
// connections, so that it needs descriptors for new ones.
func fewDescriptors(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.allow(victim, "too many open files")
	pid := victim.PID()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return fmt.Errorf("chaos: prlimit: %w", err)
	}
	few := unix.Rlimit{Cur: uint64(len(open) - s.rand.IntN(8)), Max: old.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		return fmt.Errorf("chaos: prlimit: %w", err)
	}
	s.note("%d has %d files open and may have %d (%d led)", victim.ID, len(open), few.Cur, s.leader.ID)
	s.wires.between([]int{victim.ID}, s.everybody(), link{reset: true})
	pause(ctx, 300*time.Millisecond)
	s.wires.heal()
	s.last(ctx, 3*time.Second, 8*time.Second)
	if !victim.Running() {
		s.note("it ended")
		return nil
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil); err != nil && victim.Running() {
		return fmt.Errorf("chaos: prlimit: %w", err)
	}
	return nil
}

// emptied takes all data from one server, which is no loss as long as the others
// hold everything.
func emptied(ctx context.Context, s *scene) error {
	victim := s.shuffled()[0]
	s.note("data of %d removed (%d led)", victim.ID, s.leader.ID)
	if err := victim.Kill(); err != nil {
		return err
	}
	if err := s.empty(ctx, victim); err != nil {
		return err
	}
	return victim.Start()
}

// empty removes the data of a server that is down, when the others hold it.
func (s *scene) empty(ctx context.Context, victim *harness.Server) error {
	if err := s.caughtUp(ctx, s.others(victim)); err != nil {
		return err
	}
	return victim.Wipe()
}

// caughtUp waits until all the given servers, under a leader of their own, have
// applied more than any of them had applied before, twice: then everything that
// was acknowledged before the call is on each of them.
func (s *scene) caughtUp(ctx context.Context, servers []*harness.Server) error {
	deadline := time.Now().Add(recoveryLimit)
	goal := uint64(0)
	for rounds := 0; rounds < 2; pause(ctx, 50*time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("chaos: the others did not catch up: %w", errStuck)
		}
		least, most, leaders := ^uint64(0), uint64(0), 0
		for _, v := range servers {
			z, err := applied(v)
			if err != nil {
				z = 0
			}
			if v.Mode() == "leader" {
				leaders++
			}
			least, most = min(least, z), max(most, z)
		}
		switch {
		case leaders != 1 || least == 0:
		case goal == 0:
			goal = most
		case least > goal:
			goal = 0
			rounds++
		}
	}
	return nil
}

func applied(v *harness.Server) (uint64, error) {
	figures, err := v.Figures()
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(figures["quorumd_applied_zxid"], 0, 64)
}
