// Package harness starts whole ensembles as separate processes, of quorumd or
// of ZooKeeper, for the acceptance tests and the measurements beside it.
//
//	test ──▶ Run ──▶ Ensemble ── Server 1 ──▶ process (zoo.cfg, myid, data, log)
//	                    │        Server 2 ──▶ process
//	                    │        Server 3 ──▶ process
//	                    └── Software: quorumd | zookeeper
//
// Everything that a test does to an ensemble goes through what operators have
// too: signals, files, and the four-letter word srvr on the client port. A test
// that is written against quorumd therefore runs against ZooKeeper unchanged,
// which is how the harness itself is proved. QUORUMD_TEST_SOFTWARE chooses.
//
// Raw is a small client of ZooKeeper's protocol that hides nothing: it does not
// reconnect, retry, or keep a thread of its own, and it can have any number of
// requests under way. It shares no code with the servers under test.
//
// # Environment
//
//	QUORUMD_TEST_SOFTWARE   quorumd (default) or zookeeper
//	QUORUMD_TEST_BINARY     a quorumd to use instead of building cmd/quorumd
//	QUORUMD_TEST_ZOOKEEPER  the class path of ZooKeeper's server
//	QUORUMD_TEST_SERVERS    host:port,...: the client tests use these servers
//	                        instead of starting an ensemble
//
// # Invariants
//
//	T1  Every address is on 127.0.0.1, at a port below the ephemeral range, so that
//	    no outgoing connection can take the port of a server that is down; or it is
//	    of a Place, a network namespace that nobody else is in.
//	T2  A process is only ever signalled through the handle that started it, and
//	    dies with the test process.
package harness
