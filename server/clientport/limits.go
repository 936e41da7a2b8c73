package clientport

import "time"

// The bounds of a connection and of the port.
const (
	// inputStart and inputKeep are the sizes of a connection's read buffer when
	// it is made and beyond which it is not kept once it was used up, in bytes.
	inputStart = 2 << 10
	inputKeep  = 64 << 10
	// inputPatience is for how many small reads a buffer that has grown is kept.
	inputPatience = 16

	// outputStart is the size of a new output buffer and outputKeep the size
	// beyond which one is not kept for other connections, in bytes.
	outputStart = 4 << 10
	outputKeep  = 1 << 20
	// outputSoft is how many bytes may wait to be written before the reader
	// stops answering and waits for the client to take them.
	outputSoft = 256 << 10
	// DefaultMaxOutput is how many bytes may wait to be written before the
	// connection is closed: events and replies to writes cannot wait.
	DefaultMaxOutput = 64 << 20
	// writeChunk is how many bytes one write to the socket is given, so that a
	// client that takes its answers slowly is seen to take them.
	writeChunk = 256 << 10
	// DefaultWriteTimeout is how long one write of writeChunk bytes may take.
	DefaultWriteTimeout = 15 * time.Second

	// runRequests and runBytes bound what is answered under one read lock of
	// the state: nobody can apply meanwhile.
	runRequests = 128
	runBytes    = 256 << 10

	// maxPending is how many requests of one connection may wait.
	maxPending = 1000

	// maxIdentities and maxIdentityBytes bound the authenticated ids of one
	// connection: every write carries them to every server.
	maxIdentities    = 64
	maxIdentityBytes = 16 << 10

	// lingerTime is how long the client has to take the last answer and close
	// its side, after the server has closed its own. Closing with input unread
	// would reset the connection and could take the last answer with it.
	lingerTime = 2 * time.Second

	// acceptRetryMin and acceptRetryMax bound the wait before the next attempt
	// when the system has no descriptor or memory for another connection.
	acceptRetryMin = 10 * time.Millisecond
	acceptRetryMax = time.Second

	// WordPlaces is how many connections are taken beyond Config.Budget, to ask a
	// four-letter word within wordTime.
	WordPlaces = 8
	wordTime   = time.Second

	// closeTime is how long Close lets clients take what was written to them.
	closeTime = time.Second

	// noisyBurst log lines about what clients do wrong are written in each
	// noisyPeriod, no more.
	noisyBurst  = 10
	noisyPeriod = 10 * time.Second

	// headerSize is the size of a reply's frame length and header in bytes.
	headerSize = 4 + 4 + 8 + 4
	// requestHeader is the size of xid and opcode.
	requestHeader = 8
)
