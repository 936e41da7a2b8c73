// Package datadir looks at a server's data directory from outside: it lists,
// prints and proves logs and snapshots, compares the directories of several
// servers, and cuts or recovers one whose server does not run. The commands
// `quorumd verify`, `quorumd log` and `quorumd snapshot` are it.
//
//	        Find            where it is, and whose
//	         │
//	   ┌─────┴──────┬───────────┬──────────┐
//	Verify     Log, Segments   Snapshots   Survey      read, beside a running server
//	                                         │
//	                                 Truncate, Recover  change, under the server's LOCK
//
// # Invariants
//
// F1: what reads changes nothing and takes no lock. It goes through a file
// system that refuses every change (lookOnly), so this is not a matter of care.
//
// F2: a running server is no obstacle. Files that vanish, grow or are cut under
// the reader are its work (txnlog, live.go); only what stays wrong is damage.
//
// F3: what changes a directory holds its LOCK from before it looks until it is
// done, and has copied every file that it removes or cuts, durably, before the
// first change.
//
// F4: nothing is kept that is not proved: a chain of records from an intact
// snapshot, or from the beginning.
//
// Formats are not known here. Files are read by txnlog, states by replica.
package datadir
