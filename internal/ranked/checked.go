//go:build ranked

package ranked

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Checked says whether locks are watched.
const Checked = true

// HoldLimit is the longest that a lock may be held, in ns; 0 is any time. Only
// tests set it: a slow machine can stop any goroutine at any time.
var HoldLimit atomic.Int64

// Mutex is a mutex at place P that watches what its goroutine holds.
type Mutex[P Place] struct{ mu sync.Mutex }

// Lock locks m.
func (m *Mutex[P]) Lock() {
	id := begin[P]()
	m.mu.Lock()
	took[P](id)
}

// TryLock locks m if nobody has it. It cannot wait, so its rank is not looked
// at before.
func (m *Mutex[P]) TryLock() bool {
	ok := m.mu.TryLock()
	if ok {
		took[P](goroutine())
	}
	return ok
}

// Unlock unlocks m.
func (m *Mutex[P]) Unlock() {
	gave[P](m.mu.Unlock)
}

// RWMutex is a read-write mutex at place P that watches what its goroutine
// holds. Locking for reading is watched as well: a writer that waits makes
// readers wait.
type RWMutex[P Place] struct{ mu sync.RWMutex }

// Lock locks m for writing.
func (m *RWMutex[P]) Lock() {
	id := begin[P]()
	m.mu.Lock()
	took[P](id)
}

// Unlock ends Lock.
func (m *RWMutex[P]) Unlock() { gave[P](m.mu.Unlock) }

// RLock locks m for reading.
func (m *RWMutex[P]) RLock() {
	id := begin[P]()
	m.mu.RLock()
	took[P](id)
}

// RUnlock ends RLock.
func (m *RWMutex[P]) RUnlock() { gave[P](m.mu.RUnlock) }

// NoLocks panics when the goroutine holds a lock.
func NoLocks(what string) {
	if held := heldBy(goroutine()); len(held) > 0 {
		panic(fmt.Sprintf("ranked: %s while %s is held", what, held[len(held)-1].rank.Name))
	}
}

type holding struct {
	rank  Rank
	since time.Time
}

// shards hold what the goroutines hold, by their ids.
var shards [64]struct {
	mu   sync.Mutex
	held map[uint64][]holding
}

// goroutine returns the id of the goroutine that calls.
func goroutine() uint64 {
	var buf [64]byte
	b := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	b, _, _ = bytes.Cut(b, []byte(" "))
	id, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		panic("ranked: a goroutine without a number")
	}
	return id
}

func heldBy(id uint64) []holding {
	s := &shards[id%uint64(len(shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[id]
}

func rankOf[P Place]() Rank {
	var p P
	return p.Rank()
}

// begin checks that a lock at P may be waited for. It returns the goroutine,
// which is dear to find out.
func begin[P Place]() (id uint64) {
	id = goroutine()
	rank := rankOf[P]()
	for _, h := range heldBy(id) {
		if h.rank.Order >= rank.Order {
			panic(fmt.Sprintf("ranked: %s is taken while %s is held; see the order in internal/ranked/order.go", rank.Name, h.rank.Name))
		}
	}
	return id
}

func took[P Place](id uint64) {
	s := &shards[id%uint64(len(shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[uint64][]holding{}
	}
	s.held[id] = append(s.held[id], holding{rankOf[P](), time.Now()})
}

// gave unlocks, then looks for how long.
func gave[P Place](unlock func()) {
	id, rank := goroutine(), rankOf[P]()
	s := &shards[id%uint64(len(shards))]
	s.mu.Lock()
	held := s.held[id]
	i := len(held) - 1
	for i >= 0 && held[i].rank != rank {
		i--
	}
	var since time.Time
	if i >= 0 { // else another goroutine unlocks than the one that locked
		since = held[i].since
		if held = append(held[:i], held[i+1:]...); len(held) > 0 {
			s.held[id] = held
		} else {
			delete(s.held, id)
		}
	}
	s.mu.Unlock()
	unlock()
	if limit := time.Duration(HoldLimit.Load()); limit > 0 && i >= 0 && time.Since(since) > limit {
		panic(fmt.Sprintf("ranked: %s was held for %v, the limit is %v", rank.Name, time.Since(since), limit))
	}
}
