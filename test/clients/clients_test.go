package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const scenarioLimit = time.Minute

// scenarios are the foreign clients. command returns how to run one, or why that
// is not possible on this machine.
var scenarios = []struct {
	name    string
	command func(t *testing.T) ([]string, error)
}{
	{"kazoo", kazoo},
	{"zkCli", zkCli},
	{"c", cClient},
	{"cli_mt", cliMT},
}

// TestScenarios runs every client through every member of one ensemble.
func TestScenarios(t *testing.T) {
	addrs := harness.Addresses(t)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			command, err := s.command(t)
			if err != nil {
				t.Skip(err)
			}
			for i, addr := range addrs {
				t.Run(fmt.Sprintf("server %d", i+1), func(t *testing.T) { play(t, command, addr) })
			}
		})
	}
}

// play runs one scenario against one server.
func play(t *testing.T, command []string, addr string) {
	ctx, cancel := context.WithTimeout(t.Context(), scenarioLimit)
	defer cancel()
	text, err := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), addr)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func kazoo(*testing.T) ([]string, error) {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import kazoo").Run() == nil {
			return []string{python, "kazoo_scenario.py"}, nil
		}
	}
	return nil, fmt.Errorf("no python3 with kazoo (Debian: apt-get install python3-kazoo)")
}

func zkCli(*testing.T) ([]string, error) {
	client := os.Getenv("ZKCLI")
	if client == "" {
		client = "/usr/share/zookeeper/bin/zkCli.sh"
	}
	if _, err := os.Stat(client); err != nil {
		return nil, fmt.Errorf("no zkCli.sh (Debian: apt-get install zookeeper; elsewhere set ZKCLI): %w", err)
	}
	return []string{"./zkcli_scenario.sh"}, nil
}

func cliMT(*testing.T) ([]string, error) {
	client := os.Getenv("CLI_MT")
	if client == "" {
		client = "/usr/lib/zookeeper/bin/cli_mt"
	}
	if _, err := os.Stat(client); err != nil {
		return nil, fmt.Errorf("no cli_mt (Debian: apt-get install zookeeper-bin; elsewhere set CLI_MT): %w", err)
	}
	return []string{"./climt_scenario.sh"}, nil
}

func cClient(t *testing.T) ([]string, error) {
	if _, err := exec.LookPath("gcc"); err != nil {
		return nil, err
	}
	if _, err := os.Stat("/usr/include/zookeeper/zookeeper.h"); err != nil {
		return nil, fmt.Errorf("no C client library (Debian: apt-get install libzookeeper-mt-dev): %w", err)
	}
	binary := filepath.Join(t.TempDir(), "scenario")
	text, err := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-o", binary, "c/scenario.c", "-lzookeeper_mt", "-lpthread").CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	return []string{binary}, nil
}
