package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// copyDir copies a store's folder, which may be open: that is what a crash of
// the process leaves.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "LOCK" || e.Name() == lockName {
			continue
		}
		if err := copySparse(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// damages are the ways in which a file can suffer. Each gets the length of the
// part of the file that holds something.
var damages = map[string]func(path string, used int64) error{
	"missing":   func(path string, _ int64) error { return os.Remove(path) },
	"emptied":   func(path string, _ int64) error { return os.Truncate(path, 0) },
	"cut":       func(path string, used int64) error { return os.Truncate(path, used/2) },
	"cut short": func(path string, used int64) error { return os.Truncate(path, used-1) },
	"flipped":   func(path string, used int64) error { return flip(path, used/2) },
	"flipped at the end": func(path string, used int64) error {
		return flip(path, used-1)
	},
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 0x10
	_, err2 := f.WriteAt(b, at)
	return errors.Join(err, err2, f.Close())
}

func measured(t *testing.T, dir string) map[string]sealed {
	t.Helper()
	files, err := measure(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDamageToAClosedFolderIsFoundAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := measured(t, dir)
	classes := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		classes[filepath.Ext(name)] = true
		for _, how := range slices.Sorted(maps.Keys(damages)) {
			t.Run(name+" "+how, func(t *testing.T) {
				hurt := copyDir(t, dir)
				if err := damages[how](filepath.Join(hurt, name), files[name].Size); err != nil {
					t.Fatal(err)
				}
				before := measured(t, hurt)
				_, err := Open(hurt, Options{})
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), hurt) || !strings.Contains(err.Error(), name) {
					t.Fatalf("error %v, want ErrDamaged with folder and file", err)
				}
				if diff := cmp.Diff(before, measured(t, hurt)); diff != "" {
					t.Errorf("the folder was changed:\n%s", diff)
				}
			})
		}
	}
	for _, ext := range []string{".sst", ".vlog", ""} {
		if !classes[ext] {
			t.Errorf("no file of class %q was damaged", ext)
		}
	}
}

func TestForeignFilesInAClosedFolder(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "000099.sst")
	if err := os.WriteFile(table, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a strange table: %v", err)
	}
	if err := os.Rename(table, filepath.Join(dir, "readme.txt")); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, open(t, dir))
}

// TestDamageAfterACrash damages what a crash left. The store must then say
// so, or have lost nothing.
func TestDamageAfterACrash(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, dir)
	if err := s.Close(); err != nil { // so that there are tables
		t.Fatal(err)
	}
	s = open(t, dir)
	importAll(t, s, guide("D", "丁"))
	if _, err := s.Append(t.Context(), ByCitizen, Fact{Type: "feedback"}); err != nil {
		t.Fatal(err)
	}
	want := export(t, s)
	crashed := copyDir(t, dir)
	rng := rand.New(rand.NewPCG(3, 4))
	found := 0
	for name := range measured(t, crashed) {
		for round := range 6 {
			t.Run(fmt.Sprint(name, round), func(t *testing.T) {
				hurt := copyDir(t, crashed)
				how := hurtSomewhere(t, rng, filepath.Join(hurt, name))
				s, err := Open(hurt, Options{Reserve: -1})
				if errors.Is(err, ErrDamaged) {
					found++
					return
				}
				if err != nil {
					t.Fatalf("%s: %v, want ErrDamaged", how, err)
				}
				defer s.Close()
				report, err := s.Check(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if report.OK() && (export(t, s) != want || report.Facts != 5) {
					t.Errorf("%s: data is lost and nobody says so", how)
				}
			})
		}
	}
	if found == 0 {
		t.Error("no damage was found at all")
	}
	mustCheck(t, open(t, copyDir(t, crashed)))
}

// hurtSomewhere cuts the file or flips a bit, somewhere in what it holds.
func hurtSomewhere(t *testing.T, rng *rand.Rand, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := int64(len(strings.TrimRight(string(text), "\x00")))
	at := rng.Int64N(max(used, 1))
	if rng.IntN(3) == 0 {
		err = os.Truncate(path, at)
	} else {
		err = flip(path, at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s of %d bytes at %d", filepath.Base(path), used, at)
}

func TestALostWitnessIsNoDamage(t *testing.T) {
	for _, text := range []string{"", "nonsense\n", strings.Repeat("\x00", 51)} {
		dir := t.TempDir()
		if err := filled(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, headName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, open(t, dir))
	}
}

func TestAFolderOfAnotherLayoutIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.plant([]byte(layoutKey), []byte("99")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), "99") {
		t.Errorf("error %v, want ErrLayout", err)
	}
}

// TestCheckFinds changes single keys behind the store's back.
func TestCheckFinds(t *testing.T) {
	other := revision{edition: 1, number: 1, line: []byte(`{"code":"B","name":"改"}`)}
	tests := []struct {
		name string
		hurt func(txn *badger.Txn) error
		want string
	}{
		{"a record with other content", func(txn *badger.Txn) error { return txn.Set(revisionKey(key("B"), 1), other.encode()) }, "校验和"},
		{"a record under another key", func(txn *badger.Txn) error { return txn.Set(revisionKey(key("A"), 1), other.encode()) }, "内容是"},
		{"a record that is gone", func(txn *badger.Txn) error { return txn.Delete(revisionKey(key("B"), 1)) }, "没有对应的内容"},
		{"a record that nobody added", func(txn *badger.Txn) error { return txn.Set(revisionKey(key("Z"), 1), other.encode()) }, "没有登记的修改"},
		{"a record of no edition", func(txn *badger.Txn) error { return txn.Set(revisionKey(key("B"), 9), other.encode()) }, "没有发布"},
		{"a change that is gone", func(txn *badger.Txn) error { return txn.Delete(changeKey(1, key("B"))) }, "第 1 版"},
		{"a change of no edition", func(txn *badger.Txn) error {
			return txn.Set(changeKey(7, key("B")), changeOf(revision{}, other).encode())
		}, "不属于已发布的版本"},
		{"a change that is cut", func(txn *badger.Txn) error { return txn.Set(changeKey(1, key("B")), []byte("a")) }, "change of 1 bytes"},
		{"an edition that is gone", func(txn *badger.Txn) error { return txn.Delete(headerKey(1)) }, "版本不连续"},
		{"an edition that is no JSON", func(txn *badger.Txn) error { return txn.Set(headerKey(2), []byte("{")) }, "header of edition 2"},
		{"a fact that is gone", func(txn *badger.Txn) error { return txn.Delete(factKey(2)) }, "日志不连续"},
		{"a fact without a type", func(txn *badger.Txn) error { return txn.Set(factKey(3), []byte("{}")) }, "缺少类型"},
		{"a draft that is no record", func(txn *badger.Txn) error { return txn.Set(draftKey(key("C")), []byte(`{"line":"x"}`)) }, "JSON"},
		{"an audit entry that is gone", func(txn *badger.Txn) error { return txn.Delete(auditKey(2)) }, "审计记录不连续"},
		{"an audit entry that was changed", func(txn *badger.Txn) error { return forge(txn, 1, "") }, "第 1 条与散列链不符"},
		{"an audit entry that was changed and hashed anew", func(txn *badger.Txn) error { return forge(txn, 1, "hash") }, "第 2 条与散列链不符"},
		{"the last audit entry changed and hashed anew", func(txn *badger.Txn) error { return forge(txn, 3, "hash") }, "已确认的散列"},
		{"an audit log that is cut off", func(txn *badger.Txn) error { return txn.Delete(auditKey(3)) }, "应有 3 条，只有 2 条"},
		{"an account that is no JSON", func(txn *badger.Txn) error { return txn.Set(userKey("li"), []byte("{")) }, "u/li"},
		{"a document without an id", func(txn *badger.Txn) error { return txn.Set(docKey("gap", ""), nil) }, "文档无效"},
		{"a key of nobody", func(txn *badger.Txn) error { return txn.Set([]byte("x/1"), nil) }, "不属于任何数据"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := filled(t, t.TempDir())
			if err := s.db.Update(tt.hurt); err != nil {
				t.Fatal(err)
			}
			r, err := s.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.OK() || !strings.Contains(strings.Join(r.Findings, "\n"), tt.want) {
				t.Errorf("findings %q, want %q", r.Findings, tt.want)
			}
		})
	}
}

// forge puts another actor into an audit entry; with "hash" its hash is made
// to fit its content, as an intruder who knows the program would.
func forge(txn *badger.Txn, seq uint64, how string) error {
	prev, err := hashAt(txn, seq-1)
	if err != nil {
		return err
	}
	item, err := txn.Get(auditKey(seq))
	if err != nil {
		return err
	}
	var e AuditEntry
	if err := item.Value(func(v []byte) error { return json.Unmarshal(v, &e) }); err != nil {
		return err
	}
	e.Actor = "别人"
	if how == "hash" {
		e.Hash = e.sum(prev)
	}
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return txn.Set(auditKey(seq), value)
}

func TestReadersSayWhenRecordsAreMissing(t *testing.T) {
	s := filled(t, t.TempDir())
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Delete(revisionKey(key("B"), 1)) }); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, last = range s.All(2, corpus.TypeGuide) {
		continue
	}
	if !errors.Is(last, ErrDamaged) {
		t.Errorf("All ends with %v, want ErrDamaged", last)
	}
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Delete(changeKey(2, key("A"))) }); err != nil {
		t.Fatal(err)
	}
	for _, last = range s.Changes(1, 2) {
		continue
	}
	if !errors.Is(last, ErrDamaged) {
		t.Errorf("Changes ends with %v, want ErrDamaged", last)
	}
}

// plant writes past the store: what a faulty disk or an intruder may do.
func (s *Store) plant(key, value []byte) error {
	return s.db.Update(func(txn *badger.Txn) error {
		if value == nil {
			return txn.Delete(key)
		}
		return txn.Set(key, value)
	})
}
