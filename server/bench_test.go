package server

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkSet writes 100 bytes through three servers on loopback, one write
// at a time or many sessions at once, with the system's disk.
func BenchmarkSet(b *testing.B) {
	for _, sessions := range []int{1, 64} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			e := newEnsemble(b, 3, 0, func(c *Config) { c.SegmentSize = 64 << 20 })
			e.start(1, 2, 3)
			e.serving()
			c := e.client(1, 2, 3)
			create(b, c, "/a", nil)
			data := make([]byte, 100)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan error, sessions)
			b.ResetTimer()
			for i := range sessions {
				go func() {
					c := c
					if i > 0 {
						c = e.client(1 + i%3)
					}
					for left.Add(-1) >= 0 {
						if _, err := c.Set("/a", data, -1); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range sessions {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
		})
	}
}
