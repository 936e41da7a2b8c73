package zab

// Space is what a server's disk has left for its log. The next segment of the
// log is reserved in advance, so a full disk shows while there is still room.
type Space uint8

// States of a disk.
const (
	SpaceAmple Space = iota // the next segment is reserved, or can be
	SpaceLow                // it cannot: the rest of the segment is the reserve
	SpaceOut                // of the reserve little is left, for what is under way
)

func (s Space) String() string {
	return [...]string{"ample", "low", "out"}[s]
}
