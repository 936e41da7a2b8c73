// Package ensemble runs an ensemble of server processes on this machine, on
// loopback, for trying out and for tests.
//
// # Files
//
//	DIR/ensemble.json      members and their ports; made once, read ever after
//	DIR/lock               locked by the supervisor while it runs
//	DIR/start-N            a request to the supervisor to start server N
//	DIR/serverN/zoo.cfg    written when missing; edits are kept
//	DIR/serverN/data       dataDir, with myid
//	DIR/serverN/log        what the server logs, appended
//	DIR/serverN/pid        the server's process id while it runs
//
// # Processes
//
// Each server is a process of its own executable, in its own process group,
// so that Ctrl-C at the terminal reaches the supervisor alone. On Linux the
// servers die with the supervisor, however it ends. A server that ends is
// reported with its last log line and not started again: what it died of is to
// be seen, and a test wants to say itself when it returns.
package ensemble
