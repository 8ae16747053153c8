// Package store keeps the facts: every revision of every record of the
// corpus, the editions that published them, the drafts of editors, and a
// journal of whatever else must never be lost. The index and all else that
// makes answers fast is a view computed from it.
//
// Its promise: what a call has acknowledged is on the disk, an edition is
// there whole or not at all, and damage is said aloud, never mended by
// forgetting. Readers never wait for writers: an edition, once published,
// does not change.
//
// The package owns badger. Badger itself is lenient with damage (it passes
// over tables that it cannot verify and cuts logs at the first bad byte), so
// Open proves the files before badger may touch them.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/govqa/govqa/corpus"
)

var (
	// ErrLocked means that another process has the folder open. Open returns it.
	ErrLocked = errors.New("数据目录正被另一个 govqa 进程使用")

	// ErrLayout means that the folder was written by a version of govqa with
	// another key layout. Open returns it.
	ErrLayout = errors.New("数据目录的格式与本版本不符")

	// ErrDamaged means that what is on the disk is not what was written. Open
	// returns it and leaves the folder as it is; a read returns it when the
	// damage came later.
	ErrDamaged = errors.New("数据已损坏")

	// ErrDiskFull means that there was no room for a write. What was not
	// acknowledged is not published.
	ErrDiskFull = errors.New("磁盘空间不足")

	// ErrReadOnly means that an earlier write was cut short by the disk, so
	// that nobody knows how much of it is there. Reads go on; writes are
	// refused until the store is opened again.
	ErrReadOnly = errors.New("先前的写入未完成，重新启动前只能读取")

	// ErrStopped means that the disk failed a write in such a way that badger
	// cannot even read until the store is opened again.
	ErrStopped = errors.New("磁盘写入失败后数据库已停止，请腾出空间再重新启动")

	// ErrClosed means that the store was closed before or during the call.
	ErrClosed = errors.New("数据目录已关闭")

	// ErrNoEdition means that the edition asked for is not published.
	ErrNoEdition = errors.New("没有这个版本")

	// ErrUnchanged means that the edition asked for would be the same as the
	// current one, so none was published.
	ErrUnchanged = errors.New("内容没有变化")
)

// Options tune a Store. The zero value is what production runs.
type Options struct {
	// Logger gets what happens in the background. If nil, nothing is logged.
	Logger *slog.Logger

	// Reserve is the free space, in bytes, below which writes are refused
	// with ErrDiskFull: badger maps its files into memory, and a process that
	// touches a mapped page for which the disk has no room is killed. If
	// zero, 256 MiB; negative switches the check off.
	Reserve int64

	// GCInterval is the time between two collections of unused value log. If
	// zero, ten minutes.
	GCInterval time.Duration
}

// A Store is one open data folder. All methods may be called at the same time.
type Store struct {
	dir  string
	opts Options
	log  *slog.Logger
	db   *badger.DB
	lock *dirLock
	head *headFile
	last atomic.Uint64 // fact that is on the disk

	writer  chan struct{}          // one slot: held by whoever prepares an edition or a draft
	keys    [stripes]chan struct{} // one slot each: held by whoever changes a document or an account
	seed    maphash.Seed           // which slot a key has
	commits chan *commit           // to the journal's goroutine
	stop    chan struct{}          // closed by Close
	loops   sync.WaitGroup

	state sync.Mutex // guards closed, follow and the growth of ops
	done  bool
	ops   sync.WaitGroup // calls under way
	next  chan struct{}  // closed and replaced when an edition is published
	grown chan struct{}  // closed and replaced when the journal has grown

	gate       atomic.Pointer[Gate]
	draftMu    sync.Mutex // guards the table of drafts
	drafts     map[corpus.Key]DraftInfo
	draftList  []DraftInfo // the table in order; nil when it has changed
	draftCount uint64

	current atomic.Pointer[EditionInfo]
	audited atomic.Pointer[AuditHead]
	broken  atomic.Pointer[error] // why writes are refused, for ErrReadOnly

	closeOnce sync.Once
	closeErr  error
}

// Open opens the store in dir, which is made if it is missing. It proves the
// files first and clears away what an interrupted import left. The errors are
// ErrLocked, ErrLayout, ErrDamaged, ErrDiskFull, or those of the file system.
func Open(dir string, opts Options) (*Store, error) {
	opts.Reserve = cmp.Or(opts.Reserve, 256<<20)
	opts.GCInterval = cmp.Or(opts.GCInterval, 10*time.Minute)
	s := &Store{
		dir: dir, opts: opts, log: opts.Logger,
		writer:  make(chan struct{}, 1),
		commits: make(chan *commit, 256),
		stop:    make(chan struct{}),
		next:    make(chan struct{}),
		grown:   make(chan struct{}),
		seed:    maphash.MakeSeed(),
	}
	for i := range s.keys {
		s.keys[i] = make(chan struct{}, 1)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return classify(err)
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.release())
		}
	}()
	if err := prove(s.dir, s.log); err != nil {
		return err
	}
	if s.db, err = openBadger(s.dir, s.log); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.db.Close())
		}
	}()
	end, err := s.load()
	if err != nil {
		return err
	}
	s.start(end)
	return nil
}

// start begins the background work of a store whose logs end at end.
func (s *Store) start(end tail) {
	s.last.Store(end.fact)
	s.loops.Add(2)
	go s.commitLoop(end)
	go s.collectLoop()
}

// load reads what the store must know, compares it with the witness beside
// the database and removes what an interrupted write left. It returns where
// the journal and the audit log end.
func (s *Store) load() (end tail, err error) {
	if err := s.checkLayout(); err != nil {
		return end, err
	}
	info, err := s.lastEdition()
	if err != nil {
		return end, err
	}
	if end.fact, err = s.lastFact(); err != nil {
		return end, err
	}
	if end.audit, err = s.lastAudit(); err != nil {
		return end, err
	}
	if s.head, err = openHead(s.dir); err != nil {
		return end, classify(err)
	}
	now := head{info.Number, end.fact, end.audit}
	if err := s.head.compare(now, s.auditHash); err != nil {
		return end, errors.Join(err, s.head.close())
	}
	if err := errors.Join(s.head.write(now), discardSalvage(s.dir)); err != nil {
		return end, errors.Join(classify(err), s.head.close())
	}
	s.current.Store(&info)
	s.audited.Store(&end.audit)
	if err := s.dropPending(info.Number + 1); err != nil {
		return end, errors.Join(err, s.head.close())
	}
	if err := s.clearLeft(); err != nil {
		return end, errors.Join(err, s.head.close())
	}
	return end, nil
}

// badgerOptions keeps badger small: its defaults take 1 to 2 GB of memory for
// a corpus that needs a twentieth of it.
func badgerOptions(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLog{log}).
		WithSyncWrites(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false). // there is one writer
		WithMetricsEnabled(false).
		WithMemTableSize(8 << 20).
		WithNumMemtables(3).
		WithBlockCacheSize(16 << 20).
		WithNumCompactors(2).
		// A compaction writes its new tables before the old ones go. This
		// bounds the first level, and so what it needs, to 48 MiB and what
		// lies below: well within Options.Reserve.
		WithNumLevelZeroTablesStall(6).
		WithValueThreshold(64 << 10).
		WithValueLogFileSize(16 << 20). // also the greatest value; a line is at most 8 MiB
		WithVerifyValueChecksum(true).
		WithChecksumVerificationMode(options.OnBlockRead)
}

// openBadger opens the database of files that have been proved. A panic in
// badger at this point means that they are not what it wrote after all.
func openBadger(dir string, log *slog.Logger) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(dir, fmt.Errorf("%v", r))
		}
	}()
	db, err = badger.Open(badgerOptions(dir, log))
	if err == nil {
		return db, nil
	}
	err = classify(err)
	if errors.Is(err, ErrLocked) || errors.Is(err, ErrDiskFull) || circumstance(err) {
		return nil, err
	}
	return nil, damaged(dir, err)
}

// damaged says to whom the folder belongs now: to the operator.
func damaged(dir string, err error) error {
	return fmt.Errorf("%w：%s 未作任何改动；请把它移开，再用 govqa restore 从备份恢复（%w）", ErrDamaged, dir, err)
}

// begin notes a call under way, so that Close waits for it. Calls that are
// begun inside another, as by the body of a loop over All, count too.
func (s *Store) begin() error {
	s.state.Lock()
	defer s.state.Unlock()
	if s.done {
		return ErrClosed
	}
	s.ops.Add(1)
	return nil
}

func (s *Store) end() { s.ops.Done() }

// beginWrite waits until no other edition or draft is being written. The
// caller calls endWrite when it returns nil.
func (s *Store) beginWrite(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		s.end()
		return ctx.Err()
	case <-s.stop:
		s.end()
		return ErrClosed
	}
	if err := s.writable(); err != nil {
		s.endWrite()
		return err
	}
	return nil
}

func (s *Store) endWrite() {
	<-s.writer
	s.end()
}

// writable says why nothing can be written, if so.
func (s *Store) writable() error {
	if cause := s.broken.Load(); cause != nil {
		return fmt.Errorf("%w（%w）", ErrReadOnly, *cause)
	}
	if s.opts.Reserve < 0 {
		return nil
	}
	free, err := freeSpace(s.dir)
	if err != nil {
		return err
	}
	if free < s.opts.Reserve {
		return fmt.Errorf("%w：%s 所在磁盘仅剩 %d MiB，至少需要 %d MiB", ErrDiskFull, s.dir, free>>20, s.opts.Reserve>>20)
	}
	return nil
}

// Writable says why nothing can be written, if so: ErrReadOnly, ErrDiskFull or
// ErrClosed. What is there can be read all the same.
func (s *Store) Writable() error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	return s.writable()
}

// Readable says why nothing can be read, if so: ErrStopped or ErrClosed.
func (s *Store) Readable() error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	_, err := s.get([]byte(layoutKey))
	return err
}

// Free is the space, in bytes, that is left on the disk of the folder.
func (s *Store) Free() (int64, error) { return freeSpace(s.dir) }

// commitTxn commits, and closes the store to writes when the disk cut the
// commit short: badger may then have applied a part of it in memory, and only
// the log, read again at the next Open, says whether it counts.
func (s *Store) commitTxn(txn *badger.Txn) error {
	err := classify(txn.Commit())
	if err != nil {
		s.broken.CompareAndSwap(nil, &err)
		s.log.Error("store is read-only", "err", err)
	}
	return err
}

// readTxn runs fn in a transaction that reads. Where badger had no room for its
// next memtable it is left without one, and every read panics: that is
// ErrStopped.
func (s *Store) readTxn(fn func(*badger.Txn) error) (err error) {
	defer s.stopped(&err)
	return s.db.View(fn)
}

func (s *Store) stopped(err *error) {
	cause := s.broken.Load()
	if cause == nil {
		return
	}
	if r := recover(); r != nil {
		s.log.Error("store cannot be read", "panic", r, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w（%w）", ErrStopped, *cause)
	}
}

// Close waits for the calls under way, writes what is left and seals the
// folder. A loop over All, Changes or Facts is a call under way until it ends.
// Closing twice is allowed and returns the same error.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	s.state.Lock()
	s.done = true
	close(s.stop)
	s.state.Unlock()
	s.ops.Wait()
	close(s.commits)
	s.loops.Wait()
	if err := s.closeBadger(); err != nil {
		return err // badger may still be writing: the lock goes with the process
	}
	err := s.head.close()
	if err == nil && s.broken.Load() == nil {
		err = seal(s.dir)
	}
	return errors.Join(err, s.lock.release())
}

// closeWait is how long Close waits for a database that cannot write.
const closeWait = 5 * time.Second

// closeBadger closes the database. When the disk is full badger tries for ever
// to write out what its log already holds; ending the process is safe then.
func (s *Store) closeBadger() error {
	if s.broken.Load() == nil {
		return classify(s.db.Close())
	}
	closed := make(chan error, 1)
	go func() { closed <- classify(s.db.Close()) }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeWait):
		return fmt.Errorf("close %s: %w", s.dir, s.writable())
	}
}

// collectLoop gives unused value log back to the disk.
func (s *Store) collectLoop() {
	defer s.loops.Done()
	tick := time.NewTicker(s.opts.GCInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.collect()
		}
	}
}

func (s *Store) collect() {
	for range 8 { // one file each; the rest can wait for the next tick
		if s.writable() != nil {
			return
		}
		err := s.db.RunValueLogGC(0.5)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			return
		}
		if err != nil {
			s.log.Warn("value log not collected", "err", err)
			return
		}
	}
}

// checkLayout compares the layout of the folder with ours, and writes ours
// into a folder that is empty or of an older layout, which ours contains.
func (s *Store) checkLayout() error {
	found, err := s.get([]byte(layoutKey))
	if err != nil {
		return err
	}
	want := fmt.Sprint(layoutNumber)
	if string(found) == want {
		return nil
	}
	if n, err := strconv.Atoi(string(found)); found != nil && (err != nil || n < firstLayout || n > layoutNumber) {
		return fmt.Errorf("%w：目录格式 %q，本版本使用 %q", ErrLayout, found, want)
	}
	empty, err := s.empty()
	if err != nil {
		return err
	}
	if found == nil && !empty {
		return damaged(s.dir, errors.New("layout key is missing"))
	}
	if err := s.writable(); err != nil {
		return err
	}
	return classify(s.db.Update(func(txn *badger.Txn) error {
		return txn.Set([]byte(layoutKey), []byte(want))
	}))
}

func (s *Store) empty() (empty bool, err error) {
	err = s.readTxn(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		it.Rewind()
		empty = !it.Valid()
		return nil
	})
	return empty, classify(err)
}

// get returns a copy of the value of key, nil if there is none.
func (s *Store) get(key []byte) (value []byte, err error) {
	err = s.readTxn(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		value, err = item.ValueCopy([]byte{})
		return err
	})
	return value, classify(err)
}

// auditHash is the hash of an entry of the audit log, "" for entry 0.
func (s *Store) auditHash(seq uint64) (hash string, err error) {
	err = s.readTxn(func(txn *badger.Txn) error {
		hash, err = hashAt(txn, seq)
		return err
	})
	return hash, classify(err)
}
