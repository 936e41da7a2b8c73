package clientport

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// benchPipeline keeps depth requests under way on one connection.
func benchPipeline(b *testing.B, depth int, request func(xid int32) []byte, prepare func(c *client)) {
	h := start(b, nil)
	c := open(b, h.port)
	if prepare != nil {
		prepare(c)
	}
	one := request(1)
	c.send(one)
	size := 4 + len(c.frame())
	burst := bytes.Repeat(one, depth)
	answers := make([]byte, depth*size)
	c.nc.SetReadDeadline(time.Time{})
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += depth {
		if _, err := c.nc.Write(burst); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c.nc, answers); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func prepareNode(c *client) {
	c.send(create(1, "/bench", "0123456789012345678901234567890123456789"))
	c.wantReply(1, 0)
}

func BenchmarkGetData1(b *testing.B) {
	benchPipeline(b, 1, func(xid int32) []byte { return getData(xid, "/bench", false) }, prepareNode)
}

func BenchmarkGetData100(b *testing.B) {
	benchPipeline(b, 100, func(xid int32) []byte { return getData(xid, "/bench", false) }, prepareNode)
}

func BenchmarkPing100(b *testing.B) {
	benchPipeline(b, 100, func(int32) []byte { return ping() }, nil)
}

func BenchmarkSetData1(b *testing.B) {
	benchPipeline(b, 1, func(xid int32) []byte { return setData(xid, "/bench", "x") }, prepareNode)
}

func BenchmarkSetData100(b *testing.B) {
	benchPipeline(b, 100, func(xid int32) []byte { return setData(xid, "/bench", "x") }, prepareNode)
}

// BenchmarkEcho100 is the floor: the same bytes through a socket and nothing
// else.
func BenchmarkEcho100(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	one, size, depth := getData(1, "/bench", false), 132, 100
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		in, out := make([]byte, depth*len(one)), make([]byte, depth*size)
		for {
			if _, err := io.ReadFull(nc, in); err != nil {
				return
			}
			if _, err := nc.Write(out); err != nil {
				return
			}
		}
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	burst, answers := bytes.Repeat(one, depth), make([]byte, depth*size)
	b.ResetTimer()
	for n := 0; n < b.N; n += depth {
		if _, err := nc.Write(burst); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, answers); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	nc.Close()
	<-done
	ln.Close()
}
