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
//
// Invariant V2: a sync of a directory that failed says nothing about the names
// either, but one that succeeds later, of the same directory, vouches for them.
// Names are metadata. File systems with a journal (ext4, XFS) or that copy on
// write (btrfs, ZFS) write it in order: one that cannot write its journal ends
// all writing until it is mounted anew, from the disk, so no later sync can
// succeed past names that were dropped. What they do report and survive, as a
// flush of the device's cache that failed, leaves the names to be written.
// MemFS keeps them pending. File systems without a journal (ext2) promise less
// and are none to keep data on.
//
// So a name needs no proof that the sync before it went well: a start syncs
// each directory whose names it relies on, whoever gave them.
//
// # Directories held open
//
// SyncDir has to open the directory, and fails where descriptors have run out.
// Who syncs a directory again and again holds it open as a Dir.
package vfs
