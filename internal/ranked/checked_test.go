//go:build ranked

package ranked

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// panics runs f and returns what it panicked with.
func panics(f func()) (said string) {
	defer func() {
		if r := recover(); r != nil {
			said, _ = r.(string)
		}
	}()
	f()
	return ""
}

func wantPanic(t *testing.T, words string, f func()) {
	t.Helper()
	if said := panics(f); !strings.Contains(said, words) {
		t.Errorf("it panics with %q, not with %q", said, words)
	}
}

func TestRisingRanks(t *testing.T) {
	var state RWMutex[State]
	var conn Mutex[Conn]
	var leaf, other Mutex[Leaf]
	for range 3 {
		state.RLock()
		conn.Lock()
		leaf.Lock()
		leaf.Unlock()
		state.RUnlock() // not in the order of taking
		other.Lock()
		other.Unlock()
		conn.Unlock()
		state.Lock()
		state.Unlock()
		NoLocks("a sync")
	}
}

func TestInversion(t *testing.T) {
	var state RWMutex[State]
	var conn Mutex[Conn]
	conn.Lock()
	wantPanic(t, "state is taken while conn is held", state.RLock)
	wantPanic(t, "state is taken while conn is held", state.Lock)
	conn.Unlock()
	state.RLock()
	wantPanic(t, "state is taken while state is held", state.RLock) // a writer between the two
	state.RUnlock()
}

func TestEqualRanks(t *testing.T) {
	var a, b Mutex[Leaf]
	a.Lock()
	wantPanic(t, "leaf is taken while leaf is held", b.Lock)
	a.Unlock()
	b.Lock()
	b.Unlock()
}

func TestInputUnderLock(t *testing.T) {
	var mu Mutex[Leaf]
	mu.Lock()
	wantPanic(t, "sync while leaf is held", func() { NoLocks("sync") })
	mu.Unlock()
	if !mu.TryLock() {
		t.Fatal("it is free")
	}
	wantPanic(t, "sync while leaf is held", func() { NoLocks("sync") })
	mu.Unlock()
}

func TestHoldLimit(t *testing.T) {
	HoldLimit.Store(int64(time.Millisecond))
	defer HoldLimit.Store(0)
	var mu Mutex[Leaf]
	mu.Lock()
	<-time.After(5 * time.Millisecond)
	wantPanic(t, "leaf was held for", mu.Unlock)
	mu.Lock() // it was unlocked all the same
	HoldLimit.Store(0)
	mu.Unlock()
}

// TestGoroutinesApart: what one goroutine holds is nothing to another, and
// nothing is left of one that is gone.
func TestGoroutinesApart(t *testing.T) {
	var leaf Mutex[Leaf]
	var state RWMutex[State]
	leaf.Lock()
	done := make(chan string)
	go func() { done <- panics(func() { state.RLock(); state.RUnlock(); NoLocks("write") }) }()
	if said := <-done; said != "" {
		t.Error(said)
	}
	leaf.Unlock()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { leaf.Lock(); leaf.Unlock() }) //nolint:staticcheck // on purpose
	}
	wg.Wait()
	for i := range shards {
		if n := len(shards[i].held); n != 0 {
			t.Errorf("%d goroutines hold something", n)
		}
	}
}

// TestCondition: waiting on a condition gives the lock back.
func TestCondition(t *testing.T) {
	var mu Mutex[Leaf]
	cond := sync.NewCond(&mu)
	ready, went := false, make(chan struct{})
	go func() {
		mu.Lock()
		for !ready {
			cond.Wait()
		}
		mu.Unlock()
		NoLocks("write")
		close(went)
	}()
	mu.Lock()
	ready = true
	cond.Broadcast()
	mu.Unlock()
	<-went
}
