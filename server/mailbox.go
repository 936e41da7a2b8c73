package server

import "github.com/quorumd/quorumd/internal/ranked"

// mailbox is a queue with one reader that takes everything at once. It has no
// bound of its own: whoever puts something in says where it is declared what
// bounds it.
type mailbox[T any] struct {
	wake chan struct{} // one slot

	mu    ranked.Mutex[ranked.Leaf]
	items []T
}

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{wake: make(chan struct{}, 1)}
}

// put appends items. It does not block.
func (m *mailbox[T]) put(items ...T) {
	if len(items) == 0 {
		return
	}
	m.mu.Lock()
	m.items = append(m.items, items...)
	m.mu.Unlock()
	signal(m.wake)
}

// take exchanges what waits for an empty queue, made of what is given back.
func (m *mailbox[T]) take(spare []T) []T {
	clear(spare)
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = spare[:0]
	return items
}

func (m *mailbox[T]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}
