package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what processes have used up.
type Usage struct {
	CPU    time.Duration // user and system, since the start
	Memory int64         // resident bytes now
}

// Usage adds up the running servers of the ensemble. It reads /proc, so it is
// zero on other systems than Linux.
func (e *Ensemble) Usage() Usage {
	var sum Usage
	for _, s := range e.Servers {
		if pid := s.PID(); pid != 0 {
			u := usage(pid)
			sum.CPU += u.CPU
			sum.Memory += u.Memory
		}
	}
	return sum
}

// processStat is /proc/PID/stat from its third field on; empty where there is
// none. The second field may hold blanks, but ends with the last ")".
func processStat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// processState is the letter for what the process does: T stands still. It is
// empty where the system does not tell.
func processState(pid int) string {
	if fields := processStat(pid); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// usage takes field 14 and 15 of the process, CPU in ticks of 10 ms, and field
// 24, resident pages.
func usage(pid int) Usage {
	const tick = 10 * time.Millisecond
	fields := processStat(pid)
	number := func(field int) int64 {
		if field-3 >= len(fields) {
			return 0
		}
		v, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			return 0
		}
		return v
	}
	return Usage{
		CPU:    time.Duration(number(14)+number(15)) * tick,
		Memory: number(24) * int64(os.Getpagesize()),
	}
}
