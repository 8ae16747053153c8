package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/corpus"
)

var (
	// ErrBackup means that a file is not a whole backup as Backup wrote it.
	ErrBackup = errors.New("备份文件不完整或已损坏")

	// ErrNotEmpty means that a folder to restore into holds something.
	ErrNotEmpty = errors.New("目录不是空的")
)

// Export writes the records of edition e as JSON Lines, type by type in the
// order of their names and ids. Importing an export changes nothing.
func (s *Store) Export(w io.Writer, e corpus.Edition) error {
	bw := bufio.NewWriterSize(w, 1<<20)
	for l, err := range s.lines(e, "") {
		if err == nil {
			_, err = bw.Write(append(l.line, '\n'))
		}
		if err != nil {
			return fmt.Errorf("export edition %d: %w", e, err)
		}
	}
	return bw.Flush()
}

// The form of a backup, and of the dump of any database of the program. It is
// ours and not badger's, so that a backup can be read without badger, is
// written from one snapshot by one goroutine, and leaves out what is not
// published:
//
//	magic, then the layout and a mark (of a store the edition) as 8 bytes each
//	for each key in order: length and key, length and value (lengths as uvarint)
//	a length of 0, then the number of keys as 8 bytes
//	SHA-256 of all that
const backupMagic = "govqa backup 1\n"

// The greatest lengths that a backup can hold; more is damage.
const (
	maxBackupKey   = 64 << 10
	maxBackupValue = 64 << 20
)

// Backup writes a copy of everything to w, as it is at one moment, while the
// store goes on serving. Restore reads it.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	err := s.readTxn(func(txn *badger.Txn) error { return backup(ctx, txn, w) })
	if err != nil {
		return fmt.Errorf("backup: %w", classify(err))
	}
	return nil
}

func backup(ctx context.Context, txn *badger.Txn, w io.Writer) error {
	edition, err := snapshotEdition(txn)
	if err != nil {
		return err
	}
	return WriteDump(ctx, w, backupMagic, layoutNumber, uint64(edition), func(put func(key, value []byte) error) error {
		return scan(txn, nil, func(key, value []byte) error {
			if unpublished(key, edition) {
				return nil
			}
			return put(key, value)
		})
	})
}

// WriteDump writes the pairs that each gives, so that [ReadDump] reads them
// and whoever looks at the file finds the mark. The magic ends with a newline.
func WriteDump(ctx context.Context, w io.Writer, magic string, layout, mark uint64, each func(put func(key, value []byte) error) error) error {
	digest := sha256.New()
	bw := bufio.NewWriterSize(w, 1<<20)
	out := io.MultiWriter(bw, digest)
	buf := binary.BigEndian.AppendUint64([]byte(magic), layout)
	if _, err := out.Write(binary.BigEndian.AppendUint64(buf, mark)); err != nil {
		return err
	}
	n := uint64(0)
	err := each(func(key, value []byte) error {
		if n%progressEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n++
		buf = append(binary.AppendUvarint(buf[:0], uint64(len(key))), key...)
		buf = append(binary.AppendUvarint(buf, uint64(len(value))), value...)
		_, err := out.Write(buf)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := out.Write(binary.BigEndian.AppendUint64([]byte{0}, n)); err != nil {
		return err
	}
	if _, err := bw.Write(digest.Sum(nil)); err != nil {
		return err
	}
	return bw.Flush()
}

// snapshotEdition is the current edition as txn sees it.
func snapshotEdition(txn *badger.Txn) (corpus.Edition, error) {
	it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: []byte(headerPrefix)})
	defer it.Close()
	it.Seek(numbered(headerPrefix, ^uint64(0)))
	if !it.Valid() {
		return 0, nil
	}
	value, err := it.Item().ValueCopy(nil)
	if err != nil {
		return 0, err
	}
	info, err := decodeHeader(it.Item().Key(), value)
	return info.Number, err
}

// unpublished reports whether key belongs to an edition after e.
func unpublished(key []byte, e corpus.Edition) bool {
	switch {
	case bytes.HasPrefix(key, []byte(revisionPrefix)):
		return corpus.Edition(^number(key)) > e
	case bytes.HasPrefix(key, []byte(changePrefix)):
		return corpus.Edition(binary.BigEndian.Uint64(key[len(changePrefix):])) > e
	}
	return false
}

// restoring marks a folder as the unfinished work of Restore.
const restoring = "RESTORING"

// Restore builds the folder dir from a backup. The folder must be missing or
// empty, or the error is ErrNotEmpty. It is built beside dir and takes its
// place only after the backup's checksum, and then everything in it by Check,
// were found right; otherwise the error is ErrBackup and dir is untouched.
// It returns the header of the current edition.
func Restore(ctx context.Context, r io.Reader, dir string, log *slog.Logger) (EditionInfo, error) {
	br := bufio.NewReaderSize(r, 1<<20)
	return restoreTo(ctx, dir, log, func(set func(key, value []byte) error) error {
		err := ReadDump(br, backupMagic, firstLayout, layoutNumber, set)
		if err == nil {
			err = RequireEnd(br)
		}
		return err
	})
}

// RestoreNext is Restore from a file that goes on behind the backup.
func RestoreNext(ctx context.Context, r *bufio.Reader, dir string, log *slog.Logger) (EditionInfo, error) {
	return restoreTo(ctx, dir, log, func(set func(key, value []byte) error) error {
		return ReadDump(r, backupMagic, firstLayout, layoutNumber, set)
	})
}

// RequireEnd returns ErrBackup if there is anything left to read.
func RequireEnd(r *bufio.Reader) error {
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w：结尾之后还有内容", ErrBackup)
	}
	return nil
}

// A pairReader calls set for each pair of a backup.
type pairReader func(set func(key, value []byte) error) error

func restoreTo(ctx context.Context, dir string, log *slog.Logger, read pairReader) (EditionInfo, error) {
	info, err := restore(ctx, read, filepath.Clean(dir), log)
	if err != nil {
		return EditionInfo{}, fmt.Errorf("restore %s: %w", dir, err)
	}
	return info, nil
}

func restore(ctx context.Context, read pairReader, dir string, log *slog.Logger) (info EditionInfo, err error) {
	if err := requireEmpty(dir); err != nil {
		return info, err
	}
	tmp := dir + ".tmp"
	if err := makeTemporary(tmp); err != nil {
		return info, classify(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := fill(ctx, read, tmp, log); err != nil {
		return info, err
	}
	if info, err = checkRestored(ctx, tmp, log); err != nil {
		return info, err
	}
	return info, moveIntoPlace(tmp, dir)
}

func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w：%s", ErrNotEmpty, dir)
	}
	return nil
}

// makeTemporary makes the folder in which Restore builds. What an earlier
// Restore left there is removed; what is not ours is not.
func makeTemporary(tmp string) error {
	mark := filepath.Join(tmp, restoring)
	if _, err := os.Stat(mark); err == nil {
		if err := os.RemoveAll(tmp); err != nil {
			return err
		}
	}
	if err := requireEmpty(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

func moveIntoPlace(tmp, dir string) error {
	if err := os.Remove(filepath.Join(tmp, restoring)); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// fill writes what the backup holds into a new database in dir.
func fill(ctx context.Context, read pairReader, dir string, log *slog.Logger) error {
	db, err := openBadger(dir, log)
	if err != nil {
		return err
	}
	batch := db.NewWriteBatch()
	err = read(func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return batch.Set(key, value)
	})
	if err != nil {
		batch.Cancel()
	} else {
		err = batch.Flush()
	}
	return classify(errors.Join(err, db.Close()))
}

// checkRestored opens what fill has built and walks through all of it.
func checkRestored(ctx context.Context, dir string, log *slog.Logger) (info EditionInfo, err error) {
	s, err := Open(dir, Options{Logger: log})
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	report, err := s.Check(ctx)
	if err != nil {
		return info, err
	}
	if !report.OK() {
		return info, fmt.Errorf("%w：%s", ErrBackup, report.Findings[0])
	}
	return s.Current(), nil
}

// A digestReader hashes what is taken from it.
type digestReader struct {
	br     *bufio.Reader
	digest hash.Hash
}

func (d *digestReader) ReadByte() (byte, error) {
	b, err := d.br.ReadByte()
	if err == nil {
		d.digest.Write([]byte{b})
	}
	return b, err
}

// take reads n bytes. Memory grows with what is there, not with what a
// damaged length claims.
func (d *digestReader) take(n, most uint64) ([]byte, error) {
	if n > most {
		return nil, fmt.Errorf("length %d", n)
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(io.MultiWriter(&buf, d.digest), d.br, int64(n)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func (d *digestReader) number() (uint64, error) {
	b, err := d.take(numberLen, numberLen)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// ReadDump calls set for each pair of a dump and then compares its checksum;
// only when it returns nil may the pairs be believed. The layout must be one
// of those from the oldest to the newest. The errors are ErrBackup, ErrLayout
// and those of set.
func ReadDump(r *bufio.Reader, magic string, oldest, newest uint64, set func(key, value []byte) error) error {
	d := &digestReader{r, sha256.New()}
	if err := d.head(magic, oldest, newest); err != nil {
		return err
	}
	n := uint64(0)
	for {
		key, value, err := d.pair()
		if err != nil {
			return fmt.Errorf("%w（第 %d 项之后：%w）", ErrBackup, n, err)
		}
		if key == nil {
			break
		}
		if err := set(key, value); err != nil {
			return err
		}
		n++
	}
	return d.end(n)
}

func (d *digestReader) head(magic string, oldest, newest uint64) error {
	found, err := d.take(uint64(len(magic)), maxBackupKey)
	if err != nil || string(found) != magic {
		return fmt.Errorf("%w：不是 govqa 的备份", ErrBackup)
	}
	layout, err := d.number()
	if err != nil {
		return fmt.Errorf("%w（%w）", ErrBackup, err)
	}
	if layout < oldest || layout > newest {
		return fmt.Errorf("%w：备份格式 %d，本版本使用 %d", ErrLayout, layout, newest)
	}
	if _, err := d.number(); err != nil { // the mark
		return fmt.Errorf("%w（%w）", ErrBackup, err)
	}
	return nil
}

// pair reads one key and value; the key is nil at the end.
func (d *digestReader) pair() (key, value []byte, err error) {
	n, err := binary.ReadUvarint(d)
	if err != nil || n == 0 {
		return nil, nil, err
	}
	if key, err = d.take(n, maxBackupKey); err != nil {
		return nil, nil, err
	}
	if n, err = binary.ReadUvarint(d); err != nil {
		return nil, nil, err
	}
	value, err = d.take(n, maxBackupValue)
	return key, value, err
}

func (d *digestReader) end(n uint64) error {
	count, err := d.number()
	if err != nil || count != n {
		return fmt.Errorf("%w：应有 %d 项，读到 %d 项", ErrBackup, count, n)
	}
	want := d.digest.Sum(nil)
	have := make([]byte, len(want))
	if _, err := io.ReadFull(d.br, have); err != nil || !bytes.Equal(want, have) {
		return fmt.Errorf("%w：校验和不符", ErrBackup)
	}
	return nil
}
