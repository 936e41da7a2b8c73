//go:build unix && !linux

package ensemble

import "syscall"

// childAttributes puts a child into its own process group. There is no
// parent-death signal here: a supervisor that is killed leaves its servers.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
