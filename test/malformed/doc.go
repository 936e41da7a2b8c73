// Package malformed sends what no client and no server ever sends to every port
// of every server, and looks whether the ensemble minds: afterwards the same
// processes run, the same leader leads, and every server reads and writes.
package malformed
