// Package election finds out who should lead. It is ZooKeeper's fast leader
// election as a value: notifications in, notifications and an outcome out.
//
// # The round
//
// A server that looks for a leader opens a round, votes for itself, and tells
// every voter. Hearing a better vote it takes that over and tells everybody
// again, so that votes spread like the maximum of a set of numbers:
//
//	1 votes 1 ──▶ 2, 3        1 hears 3: votes 3 ──▶ 2, 3
//	2 votes 2 ──▶ 1, 3        2 hears 3: votes 3 ──▶ 1, 3
//	3 votes 3 ──▶ 1, 2        3 hears 3, 3: everybody votes 3: leads
//
// Better means: later epoch, then later zxid, then greater id. Servers of an
// older round are told of the newer one and join it; votes of different rounds
// are never counted together.
//
// A server decides when a quorum votes as it does. At once, if every other
// voter has either voted the same or is known to be unreachable, for then no
// better vote can come; otherwise after Config.FinalizeWait, within which a
// better vote may still arrive. When a leader dies its election connections
// break, so the survivors wait for nothing.
//
// A server that has decided goes on to answer those that are still looking:
// Settled. A server that hears from a quorum that it follows one leader, and
// from that leader that it leads, joins them whatever the round.
//
// # Who may be voted for
//
// Voters of positive weight. Observers and voters of weight zero do not vote;
// they ask, with a notification that names nobody, and join a standing leader.
//
// # What an election promises
//
// Not that there is one leader: two servers may each believe to have won for a
// while. One leader per epoch is the promise of discovery, which follows
// (package leader). What is promised here:
//
// Invariant E1: a server's vote is never worse than its own history, and in
// one round it only gets better. So a leader elected by a quorum has a history
// not older than that of any of its members, and with that every committed
// transaction.
//
// Invariant E2: a decision rests on a quorum of votes for one leader: either
// identical votes of one round, the server's own among them or that of servers
// that say they follow it; or, joining a standing leader, votes of servers that
// have settled, the leader's own word among them.
//
// Invariant E3: only voters of positive weight are voted for and counted.
//
// Invariant E4 (amnesia): a server that has adopted no epoch may be new or may
// have lost its disk; it cannot tell. Nor do transactions in its log prove
// anything: they may be the first part of a history that it was taking over
// when the leader was lost. Its vote counts towards a quorum only when every supporter of
// that vote is blank, as in an ensemble's first election. Otherwise the
// supporters that do hold history must be a quorum by themselves; or every
// voter supports the vote, for then nobody is missing who could hold more. A
// quorum of servers that hold nothing waits for the others first
// (Config.BootstrapWait): one of them may hold what the rest has lost. Without
// this rule
//
//	1 and 3 commit x; 3 loses its disk; 1 is down; 2, which lacks x,
//	and 3 elect 2: x is lost though one copy and one quorum live
//
// Invariant E5: notifications of servers with another view of the membership
// are never counted (ZOOKEEPER-3829).
//
// Invariant E6: a server does not vote for one whom it knows to be
// unreachable. When that happens to the one it votes for, it opens the next
// round instead of electing a dead server and waiting for it. A notification
// proves its sender reachable.
//
// Invariant E7: notifications of servers that hold the history of another
// ensemble are never counted: a data directory of elsewhere must neither win
// nor be won over.
package election
