// Package compat holds quorumd against ZooKeeper: both get the same requests,
// byte for byte, from the same sessions in the same order, and every reply,
// every watch event and the place of the one among the others must be the same.
//
//	          seed
//	            │ generate
//	            ▼
//	stream of steps ──▶ runner ──┬──▶ side: ZooKeeper ──┐
//	            ▲                └──▶ side: quorumd  ───┤
//	            │ fewer steps                           ▼
//	         shrinker ◀── difference ◀── judge ◀── frames of both
//	                                       │
//	                               table of known differences
//
// A step is a connect, a loss of the connection, or a request. Requests of one
// session can be pipelined; two sessions never have something under way at the
// same time, so what each of them must see follows from the stream. A step
// names nothing that one side made up: zxids, times and session ids are
// compared as ordinals. A zxid of one side belongs to exactly one of the other,
// in the same order; each zxid has one time.
//
// The paths of a stream hold a dollar sign where its own node stands. Every run
// gets another one, so a stream can be run over and over against the same two
// servers, which is what shrinking needs. After a run the sessions are closed
// and the nodes deleted on both sides, and what cannot be deleted (the counters
// in the Stat of the root) is brought to the same value.
//
// The encoding here is written from the protocol's description and shares no
// code with quorumd.
//
// # Flags
//
//	-seed N      of the first stream; later ones follow from it
//	-streams N   how many; 0 is as many as fit into -for
//	-for D       how long
//	-servers N   of each ensemble: 1 or 3
//	-only N      run the one stream with this seed and print it
//
// # Invariants
//
//	D1  Whatever differs is either in the table of known differences, with its
//	    reason, or it fails the test.
//	D2  A stream is a function of its seed.
//	D3  Nothing is sent that is known to ruin a ZooKeeper server (known.go lists
//	    it): the server would be lost for the streams that follow.
package compat
