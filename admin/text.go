package admin

import (
	"math"
	"strconv"
)

// line appends the parts and a newline.
func line(dst []byte, parts ...string) []byte {
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return append(dst, '\n')
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func hex(n int64) string { return "0x" + strconv.FormatUint(uint64(n), 16) }

// decimals writes f as Java prints a double that was rounded to four places:
// 0.0, 2.5, 8.7143.
func decimals(f float64) string {
	f = math.Round(f*1e4) / 1e4
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if f == math.Trunc(f) {
		s += ".0"
	}
	return s
}
