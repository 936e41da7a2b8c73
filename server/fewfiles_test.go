package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/server/clientport"
)

// fewFilesServer in the environment turns the test binary into a server alone,
// with its data in that directory. It does what it is told line by line:
//
//	open        opens the server; told again once it is open: the address
//	careless    opens it without the check of its descriptors
//	leave N     lowers the limit of open files to N more than are open
//	tell        its CPU time in ms, and the accepts that failed or were refused
const fewFilesServer = "SERVER_TEST_FEW_FILES"

// fewFilesAnswer is the answer to every line.
type fewFilesAnswer struct {
	Err     string
	Few     bool // Err is ErrFewDescriptors
	Limit   uint64
	Addr    string
	CPU     int64 // ms
	Refused int64
}

func runFewFiles() int {
	var s *Server
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var a fewFilesAnswer
		var err error
		word, arg, _ := strings.Cut(in.Text(), " ")
		switch word {
		case "open", "careless":
			cfg := testConfig(os.Getenv(fewFilesServer), zerolog.New(os.Stderr).Level(zerolog.InfoLevel))
			cfg.SkipDescriptorCheck = word == "careless"
			if s, err = Open(cfg); err == nil {
				a.Addr = s.ClientAddr().String()
			}
		case "leave":
			var n int64
			_, err = fmt.Sscan(arg, &n)
			open, _ := clientport.Descriptors()
			limit := syscall.Rlimit{Cur: uint64(open + n), Max: uint64(open + n)}
			err = errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
		}
		var r syscall.Rlimit
		var u syscall.Rusage
		err = errors.Join(err, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r), syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		a.Limit, a.CPU = r.Cur, (u.Utime.Nano()+u.Stime.Nano())/1e6
		if s != nil && err == nil {
			a.Refused = s.port.NoDescriptor()
		}
		if err != nil {
			a.Err, a.Few = err.Error(), errors.Is(err, ErrFewDescriptors)
		}
		if out.Encode(a) != nil {
			return 1
		}
	}
	if s != nil {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		if s.Close(ctx) != nil {
			return 1
		}
	}
	return 0
}

// fewFiles is the process.
type fewFiles struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// startFewFiles starts it with a soft and a hard limit of open files.
func startFewFiles(t *testing.T, soft, hard int) *fewFiles {
	t.Helper()
	script := fmt.Sprintf(`ulimit -Sn %d && ulimit -Hn %d && exec "$0"`, soft, hard)
	cmd := exec.Command("sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), fewFilesServer+"="+t.TempDir())
	cmd.Stderr = &testWriter{t: t}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server's process: %v", err)
		}
	})
	return &fewFiles{t, cmd, in, json.NewDecoder(out)}
}

func (f *fewFiles) do(line string) fewFilesAnswer {
	f.t.Helper()
	if _, err := fmt.Fprintln(f.in, line); err != nil {
		f.t.Fatal(err)
	}
	var a fewFilesAnswer
	if err := f.out.Decode(&a); err != nil {
		f.t.Fatal(err)
	}
	return a
}

// TestSoftLimitIsRaised: what counts is the hard limit; the runtime raises the
// soft one to it, or to one less, by which it knows later that it did.
func TestSoftLimitIsRaised(t *testing.T) {
	if a := startFewFiles(t, 64, 512).do("open"); a.Err != "" || a.Limit < 511 {
		t.Errorf("%+v", a)
	}
}

// TestTooFewDescriptors: the server does not start below its need, and says what
// it needs; it does where that is wanted.
func TestTooFewDescriptors(t *testing.T) {
	f := startFewFiles(t, 100, 100)
	if a := f.do("open"); !a.Few || !strings.Contains(a.Err, "limit of open files is 100, needed are clients 64 + ") {
		t.Fatalf("%+v", a)
	}
	a := f.do("careless")
	if a.Err != "" {
		t.Fatalf("%+v", a)
	}
	c := dialClient(t, a.Addr)
	create(t, c, "/a", []byte("1"))
	c.Close()
}

// TestStormWithoutDescriptors: the limit is lowered under the server, and clients
// storm it. Who is connected is served; the accept loop waits and does not spin;
// when the storm is over, clients are let in again.
func TestStormWithoutDescriptors(t *testing.T) {
	f := startFewFiles(t, 512, 512)
	a := f.do("open")
	if a.Err != "" {
		t.Fatalf("%+v", a)
	}
	inside := dialClient(t, a.Addr)
	create(t, inside, "/a", []byte("1"))
	f.do("leave 4")
	var storm []net.Conn
	for range 60 {
		if nc, err := net.DialTimeout("tcp", a.Addr, time.Second); err == nil {
			storm = append(storm, nc)
		}
	}
	eventually(t, "an accept that fails", func() bool { return f.do("tell").Refused > 0 })
	before, began := f.do("tell"), time.Now()
	pace := time.NewTicker(20 * time.Millisecond) // so that what is measured is the storm
	defer pace.Stop()
	for round := range 100 {
		<-pace.C
		if _, err := inside.Set("/a", []byte("2"), -1); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	after := f.do("tell")
	// The back-off reaches a second after seven attempts.
	if n := after.Refused - before.Refused; n > 20 {
		t.Errorf("%d attempts to accept in %v", n, time.Since(began))
	}
	if cpu := after.CPU - before.CPU; cpu > time.Since(began).Milliseconds()/2 {
		t.Errorf("%d ms of CPU time in %v", cpu, time.Since(began))
	}
	t.Logf("%d attempts to accept, %d ms of CPU time in %v", after.Refused-before.Refused, after.CPU-before.CPU, time.Since(began))
	for _, nc := range storm {
		nc.Close()
	}
	again := dialClient(t, a.Addr)
	expect(t, again, "/a", "2")
	again.Close()
	inside.Close()
}
