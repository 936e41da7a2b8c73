package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"
)

// trace is the story of a run, one line an event, and its hash.
type trace struct {
	out   io.Writer // nil: only the hash
	hash  *xxhash.Digest
	lines uint64
	buf   []byte
}

func newTrace(out io.Writer) *trace { return &trace{out: out, hash: xxhash.New()} }

func (t *trace) line(now time.Duration, format string, args ...any) {
	t.lines++
	t.buf = fmt.Appendf(t.buf[:0], "%12.6f  ", now.Seconds())
	t.buf = fmt.Appendf(t.buf, format, args...)
	t.buf = append(t.buf, '\n')
	_, _ = t.hash.Write(t.buf) // never fails
	if t.out != nil {
		_, _ = t.out.Write(t.buf) // a trace that cannot be written changes nothing in the run
	}
}
