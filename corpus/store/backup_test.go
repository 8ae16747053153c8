package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/govqa/govqa/corpus"
)

// filled is a store with a little of everything.
func filled(t testing.TB, dir string) *Store {
	t.Helper()
	s := open(t, dir)
	importAll(t, s, guide("A", "甲"), guide("B", "乙"),
		&corpus.Policy{Type: corpus.TypePolicy, ID: "P", Title: "长文", Text: string(bytes.Repeat([]byte("条"), 40_000))})
	importAll(t, s, guide("A", "甲二"))
	if _, err := s.SaveDraft(t.Context(), "编辑", Edit{Record: guide("C", "丙")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), ByCitizen, Fact{Type: "feedback"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func backupOf(t testing.TB, s *Store) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Backup(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRestoreGivesBackEverything(t *testing.T) {
	s := filled(t, t.TempDir())
	copied := backupOf(t, s)
	dir := filepath.Join(t.TempDir(), "deep", "store")
	info, err := Restore(t.Context(), bytes.NewReader(copied), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if info.Sum != s.Current().Sum || info.Number != 2 {
		t.Errorf("restored %+v", info)
	}
	r := open(t, dir)
	if export(t, r) != export(t, s) {
		t.Error("the exports differ")
	}
	if !bytes.Equal(backupOf(t, r), copied) {
		t.Error("the backup of the restored store differs")
	}
	if _, err := os.Stat(dir + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary folder: %v", err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(copied), dir, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("restoring over a store: %v", err)
	}
}

func TestBackupWhileServing(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "0"))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			files := []File{{"f", rows(guide("A", fmt.Sprint(i)), guide(fmt.Sprint("B", i), "乙"))}}
			if _, err := s.Import(context.Background(), files, ImportOptions{Actor: "测试"}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		before := s.Edition()
		copied := backupOf(t, s)
		dir := filepath.Join(t.TempDir(), "store")
		info, err := Restore(t.Context(), bytes.NewReader(copied), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if info.Number < before {
			t.Errorf("backup of edition %d began at %d", info.Number, before)
		}
		var want, got bytes.Buffer
		if err := s.Export(&want, info.Number); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir)
		if err := r.Export(&got, info.Number); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("edition %d differs after restoring", info.Number)
		}
	}
	stop()
	wg.Wait()
}

func TestDamagedBackupsAreRefused(t *testing.T) {
	whole := backupOf(t, filled(t, t.TempDir()))
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x20
		return b
	}
	tests := []struct {
		name string
		file []byte
		want error
	}{
		{"empty", nil, ErrBackup},
		{"something else", []byte("{\"code\":\"A\"}\n"), ErrBackup},
		{"cut in the middle", whole[:len(whole)/2], ErrBackup},
		{"cut by one byte", whole[:len(whole)-1], ErrBackup},
		{"without its checksum", whole[:len(whole)-32], ErrBackup},
		{"with something behind", append(bytes.Clone(whole), '\n'), ErrBackup},
		{"a bit of a record is wrong", flip(len(whole) / 2), ErrBackup},
		{"a bit of the checksum is wrong", flip(len(whole) - 3), ErrBackup},
		{"a bit of the edition is wrong", flip(len(backupMagic) + 15), ErrBackup},
		{"of another layout", flip(len(backupMagic) + 7), ErrLayout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if _, err := Restore(t.Context(), bytes.NewReader(tt.file), dir, nil); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			left, err := filepath.Glob(dir + "*")
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestRestoreRemovesOnlyItsOwnTemporaryFolder(t *testing.T) {
	copied := backupOf(t, filled(t, t.TempDir()))
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir+".tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	photo := filepath.Join(dir+".tmp", "photo.jpg")
	if err := os.WriteFile(photo, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(copied), dir, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("error %v, want ErrNotEmpty", err)
	}
	if err := os.Rename(photo, filepath.Join(dir+".tmp", restoring)); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(copied), dir, nil); err != nil {
		t.Errorf("over what an interrupted restore left: %v", err)
	}
}

// readWhole reads a backup that is all there is.
func readWhole(r io.Reader, set func(key, value []byte) error) error {
	br := bufio.NewReader(r)
	err := ReadDump(br, backupMagic, firstLayout, layoutNumber, set)
	if err == nil {
		err = RequireEnd(br)
	}
	return err
}

func FuzzReadBackup(f *testing.F) {
	whole := backupOf(f, filled(f, f.TempDir()))
	f.Add([]byte(backupMagic))
	f.Add(whole[:200])
	short := whole[:len(backupMagic)+16]
	f.Add(append(bytes.Clone(short), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := readWhole(bytes.NewReader(b), func(key, value []byte) error {
			n += len(key) + len(value)
			return nil
		})
		if n > len(b) {
			t.Errorf("%d bytes out of %d", n, len(b))
		}
		if err == nil && len(b) > 0 {
			b[len(b)/2] ^= 1
			if readWhole(bytes.NewReader(b), func(_, _ []byte) error { return nil }) == nil {
				t.Error("a changed backup is accepted")
			}
		}
	})
}
