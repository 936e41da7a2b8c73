// Package client talks to a quorumd ensemble, and to ZooKeeper from 3.6 on: it
// keeps one session alive over whatever servers there are and makes calls of
// the protocol functions that return values.
//
//	c, err := client.Connect(ctx, []string{"127.0.0.1:2181"})
//	path, err := c.Create(ctx, "/job-", data, client.Ephemeral(), client.Sequential())
//	data, stat, err := c.Get(ctx, path)
//
// A Client may be used by any number of goroutines. Their calls are pipelined:
// one goroutine writes whatever has gathered, another reads replies, nobody
// waits for somebody else's reply.
//
//	caller ─▶ unsent ─▶ writer ══▶ server          run     dials, then is the writer
//	             ▲         │                       reader  one per connection
//	             │     in flight                   No other goroutine exists.
//	caller ◀─────┴───── reader ◀══
//
// # What happens to a call
//
// A call waits in the queue while there is no connection, for as long as its
// context allows. Once it is written it is in flight, and if the connection is
// lost then it fails with [ErrConnectionLoss]: whether the server has done it
// is not known, and this package never repeats it on its own. The same holds
// for a call whose context ends while it is in flight.
//
// # Sessions
//
// The client reconnects by itself, to the next of its shuffled servers, with
// the same session; it sends its credentials again and sets its watches again.
// Only a server can say that a session has expired. That is the end: Done is
// closed, every call fails with [ErrSessionExpired], and a new Client has to
// be made.
//
// # Watches
//
// GetW, ExistsW and ChildrenW return a channel that carries one event. Watch
// returns a [Watcher] with many. Neither ever blocks the connection: a Watcher
// whose reader is too slow ends with [ErrEventOverflow]. One-shot watches miss
// nothing over a reconnection, for the server compares versions; persistent
// ones may, and say so with an event of type [EventNone].
//
// # Invariants
//
//	C1  a frame is written at most once: a call is never repeated
//	C2  replies are matched in order; one that does not match the oldest call
//	    in flight costs the connection
//	C3  an event is handed over before any reply that the server sent later
//	C4  the zxid a new server is asked for is never below one that was seen
//	C5  after Close returned no goroutine of the client runs
package client
