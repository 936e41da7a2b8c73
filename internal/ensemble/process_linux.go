package ensemble

import "syscall"

// childAttributes puts a child into its own process group and ties its life
// to this process's.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
