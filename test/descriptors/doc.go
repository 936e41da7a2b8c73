// Package descriptors runs an ensemble whose servers may have few files open, and
// storms them with clients. The descriptors of the peers, the log and the snapshots
// are not the clients' to take.
package descriptors
