package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/quorumd/quorumd/test/harness"
)

// ErrUnavailable says that this machine cannot carry out a run; the text says
// what is missing.
var ErrUnavailable = errors.New("skipped")

// inside is set in the environment of the process that Isolate starts.
const inside = "QUORUMD_CHAOS_INSIDE"

// Isolated tells whether this process is the one that Isolate started.
func Isolated() bool { return os.Getenv(inside) != "" }

// Isolate runs this program once more with the same arguments, as the first
// process of process, mount and network namespaces of its own, and returns its
// exit code. Servers, mounts and networks are in there alone, so the kernel
// takes them all away when that process ends, in whatever way that may be; and
// it is killed when this process ends.
func Isolate(environ ...string) (code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("chaos: %w", err)
	}
	// The terminal's signal goes to the other process too, which then cleans up
	// and ends. One that is sent to this process alone is passed on.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	runtime.LockOSThread() // the death signal comes when the thread that starts ends
	defer runtime.UnlockOSThread()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(append(os.Environ(), inside+"=1"), environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w: cannot make namespaces of its own: %w", ErrUnavailable, err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("chaos: %w", err)
	}
	if code = cmd.ProcessState.ExitCode(); code < 0 {
		return 0, fmt.Errorf("chaos: the run was ended by a signal: %v", cmd.ProcessState)
	}
	return code, nil
}

// Build makes the servers' program. The run gets a file of its own, so that a
// server which is started again is the same program as before.
func Build(binary string) error { return harness.Build(binary) }

// Able tells what is missing for a run, by an error that wraps ErrUnavailable.
func Able() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: needs root, for network namespaces and mounts", ErrUnavailable)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("%w: needs the program ip (Debian: apt-get install iproute2)", ErrUnavailable)
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: needs /dev/net/tun: %w", ErrUnavailable, err)
	}
	return tun.Close()
}

// settle makes the new namespaces fit to be used: mounts made here stay here,
// and /proc shows the processes of here.
func settle() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("chaos: a private mount namespace: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("chaos: mount /proc: %w", err)
	}
	return nil
}

// mountDisk mounts a small disk in memory, which a fault can fill.
func mountDisk(dir string, megabytes int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	if err := unix.Mount("chaos", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", megabytes)); err != nil {
		return fmt.Errorf("chaos: mount tmpfs on %s: %w", dir, err)
	}
	return nil
}
