// Package badinput starts servers that must not start: with a configuration
// that cannot be read, data that is somebody else's, ports that are taken, the
// wrong myid. Each has to end by itself with an exit code and one line that names
// the place and the remedy, while the ensemble beside it, whose data and ports
// are reached for, goes on as if nothing were.
package badinput
