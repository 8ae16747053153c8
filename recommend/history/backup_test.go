package history

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus/store"
)

func backedUp(t *testing.T, s *Store) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Backup(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A copy that is made while events come in holds a whole moment: its counts
// are those of its events, and what was acknowledged before is in it.
func TestBackupAndRestore(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.CheckpointEvents = 50 })
	for i := range 200 {
		add(t, s, did("u1", "M-"+string(rune('A'+i%20)), "finish", i))
	}
	if _, err := s.Personalize(t.Context(), "u2", func(p *Profile) { p.Region = "440106" }); err != nil {
		t.Fatal(err)
	}
	if err := s.Succeed(t.Context(), "M-A", "M-Z"); err != nil {
		t.Fatal(err)
	}
	var busy sync.WaitGroup
	busy.Go(func() {
		for i := range 100 {
			add(t, s, did("u3", "M-B", "finish", i))
		}
	})
	backup := backedUp(t, s)
	busy.Wait()

	dir := filepath.Join(t.TempDir(), "history")
	if err := Restore(t.Context(), bufio.NewReader(bytes.NewReader(backup)), dir, testOptions()); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	clean(t, r)
	for _, subject := range []string{"u1", "u2"} {
		want, err := s.Export(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Export(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", subject, diff)
		}
	}
	if again := add(t, r, did("u1", "M-A", "finish", 0)); again.Repeated != 1 {
		t.Errorf("an event of the backup is taken again: %+v", again)
	}
}

func TestRestoreOfADamagedBackup(t *testing.T) {
	s := open(t, t.TempDir())
	add(t, s, did("u1", "M-A", "finish", 1))
	whole := backedUp(t, s)
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for why, b := range map[string][]byte{"cut off": whole[:len(whole)-1], "one bit": flipped, "nothing": nil, "something else": []byte("hello")} {
		err := Restore(t.Context(), bufio.NewReader(bytes.NewReader(b)), t.TempDir(), testOptions())
		if !errors.Is(err, store.ErrBackup) && !errors.Is(err, store.ErrLayout) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// A folder that was closed is as it was closed, or is not opened.
func TestSeal(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, did("u1", "M-A", "finish", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	good, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(good)
	bad[len(bad)/3] ^= 1
	if err := os.WriteFile(tables[0], bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testOptions()); !errors.Is(err, ErrDamaged) || !errors.Is(err, store.ErrDamaged) {
		t.Errorf("one bit of a table is flipped: %v", err)
	}
	if err := os.WriteFile(tables[0], good, 0o600); err != nil {
		t.Fatal(err)
	}
	clean(t, open(t, dir))
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	add(t, s, did("u1", "M-A", "finish", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full := open(t, dir, func(o *Options) { o.Reserve = 1 << 60 })
	if _, err := full.Append(t.Context(), []Event{did("u1", "M-B", "finish", 1)}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("append: %v", err)
	}
	if err := full.Writable(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("writable: %v", err)
	}
	if x, err := full.Export(t.Context(), "u1"); err != nil || len(x.Events) != 1 {
		t.Errorf("read: %+v, %v", x, err)
	}
	if err := full.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	add(t, open(t, dir), did("u1", "M-B", "finish", 1))
}
