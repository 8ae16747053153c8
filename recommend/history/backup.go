package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/corpus/store"
)

// backupMagic begins a backup of what people did, which is a dump as that of
// corpus/store.
const backupMagic = "govqa history 1\n"

// Backup writes a copy of everything to w, as it is at one moment, while the
// store goes on. [Restore] reads it. Nobody is erased meanwhile: who asks for
// it waits. The key that makes pseudonyms is not in it.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.ops.Done()
	s.dropping.RLock()
	defer s.dropping.RUnlock()
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 100})
		defer it.Close()
		return store.WriteDump(ctx, w, backupMagic, layoutNumber, s.written.Load(), func(put func(key, value []byte) error) error {
			for it.Rewind(); it.Valid(); it.Next() {
				item := it.Item()
				if err := item.Value(func(v []byte) error { return put(item.Key(), v) }); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("history: backup: %w", err)
	}
	return nil
}

// Restore builds the folder dir, which must be empty or missing, from a backup
// that stands next in r, and counts everything again. The error is
// store.ErrBackup where the backup is not whole or its counts are wrong; what
// is in dir then is of no use.
func Restore(ctx context.Context, r *bufio.Reader, dir string, opts Options) error {
	if err := fillFrom(ctx, r, dir); err != nil {
		return fmt.Errorf("history: restore: %w", err)
	}
	opts.Keep = math.MinInt64 // nothing is taken away by restoring
	s, err := Open(dir, opts)
	if err != nil {
		return err
	}
	differ, err := s.Check(ctx)
	if err == nil && differ > 0 {
		err = fmt.Errorf("history: %w：计数有 %d 处与从头数一遍不同", store.ErrBackup, differ)
	}
	return errors.Join(err, s.Close())
}

// fillFrom writes the pairs of a backup into a new database.
func fillFrom(ctx context.Context, r *bufio.Reader, dir string) error {
	opts := badgerOptions(dir, nil)
	opts.Logger = nil
	db, err := badger.Open(opts)
	if err != nil {
		return err
	}
	batch := db.NewWriteBatch()
	err = store.ReadDump(r, backupMagic, layoutNumber, layoutNumber, func(key, value []byte) error {
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
	return errors.Join(err, db.Close())
}
