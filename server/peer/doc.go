// Package peer carries what servers say to each other: votes on the election
// port, everything else on the quorum port. It knows bytes, frames and
// connections; what a packet means is the core's business.
//
// # Connections
//
//	election port   every server dials every other voter, and voters dial
//	                observers so that answers reach them. The one who dialled
//	                writes, the one who accepted reads; so between two voters
//	                there are two connections, one for each direction.
//	quorum port     a learner dials its leader (Transport.Dial); both write.
//
// # The hello
//
// Whoever dialled speaks first, and nothing else is sent before the answer.
// Numbers are little endian.
//
//	 0      4    5    6        7     8       16      24        32     36
//	┌──────┬────┬────┬────────┬─────┬───────┬───────┬─────────┬──────┐
//	│"QRMD"│ver │chan│verdict │ len │ from  │ to    │ members │ crc  │
//	│      │u8=3│u8  │u8      │u8=28│ i64   │ i64   │ u64     │u32   │
//	└──────┴────┴────┴────────┴─────┴───────┴───────┴─────────┴──────┘
//
//	chan     1 quorum, 2 election
//	verdict  0 in the dialler's hello and in a welcome; else why not
//	len      bytes that follow; the first 8 never change, so that any two
//	         versions can tell each other apart
//	from,to  server ids: who speaks, and who is meant
//	members  digest of the membership as the speaker has it
//	crc      CRC-32C of everything before it
//
// The answer has the same form. A connection counts as open when the welcome
// has come: a stopped process whose system still accepts is not reachable.
//
// After the hello both channels carry frames of package wire.
//
// # Who runs when
//
//	accept (2)           one for each listener
//	hello (0..64)        one for each connection that has not said who it is
//	voice (per peer)     dials the election port, writes the newest notification
//	ear   (per peer)     reads notifications
//	link reader, writer  two for each quorum connection
//
// # Invariants
//
//	P1  For every link there is one EvLinkUp, then its packets in order, then
//	    one EvLinkDown, whoever closed it. For every Dial there is either a
//	    link or one EvLinkDown with Link 0.
//	P2  Nothing here blocks the caller of Send, Notify, Dial and CloseLink.
//	P3  What is not a server of this ensemble never gets beyond its hello, and
//	    costs nobody else anything but a rate-limited log line.
//	P4  A frame is believed only after its length was held against the limit
//	    and its checksum has matched; one that is wrong ends its connection.
//	P5  A listener that cannot go on ends the server (Host.Fail): one that is
//	    deaf and still asks for votes does harm. Being out of descriptors or
//	    memory is no such thing; that is waited out.
//
// Locks: Transport.mu, link.mu and voice.mu are leaves, not held over I/O, and
// none is taken under another.
package peer
