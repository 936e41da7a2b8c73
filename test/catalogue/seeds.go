package catalogue

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// firstStep is how many seeds are run at first where the simulator cannot stop
// at a failure by itself; each further step doubles what was run.
const firstStep = 32

var failingSeed = regexp.MustCompile(`(?m)^seed ([0-9]+): (.*)$`)

// simulate builds the program with the mutant and asks the random simulator
// how many seeds it needs to see it.
func (r *Runner) simulate(ctx context.Context, res *Result, overlay, program string) error {
	ctx, cancel := context.WithTimeout(ctx, r.SeedTime)
	defer cancel()
	if out, err := r.command(ctx, "go", "build", "-overlay", overlay, "-o", program, "./cmd/quorumd"); err != nil {
		return fmt.Errorf("build for the simulator: %w:\n%s", err, tail(out))
	}
	help, err := r.command(ctx, program, "sim", "--help")
	if err != nil {
		return fmt.Errorf("ask the simulator for its flags: %w:\n%s", err, tail(help))
	}
	var flags []string
	step := firstStep
	if strings.Contains(help, "--until-failure") {
		flags, step = []string{"--until-failure"}, r.Seeds
	}
	for done := 0; done < r.Seeds; {
		n := min(step, r.Seeds-done)
		args := append([]string{"sim", "--seed", strconv.Itoa(done + 1), "--seeds", strconv.Itoa(n)}, flags...)
		out, err := r.command(ctx, program, args...)
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("seeds %d to %d took more than %s; allow more with -seedtime, or ask for fewer", done+1, done+n, r.SeedTime), ctx.Err())
		}
		if seed := lowestFailing(out); seed > 0 {
			res.Seeds = seed
			return nil
		}
		if err != nil {
			return fmt.Errorf("the simulator failed and names no seed: %w:\n%s", err, tail(out))
		}
		done += n
		step = done
	}
	res.Seeds, res.Beyond = r.Seeds, true
	return nil
}

// lowestFailing returns the lowest seed that the output calls failed, 0 for none.
func lowestFailing(out string) int {
	lowest := 0
	for _, m := range failingSeed.FindAllStringSubmatch(out, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || strings.HasPrefix(m[2], "ok") {
			continue
		}
		if lowest == 0 || n < lowest {
			lowest = n
		}
	}
	return lowest
}

// seedsText is how the number of seeds is written, "" when it is not known.
func (r *Result) seedsText() string {
	switch {
	case r.Seeds == 0:
		return ""
	case r.Beyond:
		return fmt.Sprintf(">%d", r.Seeds)
	}
	return strconv.Itoa(r.Seeds)
}

func (r *Result) seedsSuffix() string {
	if s := r.seedsText(); s != "" {
		return ", seeds " + s
	}
	return ""
}
