package zab

// Epochs is the durable promise record of a server, written as one unit.
//
// Invariant Z1: Current <= Accepted; neither ever falls.
type Epochs struct {
	// Accepted is the highest epoch promised to a would-be leader.
	Accepted Epoch
	// AcceptedBy is the server it was promised to. The same server may ask
	// again for the same epoch (a lost answer, a new link) and be answered;
	// another one may not.
	AcceptedBy ServerID
	// Current is the epoch of the last leader whose history was adopted.
	Current Epoch
}
