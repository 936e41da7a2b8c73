package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

const device = "chaos0"

// station is a network namespace with one TUN device. A thread that stays for
// ever is in it; whatever that thread starts lives there too. The namespace has
// no name and no mount: it goes when the last process in it ends.
type station struct {
	tun  *os.File
	jobs chan func()
}

// newStation makes a station of its own namespace, or of the present one for
// the clients.
func newStation(number int, own bool) (*station, error) {
	s := &station{jobs: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not as others are
		err := s.open(number, own)
		made <- err
		if err != nil {
			return // and with it the thread
		}
		for job := range s.jobs {
			job()
		}
	}()
	return s, <-made
}

// do has the station's thread call job.
func (s *station) do(job func()) {
	done := make(chan struct{})
	s.jobs <- func() {
		defer close(done)
		job()
	}
	<-done
}

func (s *station) open(number int, own bool) error {
	if own {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("chaos: a network namespace: %w", err)
		}
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("chaos: /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(device)
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return fmt.Errorf("chaos: a TUN device: %w", err)
	}
	s.tun = os.NewFile(uintptr(fd), "/dev/net/tun")
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", hostOf(number) + "/24", "dev", device},
		{"link", "set", device, "txqueuelen", "10000", "up"},
	} {
		if text, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("chaos: ip %v: %w: %s", args, err, text)
		}
	}
	return nil
}
