package client

import (
	"context"
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/jute"
)

// echoServer answers every getData with 100 bytes, with as little work as can
// be, so that what is measured is the client.
func echoServer(b *testing.B) *fake {
	f := newFake(b)
	reply := (&jute.GetDataResponse{Data: make([]byte, 100)}).Append(nil)
	var out []byte
	f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
		if h.Op != jute.OpGetData {
			return false
		}
		start := len(out)
		out = (&jute.ReplyHeader{Xid: h.Xid, Zxid: 1}).Append(jute.BeginFrame(out))
		out = jute.EndFrame(append(out, reply...), start)
		f.ops = f.ops[:0]
		if n.br.Buffered() == 0 {
			_, _ = n.nc.Write(out)
			out = out[:0]
		}
		return true
	}
	return f
}

func BenchmarkGet(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			f := echoServer(b)
			c, err := Connect(context.Background(), []string{f.addr()})
			must(b, err)
			b.Cleanup(c.Abandon)
			b.ReportAllocs()
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := c.Get(context.Background(), "/some/node"); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
