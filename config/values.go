package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// setter stores the value of a key, or says what is wrong with it.
type setter func(c *Config, value string) error

// wholeNumber reads a decimal number, or one with 0x as Java's
// Integer.getInteger takes for system properties.
func wholeNumber(value, unit, example string, lo, hi int64) (int64, error) {
	text, base := value, 10
	if rest, ok := strings.CutPrefix(strings.ToLower(value), "0x"); ok {
		text, base = rest, 16
	}
	n, err := strconv.ParseInt(text, base, 64)
	if err != nil {
		return 0, fmt.Errorf("not a whole number of %s; write e.g. %s", unit, example)
	}
	if n < lo || n > hi {
		return 0, fmt.Errorf("outside %d to %d %s; write e.g. %s", lo, hi, unit, example)
	}
	return n, nil
}

// count is a setter of a whole number from lo to 2^31-1.
func count(field func(*Config) *int, lo int64, unit, example string) setter {
	return func(c *Config, value string) error {
		n, err := wholeNumber(value, unit, example, lo, math.MaxInt32)
		if err == nil {
			*field(c) = int(n)
		}
		return err
	}
}

// atLeast is count with values under floor raised to it, as ZooKeeper does.
func atLeast(field func(*Config) *int, floor int, unit, example string) setter {
	set := count(field, 0, unit, example)
	return func(c *Config, value string) error {
		if err := set(c, value); err != nil {
			return err
		}
		if *field(c) < floor {
			*field(c) = floor
		}
		return nil
	}
}

// kilobytes is a setter of a byte size written in KiB; off says whether 0 and
// below switch the limit off, which is stored as 0.
func kilobytes(field func(*Config) *int64, off bool, example string) setter {
	lo := int64(1)
	if off {
		lo = math.MinInt32
	}
	return func(c *Config, value string) error {
		n, err := wholeNumber(value, "kilobytes", example, lo, 1<<40)
		if err == nil {
			*field(c) = max(n, 0) << 10
		}
		return err
	}
}

// millis is a setter of a duration written in milliseconds.
func millis(field func(*Config) *time.Duration, lo int64, example string) setter {
	return func(c *Config, value string) error {
		n, err := wholeNumber(value, "milliseconds", example, lo, math.MaxInt32)
		if err == nil {
			*field(c) = time.Duration(n) * time.Millisecond
		}
		return err
	}
}

// sessionLimit is millis where -1 asks for the default.
func sessionLimit(field func(*Config) *time.Duration, example string) setter {
	return func(c *Config, value string) error {
		n, err := wholeNumber(value, "milliseconds", example, -1, math.MaxInt32)
		if err == nil {
			*field(c) = time.Duration(n) * time.Millisecond
		}
		return err
	}
}

// purgeInterval reads hours, or a number with one of the units ms, s, m, h, d.
func purgeInterval(c *Config, value string) error {
	const example = "autopurge.purgeInterval=24"
	units := []struct {
		suffix string
		unit   time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"", time.Hour}}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToLower(value), u.suffix)
		if !ok {
			continue
		}
		n, err := wholeNumber(strings.TrimSpace(number), "hours (or of ms, s, m, h, d)", example, 0, math.MaxInt64/int64(u.unit))
		if err == nil {
			c.Storage.PurgeInterval = time.Duration(n) * u.unit
		}
		return err
	}
	return nil // not reached: every string has the empty suffix
}

// boolean is a setter of true or false in any case; invert stores the opposite.
func boolean(field func(*Config) *bool, invert bool, example string) setter {
	return words(field, "true", "false", invert, example)
}

// yesNo is a setter of ZooKeeper's yes/no keys.
func yesNo(field func(*Config) *bool, example string) setter {
	return words(field, "yes", "no", false, example)
}

func words(field func(*Config) *bool, yes, no string, invert bool, example string) setter {
	return func(c *Config, value string) error {
		switch strings.ToLower(value) {
		case yes:
			*field(c) = !invert
		case no:
			*field(c) = invert
		default:
			return fmt.Errorf("neither %s nor %s; write e.g. %s", yes, no, example)
		}
		return nil
	}
}

// path is a setter of a file or directory name.
func path(field func(*Config) *string, example string) setter {
	return func(c *Config, value string) error {
		if value == "" || strings.ContainsRune(value, 0) {
			return fmt.Errorf("not a path; write e.g. %s", example)
		}
		*field(c) = value
		return nil
	}
}

// knownWords lists the four-letter words, sorted: ZooKeeper's and csnp.
func knownWords() []string {
	return []string{
		"conf", "cons", "crst", "csnp", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr",
		"ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
	}
}

// whitelist reads a comma list of four-letter words, * for all. Names that do
// not exist are ignored, as ZooKeeper does.
func whitelist(c *Config, value string) error {
	listed := map[string]bool{}
	for word := range strings.SplitSeq(value, ",") {
		listed[strings.TrimSpace(word)] = true
	}
	c.Words = c.Words[:0:0]
	for _, word := range knownWords() {
		if listed[word] || listed["*"] {
			c.Words = append(c.Words, word)
		}
	}
	return nil
}
