// Package chaos makes faults on real processes: five servers under load, each in
// a network namespace of its own, are killed, stopped, cut off, slowed down, filled
// up and emptied, and everything that clients were told is checked.
//
//	clients ── station 0 ═╗           ╔═ station 1 ── server 1 ── disk (tmpfs)
//	(package client and   ╠══ wires ══╬═ station 2 ── server 2 ── disk
//	 go-zookeeper/zk)     ║  cut,loss ╠═ ...
//	  │                   ║  delay... ╚═ station 5 ── server 5 ── disk
//	  ▼                   ║
//	histories ──▶ checks  ╚══ faults, drawn by the seed
//
// It complements package sim, which is far faster and repeatable but has no
// kernel: here the sockets, descriptors, signals, disks and timers are real, and
// so are the clients. A seed repeats which faults come in which order, not how
// the machine schedules them.
//
//	go run ./test/chaos/cmd -duration 30m
//	go run ./test/chaos/cmd -duration 5m -faults kill-leader,split -seed 7 -keep
//
// # Isolation
//
// The command runs itself once more as the first process of new process, mount
// and network namespaces. The servers' network namespaces are made by threads of
// that process and have no names; the disks are tmpfs mounts in its mount
// namespace; the addresses, 10.213.0.0/24, exist in there alone. So there is
// nothing to clean up: whatever ends that process, be it a panic or kill -9, the
// kernel ends the servers and takes away mounts, devices and namespaces. Only the
// directory of logs stays, and only when something was wrong or -keep was given.
//
// The network is packets that this package carries between TUN devices. Kernels
// often come without netem, traffic filters and firewalls; this way each direction
// of each pair can be cut, lose, delay, repeat, overtake and reset everywhere.
//
// A run needs root, Linux, the program ip and /dev/net/tun. Where one is missing
// the command says "skipped: " and which, and ends with code 77, as automake's
// tests do ("go run" makes 1 of every code; build the command to see it). The
// other codes are 0 for nothing wrong, 1 for a broken rule, 2 for a run that
// could not be carried out, 130 for one that was interrupted.
//
// # Faults
//
//	kill-follower kill-leader kill-two kill-all   kill -9, started again after up to 8 s
//	crash-loop                   one server is killed again and again while it recovers
//	terminate                    SIGTERM and a new start
//	pause-leader pause-follower  SIGSTOP for 1 to 20 s
//	isolate-leader isolate-follower  cut off the other servers, perhaps clients too
//	isolate-clients              all clients cut off, so that sessions expire
//	split                        two servers cut off three
//	no-quorum                    two cut off three, and one of the three killed
//	one-way                      all that one server sends, or is sent, vanishes
//	partial                      two servers cut off each other, not the rest
//	slow-network loss scramble   delay and jitter; 1-20 % lost; packets twice or late
//	lag                          one or two servers hear of everything 0.2 to 1.5 s late
//	reset                        every connection of one server is reset
//	flap                         one server comes and goes
//	storm                        a bad network in which two leaders are killed
//	disk-full                    no byte left on one server's disk for 4 to 16 s
//	few-descriptors              one server may open no more files, and needs some
//	emptied                      one server loses its data when all others hold it
//
// A slow disk is not among them: nothing that every kernel has slows one down.
// The simulator does it (package sim).
//
// A server may end when its disk is full or its descriptors are used up, if its
// last lines say so; it is then started again. Any other end is a broken rule.
//
// # Load
//
// Every client has one call under way: setData with and without a version, sync
// and getData, getData, create, delete, sequential and ephemeral nodes, one-shot
// watches; now and then it has its session go on at another server, closes it or
// abandons it. Every 20 seconds
// there are new nodes, and the histories of the old ones are judged.
//
// # Verified
//
//	H1   Writes, conditional writes, creations, deletions and sync+read are
//	     linearizable, each node for itself (porcupine). A call whose answer never
//	     came may take effect at any later time, once, or never.
//	H2   A session never reads a node older than it has seen it, on whatever
//	     server it is. Plain reads may be old otherwise.
//	H3   A session never reads a state from before any zxid that it has seen:
//	     an acknowledged write of another node up to there is not missing.
//	H4   Sequential numbers are given once and rise with time.
//	H5   At the end each server holds every acknowledged write and creation.
//	H6   At the end each server has the ephemeral nodes of living sessions and no
//	     others; those of a closed session are gone when close was answered.
//	H7   A watch fires before its session reads what it watches for.
//	H8   At the end all servers have the same digest at the same zxid.
//	H9   A server process that has lived for over a minute has grown by no more than
//	     24 descriptors besides client connections and log segments, 32 threads, and
//	     to twice its memory and 256 MB; with all clients gone no server has sessions, watches,
//	     ephemeral nodes, requests or connections left, nor more than 150
//	     goroutines, counted in the dump that SIGQUIT makes.
//	H10  When a fault is over all servers serve under one leader within 90 s,
//	     and writes are acknowledged; no server ends by itself.
package chaos
