package harness

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// The kernel sends a child's death signal when the *thread* that started it
// ends, so all children are started by one thread that never does.
var (
	spawnOnce sync.Once
	spawnJobs = make(chan func())
)

// spawn starts the command so that it is killed when this process ends in
// whatever way (T2). do, if given, has another such thread do it.
func spawn(cmd *exec.Cmd, do func(job func())) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if do != nil {
		var err error
		do(func() { err = cmd.Start() })
		return err
	}
	spawnOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for job := range spawnJobs {
				job()
			}
		}()
	})
	done := make(chan error)
	spawnJobs <- func() { done <- cmd.Start() }
	return <-done
}
