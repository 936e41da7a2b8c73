// Package fourletter asks a server one of ZooKeeper's four-letter words: it
// sends the word as the first bytes of a connection and reads text until the
// server closes.
package fourletter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// answerMax bounds an answer in bytes. The longest of ZooKeeper's own, mntr
// and cons of a busy server, stay well below it.
const answerMax = 16 << 20

// ErrNoAnswer means that the server closed the connection without a word.
var ErrNoAnswer = errors.New("no answer")

// ErrWord means that what was to be sent is no four-letter word.
var ErrWord = errors.New("no four-letter word")

// Refused reports whether the answer is a server's refusal of a word that is
// not in its whitelist.
func Refused(answer string) bool {
	return strings.HasSuffix(strings.TrimSpace(answer), " is not executed because it is not in the whitelist.")
}

// Ask sends word to the client port at addr and returns the whole answer. It
// gives up when ctx ends, which must have a deadline or timeout must be
// positive.
func Ask(ctx context.Context, addr, word string, timeout time.Duration) (string, error) {
	if len(word) != 4 {
		return "", fmt.Errorf("fourletter: %q: %w; try ruok, srvr, stat, mntr, conf, cons or isro", word, ErrWord)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("fourletter: %w", err)
	}
	defer conn.Close() //nolint:errcheck // the answer is read or lost already
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, word); err != nil {
		return "", fmt.Errorf("fourletter: send %s to %s: %w", word, addr, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, answerMax))
	if err != nil && len(answer) == 0 {
		return "", fmt.Errorf("fourletter: answer of %s to %s: %w", addr, word, err)
	}
	if len(answer) == 0 {
		return "", fmt.Errorf("fourletter: %s closed the connection on %s: %w (does it know the word?)", addr, word, ErrNoAnswer)
	}
	return string(answer), nil
}

// Field returns the value of a "Name: value" line of an answer such as srvr's,
// "" when there is none.
func Field(answer, name string) string {
	for line := range strings.Lines(answer) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
