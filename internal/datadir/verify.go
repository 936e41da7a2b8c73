package datadir

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
)

// Verdict is the sum of what Verify found.
type Verdict string

// Verdicts, from good to bad.
const (
	Sound      Verdict = "sound"      // nothing is wrong
	Repairable Verdict = "repairable" // the next start repairs it, or a running server is at work
	Degraded   Verdict = "degraded"   // a server starts, but something is damaged
	Refused    Verdict = "refused"    // a server refuses to start
)

// Report is what Verify found.
type Report struct {
	DataDir  string
	Server   int64
	Verdict  Verdict
	Sentence string // what is wrong and what to do
	Findings []txnlog.Finding
}

// Fine reports whether a server can start without losing anything.
func (r *Report) Fine() bool { return r.Verdict == Sound || r.Verdict == Repairable }

// Verify proves a whole data directory: the chain of the log, its marks, the
// record of epochs, the snapshots with their digests. pause is that of
// txnlog.VerifyOptions.
func (p *Place) Verify(pause func()) (*Report, error) {
	r := &Report{DataDir: p.DataDir, Server: int64(p.Server)}
	found, err := txnlog.Verify(p.look, txnlog.VerifyOptions{Options: p.loading(), Live: true, Pause: pause})
	if err != nil {
		return nil, err
	}
	r.Findings = found
	serious := slices.IndexFunc(found, func(f txnlog.Finding) bool { return !f.Mends })
	switch {
	case len(found) == 0:
		r.Verdict, r.Sentence = Sound, "everything is intact"
	case serious < 0:
		r.Verdict = Repairable
		r.Sentence = fmt.Sprintf("nothing is lost: %s; the next start repairs it, or a running server is at work on it", found[0].What)
	default:
		f := found[serious]
		r.Verdict = Degraded
		if !p.starts() {
			r.Verdict = Refused
		}
		r.Sentence = fmt.Sprintf("%s: %s at offset %d: %s; %s; quorumd log recover tells what can be had of it",
			r.consequence(), f.File, f.Offset, f.What, f.Remedy)
	}
	return r, nil
}

// starts reports whether a server would start: recovery accepts the files, and
// finds a snapshot that makes a state.
func (p *Place) starts() bool {
	_, err := txnlog.Examine(p.look, p.loading())
	return err == nil
}

// loading is Options with the proof of each snapshot's state.
func (p *Place) loading() txnlog.Options {
	opt := p.Options()
	opt.Load = p.load
	return opt
}

func (r *Report) consequence() string {
	if r.Verdict == Refused {
		return "a server refuses to start on this"
	}
	return "a server starts, but a part is damaged"
}

// load reads the state of a snapshot, whose trailer holds its digest, and holds
// it against whose directory this is.
func (p *Place) load(r *txnlog.SnapshotReader) error {
	state, err := replica.LoadState(r.Next)
	if err != nil {
		return err
	}
	if got := state.Ensemble(); p.Ensemble != 0 && got != 0 && got != p.Ensemble {
		return fmt.Errorf("it is of ensemble %016x, this server's is %016x", got, p.Ensemble)
	}
	if state.Applied() != r.Info().At {
		return fmt.Errorf("the state is of %s, the file of %s", state.Applied(), r.Info().At)
	}
	return nil
}
