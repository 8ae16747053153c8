package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/govqa/govqa/corpus"
)

// Some tests need another process: one that is killed, or that serves the
// folder. It is the test binary itself, told by the environment what to be.
const (
	childRole = "GOVQA_TEST_ROLE"
	childData = "GOVQA_TEST_DATA"
	childNext = "GOVQA_TEST_NEXT"
)

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(runTests(m))
	case "govqa":
		main()
	case "publish":
		err = publishAgainAndAgain(os.Getenv(childData))
	case "import":
		var next uint64
		if next, err = strconv.ParseUint(os.Getenv(childNext), 10, 64); err == nil {
			err = importAgainAndAgain(os.Getenv(childData), corpus.Edition(next))
		}
	default:
		err = fmt.Errorf("no role %q", role)
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(3)
}

// shared holds what tests copy rather than make again.
var shared struct {
	dir      string
	imported sync.Once
	opened   sync.Once
	app      *app // of the sample corpus, for stories
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "govqa-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.dir = dir
	code := m.Run()
	if shared.app != nil {
		if err := shared.app.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// imported is a data folder with the guides as its first edition.
func imported(t *testing.T) string {
	t.Helper()
	once := filepath.Join(shared.dir, "imported")
	shared.imported.Do(func() {
		must(t, "import", "-data", once, write(t, "事项.jsonl", guides(t)...))
	})
	return copied(t, once)
}

// copied is a copy of a data folder that no process has open.
func copied(t *testing.T, from string) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return data
}

// child makes a process of the test binary that plays a role. One that still
// runs at the end of the test is killed.
func child(t *testing.T, role string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), childRole+"="+role), env...)
	cmd.Stderr = os.Stderr
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // "signal: killed"
		}
	})
	return cmd
}

// ran is what one command line came to.
type ran struct {
	code     int
	out, err string
}

// govqa runs a command line in this process.
func govqa(t *testing.T, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, &out, &errs)
	return ran{code, out.String(), errs.String()}
}

// must runs a command line that has to succeed and returns what it prints.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := govqa(t, args...)
	if r.code != exitOK {
		t.Fatalf("govqa %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a command line that has to fail with one line on standard error,
// as the contract words it, and returns both streams.
func fails(t *testing.T, args ...string) ran {
	t.Helper()
	r := govqa(t, args...)
	if r.code != exitFailed {
		t.Fatalf("govqa %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, exitFailed, r.out, r.err)
	}
	last := r.err[strings.LastIndex(strings.TrimSuffix(r.err, "\n"), "\n")+1:]
	if !strings.HasPrefix(last, "govqa: ") || strings.Count(last, ": ") < 2 || !strings.HasSuffix(last, "\n") {
		t.Errorf("govqa %s: last line of standard error is %q, want govqa: what: why", strings.Join(args, " "), last)
	}
	return r
}

// write makes a file of lines and returns its path.
func write(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// line is a guide of the import format with some more of its keys.
func line(t *testing.T, code, name string, more map[string]any) string {
	t.Helper()
	m := map[string]any{"code": code, "name": name}
	maps.Copy(m, more)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// want reports what text lacks, and what it must not say but does.
func want(t *testing.T, text string, has []string, hasNot ...string) {
	t.Helper()
	for _, s := range has {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in:\n%s", s, text)
		}
	}
	for _, s := range hasNot {
		if strings.Contains(text, s) {
			t.Errorf("%q in:\n%s", s, text)
		}
	}
}

// tree is the content of every file below a folder, by name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		files[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
