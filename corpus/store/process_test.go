//go:build linux

package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govqa/govqa/corpus"
)

// These tests need another process: one that holds the folder, is killed, or
// runs out of disk. It is the test binary itself, told by the environment
// what to be.
const (
	childRole = "GOVQA_STORE_CHILD"
	childDir  = "GOVQA_STORE_DIR"
)

func TestMain(m *testing.M) {
	roles := map[string]func(dir string) error{
		"hold":   childHolds,
		"write":  childWrites,
		"fill":   childFills,
		"rlimit": childFillsToItsLimit,
	}
	role := roles[os.Getenv(childRole)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(childDir)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startChild(t *testing.T, role, dir string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
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
	c := &child{cmd, in, bufio.NewScanner(out)}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			c.kill()
		}
	})
	return c
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // "signal: killed"
}

// childHolds opens the folder until its input ends.
func childHolds(dir string) error {
	s, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, s.Close())
}

func TestASecondProcessIsTold(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "hold", dir)
	if !c.out.Scan() || c.out.Text() != "ready" {
		t.Fatalf("child says %q", c.out.Text())
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v, want ErrLocked", err)
	}
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("in the same process: %v, want ErrLocked", err)
	}
	mustCheck(t, s)
}

const killRecords = 3000 // several transactions an edition

// childWrites publishes editions, each giving all records its number as name,
// appends facts and changes a document, saying what was acknowledged.
func childWrites(dir string) error {
	s, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		return err
	}
	errs := make(chan error)
	go func() { errs <- childAppends(s) }()
	go func() { errs <- childImports(s) }()
	go func() { errs <- childCounts(s) }()
	return <-errs
}

// childCounts counts in a working document; each step is audited.
func childCounts(s *Store) error {
	for n := 1; ; n++ {
		err := s.PutDoc(bg(), "编辑", "count", "n", func(old []byte) ([]byte, error) {
			was, err := strconv.Atoi("0" + string(old))
			return strconv.AppendInt(nil, int64(was+1), 10), err
		})
		if err != nil {
			return err
		}
		fmt.Printf("audit %d\n", s.AuditHead().Seq)
	}
}

func childAppends(s *Store) error {
	for {
		seq, err := s.Append(bg(), ByCitizen, Fact{Type: "asked"})
		if err != nil {
			return err
		}
		fmt.Printf("fact %d\n", seq)
	}
}

func childImports(s *Store) error {
	for {
		e := s.Edition() + 1
		var err error
		if e%4 == 0 {
			_, err = s.Rollback(bg(), "编辑", e-2, "")
		} else {
			_, err = s.Import(bg(), []File{{"f", sameName(fmt.Sprint(e), killRecords)}}, ImportOptions{Actor: "测试"})
		}
		if err != nil {
			return err
		}
		fmt.Printf("edition %d\n", e)
	}
}

func TestKilledWhileWriting(t *testing.T) {
	rounds := 5
	if v := os.Getenv("GOVQA_KILL_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		rounds = 1
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for range rounds {
		acked := writeAndKill(t, dir, rng)
		s, err := Open(dir, Options{Reserve: -1})
		if err != nil {
			t.Fatal(err)
		}
		mustCheck(t, s)
		requireWhole(t, s)
		facts, err := s.lastFact()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("acknowledged %+v, found edition %d and fact %d", acked, s.Edition(), facts)
		requireAudited(t, s)
		if s.Edition() < acked.edition || facts < acked.seq || s.AuditHead().Seq < acked.audit.Seq {
			t.Fatalf("acknowledged %+v, found edition %d and fact %d", acked, s.Edition(), facts)
		}
		if rng.IntN(2) == 0 { // the next child finds a sealed folder, or one that is not
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, sealName)); err != nil {
			t.Fatal(err)
		}
	}
}

// writeAndKill kills a child some facts after it has published some editions.
func writeAndKill(t *testing.T, dir string, rng *rand.Rand) (acked head) {
	t.Helper()
	c := startChild(t, "write", dir)
	editions, facts := rng.IntN(4), rng.IntN(60)
	for (editions > 0 || facts > 0) && c.out.Scan() {
		var n uint64
		if _, err := fmt.Sscanf(c.out.Text(), "fact %d", &n); err == nil {
			acked.seq = n
			if editions <= 0 {
				facts--
			}
			continue
		}
		if _, err := fmt.Sscanf(c.out.Text(), "audit %d", &n); err == nil {
			acked.audit.Seq = max(acked.audit.Seq, n)
			continue
		}
		if _, err := fmt.Sscanf(c.out.Text(), "edition %d", &n); err != nil {
			t.Fatalf("child says %q", c.out.Text())
		}
		acked.edition = corpus.Edition(n)
		editions--
	}
	c.kill()
	return acked
}

// requireAudited checks that there are as many entries of the audit log as
// changes: none without the other, whenever the process was killed.
func requireAudited(t *testing.T, s *Store) {
	t.Helper()
	counted, editions := 0, 0
	for e, err := range s.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Action == "count":
			counted++
		case strings.HasPrefix(e.Action, "edition."):
			editions++
		}
	}
	value, err := s.Doc("count", "n")
	if n, _ := strconv.Atoi("0" + string(value)); err != nil || n != counted || corpus.Edition(editions) != s.Edition() {
		t.Fatalf("counted to %s with %d entries, %d editions with %d, %v", value, counted, s.Edition(), editions, err)
	}
}

// requireWhole checks that every record of the current edition is of one
// publication.
func requireWhole(t *testing.T, s *Store) {
	t.Helper()
	have := map[string]int{}
	for _, name := range names(t, s, s.Edition()) {
		have[name]++
	}
	if s.Edition() == 0 {
		return
	}
	if len(have) != 1 {
		t.Fatalf("edition %d is mixed: %v", s.Edition(), have)
	}
	for name, n := range have {
		if n != killRecords {
			t.Fatalf("edition %d has %d records named %s", s.Edition(), n, name)
		}
	}
}

// fillUp imports until the disk is full and then looks whether the store can
// still be read and refuses more.
func fillUp(s *Store) error {
	for i := range 200 {
		_, err := s.Import(bg(), []File{{"f", longRecords(fmt.Sprint(i), 2000)}}, ImportOptions{Actor: "测试"})
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDiskFull) {
			return fmt.Errorf("import: %w", err)
		}
		// What was taken back may have made room.
		if _, err := s.Append(bg(), ByCitizen, Fact{Type: "x"}); err != nil && !errors.Is(err, ErrDiskFull) {
			return fmt.Errorf("append on a full disk: %w", err)
		}
		for _, err := range s.All(s.Edition(), "") {
			if err != nil && !errors.Is(err, ErrStopped) {
				return err
			}
		}
		fmt.Printf("full at %d\n", s.Edition())
		return nil
	}
	return errors.New("the disk never became full")
}

// childFills writes with the production's guard.
func childFills(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	return errors.Join(fillUp(s), readAll(s), s.Close())
}

// readAll reads what is published: the guard leaves badger whole.
func readAll(s *Store) error {
	for _, err := range s.All(s.Edition(), "") {
		if err != nil {
			return err
		}
	}
	return nil
}

// childFillsToItsLimit runs into EFBIG where the guard sees nothing coming.
func childFillsToItsLimit(dir string) error {
	s, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: unix.RLIM_INFINITY}); err != nil {
		return err
	}
	if err := fillUp(s); err != nil {
		return err
	}
	if _, err := s.SaveDraft(bg(), "编辑", Edit{Record: guide("A", "甲")}); !errors.Is(err, ErrReadOnly) || !errors.Is(err, ErrDiskFull) {
		return fmt.Errorf("draft after a cut write: %w", err)
	}
	if err := s.Close(); err != nil && !errors.Is(err, ErrDiskFull) {
		return err
	}
	return nil
}

func TestDiskFull(t *testing.T) {
	t.Run("the file system is nearly full", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=330m"); err != nil {
			t.Skipf("no small file system: %v", err)
		}
		defer func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		}()
		fillAndReopen(t, "fill", filepath.Join(dir, "store"))
	})
	t.Run("a file cannot grow", func(t *testing.T) {
		fillAndReopen(t, "rlimit", t.TempDir())
	})
}

func fillAndReopen(t *testing.T, role, dir string) {
	t.Helper()
	c := startChild(t, role, dir)
	var at uint64
	for c.out.Scan() {
		if _, err := fmt.Sscanf(c.out.Text(), "full at %d", &at); err != nil {
			t.Fatalf("child says %q", c.out.Text())
		}
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	if uint64(s.Edition()) < at {
		t.Errorf("edition %d, was %d", s.Edition(), at)
	}
	mustCheck(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
