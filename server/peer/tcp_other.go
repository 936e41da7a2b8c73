//go:build !linux

package peer

import (
	"net"
	"time"
)

// setUserTimeout does nothing: write deadlines and keepalive have to do.
func setUserTimeout(net.Conn, time.Duration) {}
