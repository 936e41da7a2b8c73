package client

import (
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/jute"
)

// Errors that a server answers with, for errors.Is. They come wrapped in
// [Error].
const (
	ErrNoNode                  = jute.CodeNoNode
	ErrNodeExists              = jute.CodeNodeExists
	ErrBadVersion              = jute.CodeBadVersion
	ErrNotEmpty                = jute.CodeNotEmpty
	ErrNoAuth                  = jute.CodeNoAuth
	ErrInvalidACL              = jute.CodeInvalidACL
	ErrAuthFailed              = jute.CodeAuthFailed
	ErrNoChildrenForEphemerals = jute.CodeNoChildrenForEphemerals
	ErrBadArguments            = jute.CodeBadArguments // also for what is refused before it is sent
	ErrUnimplemented           = jute.CodeUnimplemented
	ErrMarshalling             = jute.CodeMarshallingError
	ErrSessionMoved            = jute.CodeSessionMoved
	ErrNotReadOnly             = jute.CodeNotReadOnly
	ErrEphemeralOnLocalSession = jute.CodeEphemeralOnLocalSession
	ErrNoWatcher               = jute.CodeNoWatcher
	ErrQuotaExceeded           = jute.CodeQuotaExceeded
	ErrThrottled               = jute.CodeThrottledOp
	ErrReconfigDisabled        = jute.CodeReconfigDisabled
	ErrReconfigInProgress      = jute.CodeReconfigInProgress
	ErrNewConfigNoQuorum       = jute.CodeNewConfigNoQuorum
	// ErrNotTried: an operation of a multi that failed at another operation.
	ErrNotTried = jute.CodeRuntimeInconsistency
	// ErrSessionExpired: the session is gone, and with it its ephemeral nodes
	// and watches. Nothing works on this client any more.
	ErrSessionExpired = jute.CodeSessionExpired
	// ErrConnectionLoss: the connection was lost while the call was in flight.
	// The server may or may not have done it.
	ErrConnectionLoss = jute.CodeConnectionLoss
)

// Errors of the client itself.
var (
	// ErrClosed: the client was closed with Close or Abandon.
	ErrClosed = errors.New("client is closed")
	// ErrTooLarge: the request is larger than what the server takes
	// (WithMaxRequest), or the reply larger than what the client takes
	// (WithMaxReply). A request was not sent; what a reply answers was done.
	ErrTooLarge = errors.New("frame too large")
	// ErrEventOverflow: events came faster than a Watcher's were read. Some
	// are lost, so the Watcher has ended.
	ErrEventOverflow = errors.New("events were not read fast enough")
	// ErrWatcherClosed: the Watcher was closed with Close.
	ErrWatcherClosed = errors.New("watcher is closed")
	// ErrNoServers: Connect was given no server.
	ErrNoServers = errors.New("no servers given")

	errProtocol = errors.New("protocol violation by the server")
)

// Error says which call failed. Unwrap gives the cause, one of the errors above
// or that of the call's context.
type Error struct {
	Op   string // "create", "get", ...
	Path string // as the caller gave it; "" if the call has none
	Err  error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("client: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("client: %s %s: %v", e.Op, e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// MultiError says which operation a multi failed at. All others were undone or
// not tried.
type MultiError struct {
	Index int // of the operation, from 0
	Op    string
	Path  string
	Err   error
}

func (e *MultiError) Error() string {
	return fmt.Sprintf("operation %d (%s %s): %v", e.Index, e.Op, e.Path, e.Err)
}

func (e *MultiError) Unwrap() error { return e.Err }
