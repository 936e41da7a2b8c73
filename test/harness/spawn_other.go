//go:build !linux

package harness

import "os/exec"

func spawn(cmd *exec.Cmd, _ func(job func())) error { return cmd.Start() }
