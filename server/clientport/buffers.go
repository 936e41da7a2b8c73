package clientport

import "sync"

// buffer holds encoded frames on their way out.
type buffer struct{ b []byte }

// buffers lends buffers to the connections that have something to say, so that
// the idle ones, most of them, hold none.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 0, outputStart)}
}

// put takes back a buffer that nobody looks at any more.
func (p *buffers) put(b *buffer) {
	if cap(b.b) > outputKeep {
		return
	}
	b.b = b.b[:0]
	p.pool.Put(b)
}
