package failover

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const (
	sessionTimeout = 15 * time.Second
	dialLimit      = 3 * time.Second
	redialPause    = 10 * time.Millisecond
	maxViolations  = 20 // of one writer; more say nothing new
)

// writer is one session that writes at a steady rate.
type writer struct {
	id     int
	addrs  []string // tried in turn, beginning at the writer's own
	window int      // writes under way at most
	every  time.Duration
	track  *tracker

	sent    int           // the newest number that was sent
	created map[int]int64 // acknowledged nodes: number to zxid
	set     int           // the newest acknowledged number of the key, 0 for none
	lastZx  int64         // of the newest acknowledged write
	version int32         // of the newest acknowledged setData
	unknown int           // writes whose answer never came
	expired int           // sessions lost
	dials   int           // connections made

	violations []string
}

func newWriter(id int, addrs []string, c Config, track *tracker) *writer {
	turned := append(append([]string(nil), addrs[id%len(addrs):]...), addrs[:id%len(addrs)]...)
	return &writer{
		id: id, addrs: turned, window: c.Window, every: time.Second / time.Duration(c.Rate),
		track: track, created: make(map[int]int64),
	}
}

func (w *writer) key() string    { return fmt.Sprintf("%s/k%d", base, w.id) }
func (w *writer) folder() string { return fmt.Sprintf("%s/c%d", base, w.id) }

// node is the path of the node with that number; the names sort as the numbers do.
func (w *writer) node(number int) string { return fmt.Sprintf("%s/%09d", w.folder(), number) }

func (w *writer) violate(format string, args ...any) {
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, fmt.Sprintf("writer %d: ", w.id)+fmt.Sprintf(format, args...))
	}
}

// run writes until the context ends.
func (w *writer) run(ctx context.Context) {
	session := harness.Session{Timeout: sessionTimeout}
	for try := 0; ctx.Err() == nil; try++ {
		conn, err := harness.Dial(w.addrs[try%len(w.addrs)], session, dialLimit)
		if errors.Is(err, harness.ErrSessionExpired) {
			w.expired++
			session = harness.Session{Timeout: sessionTimeout}
			continue
		}
		if err != nil {
			pause(ctx, redialPause)
			continue
		}
		w.dials++
		w.pump(ctx, conn)
		session = conn.Session
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// pump writes over one connection until that breaks or the context ends. The
// channel of numbers under way is the window: sending waits while it is full.
func (w *writer) pump(ctx context.Context, conn *harness.Raw) {
	underWay := make(chan int, w.window)
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		w.receive(conn, underWay)
	}()
	w.send(ctx, conn, underWay, broken)
	close(underWay)
	<-broken
	for range underWay {
		w.unknown++
	}
	_ = conn.Abort() // the session goes on over the next connection
}

func (w *writer) send(ctx context.Context, conn *harness.Raw, underWay chan<- int, broken <-chan struct{}) {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-broken:
			return
		case <-tick.C:
		}
		select {
		case underWay <- w.sent + 1:
		case <-broken:
			return
		}
		w.sent++
		if _, err := conn.Send(w.request(w.sent)); err != nil {
			return
		}
		if err := conn.Flush(); err != nil {
			return
		}
	}
}

func (w *writer) request(number int) harness.Request {
	if number%2 == 1 {
		return harness.SetData(w.key(), strconv.AppendInt(nil, int64(number), 10), -1)
	}
	return harness.Create2(w.node(number), nil, harness.Persistent)
}

// receive reads the answers to the numbers under way, up to the first error.
func (w *writer) receive(conn *harness.Raw, underWay <-chan int) {
	for number := range underWay {
		reply, err := conn.Next()
		if err == nil {
			err = reply.Err()
		}
		if err != nil {
			w.unknown++
			var code harness.Code
			if errors.As(err, &code) && code != harness.CodeSessionExpired {
				w.violate("write %d was refused: %v", number, err)
			}
			return
		}
		w.acknowledged(number, reply)
	}
}

func (w *writer) acknowledged(number int, reply harness.Reply) {
	w.track.ack()
	stat, err := reply.Stat()
	if err != nil {
		w.violate("the answer to write %d: %v", number, err)
		return
	}
	zxid := stat.Mzxid
	if zxid <= w.lastZx {
		w.violate("F1: write %d has zxid %#x, an earlier one has %#x", number, zxid, w.lastZx)
	}
	w.lastZx = zxid
	if number%2 == 0 {
		w.created[number] = zxid
		return
	}
	if stat.Version <= w.version {
		w.violate("F1: write %d made version %d, an earlier one made %d", number, stat.Version, w.version)
	}
	w.version, w.set = stat.Version, number
}
