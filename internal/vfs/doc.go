// Package vfs is the file system as the log and the snapshots need it, small
// enough that a second implementation, in memory, can be exact about what a
// power failure leaves.
//
// # What is durable
//
//	operation                  durable after
//	WriteAt, Truncate,         Sync of the file
//	Preallocate
//	Create, Rename, Remove,    SyncDir of the directory that holds the name
//	MkdirAll
//
// Until then each may or may not have reached the disk, independently of the
// others, and a write may have reached it in part. Nothing else is promised,
// and MemFS gives nothing else: its CrashClone is the disk as a power failure
// at that moment may leave it.
//
//	            WriteAt                 Sync
//	program ──────────────▶ pending ───────────▶ stable
//	                           │                   │
//	                           └─ a part of it ─▶  ▼
//	                              (CrashClone)    disk after the crash
//
// # After an error
//
// Invariant V1: a Sync that failed says nothing about what is on the disk, and
// a later Sync that succeeds does not say more: the kernel may have dropped
// the pages and marked them clean. MemFS does just that. Nobody may retry a
// Sync; a file whose Sync failed is lost to its writer.
package vfs
