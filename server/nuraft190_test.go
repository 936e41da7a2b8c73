package server

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// TestNuRaft190: connections come and go, clients write, words are asked,
// snapshots are written, all at once. All the locks there are are taken in all
// the ways there are, and nobody waits for ever. (What takes two of them in the
// wrong order panics at once in a build with -tags ranked.)
func TestNuRaft190(t *testing.T) {
	t.Parallel()
	s := openAlone(t, func(c *Config) { c.SnapCount = 50 })
	address := s.ClientAddr().String()
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	done := make(chan struct{})
	var all, churn sync.WaitGroup
	for range 6 {
		churn.Go(func() {
			for range 40 {
				if err := comeAndGo(address); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	quit := make(chan struct{})
	go func() {
		churn.Wait()
		close(quit)
	}()
	again := func(f func() error) {
		all.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 4 {
		again(func() error { _, err := c.Set("/a", nil, -1); return err })
	}
	for _, word := range []string{"mntr", "dump", "cons", "wchs", "hash"} {
		again(func() error { return ask(address, word) })
	}
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(waitLimit):
		t.Fatal("somebody waits for ever")
	}
	c.Close()
}

// comeAndGo opens a session and hangs up.
func comeAndGo(address string) error {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer nc.Close()
	request := make([]byte, 4+28+16)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	binary.BigEndian.PutUint32(request[16:], 400)
	binary.BigEndian.PutUint32(request[28:], 16)
	if _, err := nc.Write(request); err != nil {
		return err
	}
	var answer [4 + 16 + 20]byte
	_, err = io.ReadFull(nc, answer[:])
	return err
}

func ask(address, word string) error {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer nc.Close()
	if _, err := nc.Write([]byte(word)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, nc)
	return err
}
