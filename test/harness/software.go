package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// ErrUnavailable is wrapped by the error of Software.Prepare when the program
// is not installed on this machine: a reason to skip, not to fail.
var ErrUnavailable = errors.New("not available here")

// Software is a server program of which ensembles can be made.
type Software interface {
	Name() string
	// Prepare makes the program ready to be started; it may be called often.
	Prepare() error
	// Command returns the command line that serves with the given zoo.cfg.
	Command(config string) *exec.Cmd
}

// Named returns the software of that name: "quorumd" or "zookeeper".
func Named(name string) (Software, error) {
	switch name {
	case "quorumd":
		return &quorumd, nil
	case "zookeeper":
		return &zookeeper, nil
	}
	return nil, fmt.Errorf("harness: no software %q; it is quorumd or zookeeper", name)
}

// Chosen returns the software that QUORUMD_TEST_SOFTWARE names, quorumd when unset.
func Chosen() (Software, error) {
	if name := os.Getenv("QUORUMD_TEST_SOFTWARE"); name != "" {
		return Named(name)
	}
	return &quorumd, nil
}

// quorumd and zookeeper are the two kinds of software, prepared at most once.
var (
	quorumd   quorumdSoftware
	zookeeper zookeeperSoftware
)

type quorumdSoftware struct {
	once   sync.Once
	binary string
	err    error
}

func (q *quorumdSoftware) Name() string { return "quorumd" }

func (q *quorumdSoftware) Prepare() error {
	q.once.Do(func() { q.binary, q.err = buildQuorumd() })
	return q.err
}

func (q *quorumdSoftware) Command(config string) *exec.Cmd {
	return exec.Command(q.binary, "serve", "--config", config)
}

// buildQuorumd compiles cmd/quorumd and returns the binary's path.
func buildQuorumd() (string, error) {
	if binary := os.Getenv("QUORUMD_TEST_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, "cmd", "quorumd")); err != nil {
		return "", fmt.Errorf("harness: quorumd: no cmd/quorumd in %s: %w", root, ErrUnavailable)
	}
	// One file for all test processes, so that none is left behind by each; it is
	// replaced in one step, since others may be starting servers from it.
	binary := filepath.Join(os.TempDir(), fmt.Sprintf("quorumd-test-%d", os.Getuid()), "quorumd")
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		return "", fmt.Errorf("harness: quorumd: %w", err)
	}
	mine := fmt.Sprintf("%s.%d", binary, os.Getpid())
	if err := compile(root, mine); err != nil {
		return "", err
	}
	if err := os.Rename(mine, binary); err != nil {
		return "", fmt.Errorf("harness: quorumd: %w", err)
	}
	return binary, nil
}

// Build compiles cmd/quorumd to a file of the caller's own, which nobody else
// replaces while servers are started from it; QUORUMD_TEST_BINARY is copied.
func Build(binary string) error {
	if given := os.Getenv("QUORUMD_TEST_BINARY"); given != "" {
		program, err := os.ReadFile(given)
		if err != nil {
			return fmt.Errorf("harness: quorumd: %w", err)
		}
		if err := os.WriteFile(binary, program, 0o700); err != nil {
			return fmt.Errorf("harness: quorumd: %w", err)
		}
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	return compile(root, binary)
}

func compile(root, binary string) error {
	build := exec.Command("go", "build", "-o", binary, "./cmd/quorumd")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("harness: go build ./cmd/quorumd: %w\n%s", err, text)
	}
	return nil
}

// moduleRoot is the nearest folder above the working directory with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("harness: no go.mod above the working directory; run inside the module, or set QUORUMD_TEST_BINARY: %w", ErrUnavailable)
		}
		dir = up
	}
}

// zookeeperClassPath is where Debian's package zookeeper puts its server, with
// a logger that writes to standard error.
const zookeeperClassPath = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"

type zookeeperSoftware struct{}

func (z *zookeeperSoftware) Name() string { return "zookeeper" }

func (z *zookeeperSoftware) classPath() string {
	if path := os.Getenv("QUORUMD_TEST_ZOOKEEPER"); path != "" {
		return path
	}
	return zookeeperClassPath
}

func (z *zookeeperSoftware) Prepare() error {
	if _, err := exec.LookPath("java"); err != nil {
		return fmt.Errorf("harness: zookeeper: no java in PATH: %w", ErrUnavailable)
	}
	jar, _, _ := strings.Cut(z.classPath(), ":")
	if _, err := os.Stat(jar); err != nil {
		return fmt.Errorf("harness: zookeeper: no %s (Debian: apt-get install zookeeper): %w", jar, ErrUnavailable)
	}
	return nil
}

func (z *zookeeperSoftware) Command(config string) *exec.Cmd {
	return exec.Command("java", "-Xmx1g", "-cp", z.classPath(),
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", config)
}
