// Package config reads a server's configuration: ZooKeeper's zoo.cfg, the
// myid file beside the data, and the file of dynamic membership.
//
// # From text to Config
//
//	zoo.cfg ──▶ properties ──▶ keys ──▶ server lines ──▶ cross checks ──▶ Config
//	--set k=v ─────────────────▲            ▲                ▲
//	dynamicConfigFile ──────────────────────┘       myid ────┘
//
// The file is a Java properties file: # and ! begin comment lines, a backslash
// at a line's end continues it, the first =, : or blank ends the key. A key
// that ZooKeeper takes as the system property zookeeper.X is accepted both as
// X and as zookeeper.X.
//
// # What becomes of a key
//
//   - Acted on: it has a field in Config.
//   - Known to ZooKeeper, without effect here: one warning names all of them,
//     each with the reason.
//   - Asks for protection that quorumd does not have (TLS, SASL): an error. A
//     server never runs with less security than its configuration asks for.
//   - Unknown: one warning names all of them, with the likely spelling.
//
// # Invariants
//
//	G1  Load reports every problem of the configuration, not only the first.
//	G2  A Config that Load returned is complete: every field that has a default
//	    holds its effective value, ServerID is in Servers of an ensemble, and no
//	    two members share an address.
//	G3  MembershipText depends on the member lines and the version only, so it is
//	    the same text on every server that was given the same lines.
package config
