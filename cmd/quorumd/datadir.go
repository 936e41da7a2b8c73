package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/internal/datadir"
	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// exitDamage: the command did its work and found damage.
const exitDamage = 3

// damageError says that damage was found, which the output tells.
type damageError struct{ error }

// errDamage is what a command returns that has printed what is damaged.
var errDamage = damageError{errors.New("damage was found")}

const offlineExits = `
Exit codes: 0 done, nothing is damaged; 1 it could not be done; 2 wrong
arguments; 3 damage was found.`

// placeOptions are the flags of every command that looks at a data directory.
type placeOptions struct {
	logDir string
	config string
	output string
}

func (o *placeOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.logDir, "log-dir", "", "the log's directory, where dataLogDir is another than dataDir")
	f.StringVarP(&o.config, "config", "c", "", "the zoo.cfg that names the directories, instead of DIR")
	o.bindOutput(cmd)
}

func (o *placeOptions) bindOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json, one object a line")
}

func (o *placeOptions) json() bool { return o.output == "json" }

func (o *placeOptions) check() error {
	if o.output != "text" && o.output != "json" {
		return invalid("--output %s: write text or json", o.output)
	}
	return nil
}

// find finds the directory that an argument or --config names.
func (o *placeOptions) find(args []string) (*datadir.Place, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	logDir := o.logDir
	var dir string
	switch {
	case len(args) == 1 && o.config == "":
		dir = args[0]
	case len(args) == 0 && o.config != "":
		c, _, err := config.Load(o.config, nil)
		if err != nil {
			return nil, err
		}
		dir = c.DataDir
		if logDir == "" && c.DataLogDir != c.DataDir {
			logDir = c.DataLogDir
		}
	default:
		return nil, invalid("name the data directory, or give --config zoo.cfg, one of the two")
	}
	p, err := datadir.Find(vfs.OS, dir, logDir)
	if errors.Is(err, datadir.ErrPlace) {
		return nil, invocationError{err}
	}
	return p, err
}

// parseZxid reads a zxid as quorumd and ZooKeeper's tools print it.
func parseZxid(flag, text string) (zab.Zxid, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "0x"), 16, 64)
	if err != nil || n < 0 {
		return 0, invalid("%s %s: no zxid; write it in hexadecimal, e.g. 0x100000005", flag, text)
	}
	return zab.Zxid(n), nil
}

// printer writes lines, buffered; the first error ends it.
type printer struct {
	w    *bufio.Writer
	json bool
}

func newPrinter(w io.Writer, json bool) *printer {
	return &printer{bufio.NewWriterSize(w, 64<<10), json}
}

// put writes v as JSON, or the line as text.
func (p *printer) put(v any, format string, args ...any) error {
	if p.json {
		return printJSON(p.w, v)
	}
	_, err := fmt.Fprintf(p.w, format+"\n", args...)
	return err
}

// flush adds the error of what was not written yet.
func (p *printer) flush(err error) error {
	if ferr := p.w.Flush(); err == nil {
		return ferr
	}
	return err
}

// progressEvery is the time between two pictures of a progress bar.
const progressEvery = 200 * time.Millisecond

// progress shows on a terminal how much of size was read, until the function
// it returns is called.
func progress(w io.Writer, read func() int64, size int64) func() {
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) || size == 0 {
		return func() {}
	}
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(w, "\r%s", bar(read(), size))
			case <-quit:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	})
	return func() { close(quit); done.Wait() }
}

// bar draws how much of size is done.
func bar(done, size int64) string {
	const width = 30
	share := min(float64(done)/float64(size), 1)
	full := int(share * width)
	return fmt.Sprintf("[%s%s] %3.0f%% of %d MiB", strings.Repeat("#", full), strings.Repeat(" ", width-full), 100*share, size>>20)
}

// confirm asks before something is lost. Where nobody can be asked, --yes is
// needed.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s Type yes to go on: ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was changed; answer yes, or give --yes")
	}
	return nil
}
