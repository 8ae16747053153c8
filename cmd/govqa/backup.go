package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/recommend/history"
)

// The form of a backup of a data folder: the magic, then parts, each behind a
// line that names it, and the line "end".
//
//	file NAME LENGTH   the bytes of a key, then their SHA-256
//	history            a backup of recommend/history
//	store              a backup of corpus/store
//
// History comes before the store: a matter that it knows is then known to the
// store too, and never the other way round. A backup of the store alone, as
// versions before this one wrote it, can be restored as well.
const backupMagic = "govqa backup 2\n"

// keyFiles are the keys of a data folder. Without that of subjects histories
// belong to nobody any more; without that of states conversations and the
// receipts of messages end.
func keyFiles(data string) []string { return []string{stateFile(data), subjectFile(data)} }

const maxKeyFile = 4 << 10

// backupOf writes a backup of a data folder whose parts are open; past is nil
// where nothing is kept of what people did. It holds all that the store does,
// so that actor has taken it is audited first.
func backupOf(ctx context.Context, actor string, w io.Writer, data string, past *history.Store, s *store.Store) error {
	if err := s.Audit(ctx, actor, "backup", "", ""); err != nil {
		return err
	}
	if _, err := io.WriteString(w, backupMagic); err != nil {
		return err
	}
	for _, path := range keyFiles(data) {
		key, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		sum := sha256.Sum256(key)
		if _, err := fmt.Fprintf(w, "file %s %d\n%s%s", filepath.Base(path), len(key), key, sum[:]); err != nil {
			return err
		}
	}
	if past != nil {
		if _, err := io.WriteString(w, "history\n"); err != nil {
			return err
		}
		if err := past.Backup(ctx, w); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "store\n"); err != nil {
		return err
	}
	if err := s.Backup(ctx, w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "end\n")
	return err
}

// backup writes a consistent copy of everything.
func backup(ctx context.Context, c *call) error {
	return writeOut(ctx, c, "/backup?"+url.Values{"actor": {actor()}}.Encode(), func(s *store.Store, w io.Writer) error {
		var past *history.Store
		if _, err := os.Stat(historyDir(c.data)); err == nil {
			if past, err = openHistory(c.data, -1, logTo(c.err)); err != nil { // nothing is taken away by copying
				return err
			}
		}
		err := backupOf(ctx, actor(), w, c.data, past, s)
		if past != nil {
			err = errors.Join(err, past.Close())
		}
		return err
	})
}

// restore builds a data folder from a backup.
func restore(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	f, err := os.Open(c.args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	if err := requireNew(c.data); err != nil {
		return err
	}
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return err
	}
	got := restored{others: []string{"这份备份是旧格式，不含办事经历和密钥"}}
	if magic, _ := r.Peek(len(backupMagic)); string(magic) == backupMagic {
		got, err = restoreParts(ctx, c, r)
	} else { // of the store alone, or no backup at all
		got.store, err = store.Restore(ctx, r, storeDir(c.data), logTo(c.err))
	}
	if err != nil {
		return err
	}
	s, err := openExisting(c)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Audit(ctx, actor(), "restore", fmt.Sprint(got.store.Number), filepath.Base(c.args[0])), s.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "已恢复到第 %d 版（%s 发布）；%s；索引将在下次启动时建立\n", got.store.Number,
		got.store.Time.Local().Format(time.DateTime), strings.Join(got.others, "、"))
	return err
}

// restored is what a backup held.
type restored struct {
	store  store.EditionInfo
	others []string // in words
}

// requireNew refuses a folder that has data.
func requireNew(data string) error {
	for _, path := range append(keyFiles(data), historyDir(data), storeDir(data)) {
		entries, err := os.ReadDir(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil || len(entries) > 0: // a key is no folder
			return fmt.Errorf("数据目录 %s：%w", data, store.ErrNotEmpty)
		}
	}
	return nil
}

// restoringDir is the folder beside the parts in which they are built. The parts
// take their places when all are found right, the store last: a folder
// without it counts as empty.
func restoringDir(data string) string { return filepath.Join(data, "RESTORING") }

// restoreParts restores what a backup holds.
func restoreParts(ctx context.Context, c *call, r *bufio.Reader) (got restored, err error) {
	tmp := restoringDir(c.data)
	if err := os.RemoveAll(tmp); err != nil { // of a restore that was cut short
		return got, err
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if _, err := r.Discard(len(backupMagic)); err != nil {
		return got, err
	}
	for more := true; more; {
		line, err := r.ReadString('\n')
		if err != nil {
			return got, fmt.Errorf("%w（%w）", store.ErrBackup, err)
		}
		if more, err = restorePart(ctx, c, r, tmp, strings.TrimSuffix(line, "\n"), &got); err != nil {
			return got, err
		}
	}
	if err := store.RequireEnd(r); err != nil {
		return got, err
	}
	return got, moveParts(tmp, c.data)
}

// restorePart restores the part that a line names; more is false at the end.
func restorePart(ctx context.Context, c *call, r *bufio.Reader, tmp, line string, got *restored) (more bool, err error) {
	words := strings.Fields(line)
	switch {
	case line == "end":
		if got.store.Time.IsZero() {
			err = fmt.Errorf("%w：缺少版次", store.ErrBackup)
		}
		return false, err
	case line == "store":
		got.store, err = store.RestoreNext(ctx, r, storeDir(tmp), logTo(c.err))
	case line == "history":
		var key []byte
		if key, err = os.ReadFile(subjectFile(tmp)); err != nil {
			return false, fmt.Errorf("%w：缺少化名的密钥", store.ErrBackup)
		}
		got.others = append(got.others, "办事经历")
		err = history.Restore(ctx, r, historyDir(tmp), history.Options{Key: key, Log: logTo(c.err)})
	case len(words) == 3 && words[0] == "file":
		got.others = append(got.others, words[1])
		err = restoreKey(r, tmp, words[1], words[2])
	default:
		err = fmt.Errorf("%w：不认识的部分 %q", store.ErrBackup, line)
	}
	return true, err
}

func restoreKey(r *bufio.Reader, tmp, name, length string) error {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxKeyFile || !slices.Contains(keyFiles(""), name) {
		return fmt.Errorf("%w：文件 %q", store.ErrBackup, name)
	}
	key, sum := make([]byte, n), make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, key); err != nil {
		return fmt.Errorf("%w（%w）", store.ErrBackup, err)
	}
	if _, err := io.ReadFull(r, sum); err != nil {
		return fmt.Errorf("%w（%w）", store.ErrBackup, err)
	}
	if want := sha256.Sum256(key); !bytes.Equal(sum, want[:]) {
		return fmt.Errorf("%w：%s 的校验和不符", store.ErrBackup, name)
	}
	return os.WriteFile(filepath.Join(tmp, name), key, 0o600)
}

// moveParts puts what was restored into its place, the store last.
func moveParts(tmp, data string) error {
	for _, path := range append(keyFiles(""), historyDir(""), storeDir("")) {
		from := filepath.Join(tmp, path)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		to := filepath.Join(data, path)
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
			return err
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	dir, err := os.Open(data)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
