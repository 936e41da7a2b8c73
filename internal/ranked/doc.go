// Package ranked has the mutexes of the server, and the order in which they
// are taken (order.go).
//
// In a normal build they are those of package sync. Built with -tags ranked
// they watch what each goroutine holds, and panic on
//
//   - a lock taken under one of the same or a higher rank: some other goroutine
//     may take them the other way round, and the two would wait for each other
//     (CockroachDB#10206, NuRaft#190, ZOOKEEPER-2380);
//   - input or output while a lock is held (NoLocks): a disk or a peer that
//     stalls would stall everybody who wants the lock (ZOOKEEPER-2201);
//   - a lock held for longer than HoldLimit, where a test sets that.
//
// The first two show in any run that takes the path at all. They do not need
// the moment at which it would have gone wrong.
package ranked
