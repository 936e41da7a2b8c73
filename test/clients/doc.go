// Package clients runs one scenario through clients that others wrote: Python's
// kazoo, ZooKeeper's own command line and C clients. The scenarios stand beside
// this file, take host:port, and can be run by hand against any server. The Go
// client's scenario is the test of package gozk.
package clients
