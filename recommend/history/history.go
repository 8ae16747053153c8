// Package history keeps what each person did with which matter, and the
// counts that suggestions are made of.
//
// Its promises. An event that Append has acknowledged is on the disk (the log
// is forced out before the acknowledgement, many events at a time) and outlives
// a killed process and a power cut. An event is counted once, however often it
// is sent. The counts live in memory and are written behind, at a watermark:
// after a crash the events that they missed are counted again, and the numbers
// are those of a run without a crash. A person who is erased is taken out of
// the counts and off the disk before Erase returns.
//
// A person is a pseudonym made with a key that lies beside the database, not
// in it. No name, number of a certificate or text of a question comes here.
package history

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/recommend"
)

var (
	// ErrBadEvent means that an event lacks a subject, a matter or a known
	// type, or has a value that is too long or cannot be meant.
	ErrBadEvent = errors.New("办事记录无效")

	// ErrBadSubject means that a subject is empty, too long, or looks like the
	// number of a certificate or a telephone.
	ErrBadSubject = errors.New("化名无效")

	// ErrClosed means that the store was closed before or during the call.
	ErrClosed = errors.New("办事经历库已关闭")

	// ErrLayout means that another version of govqa wrote the folder.
	ErrLayout = errors.New("办事经历库的格式与本版本不符")

	// ErrDamaged means that something in the folder cannot be read.
	ErrDamaged = errors.New("办事经历库已损坏")

	// ErrDiskFull means that there was no room for a write. Nothing is lost that
	// was acknowledged, and writing goes on when there is room.
	ErrDiskFull = errors.New("磁盘空间不足，办事经历没有记录")

	// ErrBroken means that an earlier write failed, so that nothing is written
	// until the store is opened again.
	ErrBroken = errors.New("办事经历库先前写入失败，重新启动前不再记录")
)

// An Event is what somebody did with a matter.
type Event struct {
	ID      string            `json:"id,omitempty"` // an event of one subject is taken once; "" makes one of the other fields
	Subject string            `json:"subject"`      // as the caller knows the person; it is not kept
	Matter  string            `json:"matter"`
	Type    string            `json:"type"` // of recommend.ActNames
	Time    time.Time         `json:"time,omitzero"`
	Region  corpus.RegionCode `json:"region,omitempty"`
	Channel string            `json:"channel,omitempty"`
	Value   float64           `json:"value,omitempty"` // of a rating
}

// A Profile is what is known of a person beside their events.
type Profile struct {
	Region   corpus.RegionCode `json:"region,omitempty"`
	Audience corpus.Audience   `json:"audience,omitempty"`
	Minor    bool              `json:"minor,omitempty"`  // minors get no personalisation
	Off      bool              `json:"off,omitempty"`    // personalisation is switched off
	Agreed   bool              `json:"agreed,omitempty"` // the person agreed to be remembered by the chat
}

// Personal reports whether the person's history may be kept and read.
func (p Profile) Personal() bool { return !p.Off && !p.Minor }

// Options tune a Store.
type Options struct {
	Key    []byte           // makes pseudonyms; at least 16 bytes, required
	Params recommend.Params // zero is recommend.Defaults
	Keep   time.Duration    // how long events are kept; 0 is three years, negative is for ever
	Log    *slog.Logger     // nil logs nothing
	Now    func() time.Time // nil is time.Now

	// CheckpointEvents is after how many events the counts are written, if
	// zero 100,000; CheckpointInterval after how long, if zero a minute.
	CheckpointEvents   int
	CheckpointInterval time.Duration

	// Reserve is the free space, in bytes, below which nothing is written, with
	// ErrDiskFull. If zero, 256 MiB; negative switches the check off.
	Reserve int64
}

// A Store is one open folder. All methods may be called at the same time.
type Store struct {
	dir   string
	opts  Options
	db    *badger.DB
	model *recommend.Model

	requests chan *request
	stop     chan struct{}
	loop     sync.WaitGroup

	state sync.Mutex
	done  bool
	ops   sync.WaitGroup

	dropping sync.RWMutex // held for writing while keys are torn out of the tables

	mu         sync.RWMutex
	profiles   map[recommend.PersonKey]Profile
	successors map[string]succession

	// Of the writer alone.
	seq        uint64 // of the last thing written
	checkpoint uint64
	since      int                   // events since the checkpoint
	versions   map[string]uint64     // chunk -> checkpoint that wrote it
	broken     atomic.Pointer[error] // why nothing is written any more

	written   atomic.Uint64 // watermark of the last checkpoint, for tests and metrics
	closeOnce sync.Once
	closeErr  error
}

// Open opens the store in dir, which is made if it is missing, and counts
// again what the counts on the disk have missed.
func Open(dir string, opts Options) (*Store, error) {
	if len(opts.Key) < 16 {
		return nil, errors.New("history: the key is too short")
	}
	if opts.Params == (recommend.Params{}) {
		opts.Params = recommend.Defaults()
	}
	opts.Keep = cmp.Or(opts.Keep, 3*365*24*time.Hour)
	opts.CheckpointEvents = cmp.Or(opts.CheckpointEvents, 100_000)
	opts.Reserve = cmp.Or(opts.Reserve, 256<<20)
	opts.CheckpointInterval = cmp.Or(opts.CheckpointInterval, time.Minute)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{
		dir: dir, opts: opts, model: recommend.NewModel(opts.Params),
		requests: make(chan *request, 1024), stop: make(chan struct{}),
		profiles: map[recommend.PersonKey]Profile{}, successors: map[string]succession{}, versions: map[string]uint64{},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if err := store.Prove(dir, opts.Log); err != nil {
		return nil, fmt.Errorf("history: %w: %w", ErrDamaged, err)
	}
	var err error
	if s.db, err = badger.Open(badgerOptions(dir, opts.Log)); err != nil {
		return nil, fmt.Errorf("history %s: %w", dir, err)
	}
	if err := errors.Join(s.recover(), store.Proved(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("history %s: %w", dir, err), s.db.Close())
	}
	s.loop.Add(1)
	go s.write()
	return s, nil
}

// badgerOptions keeps badger small, as corpus/store does: its defaults take
// more than a gigabyte. A memtable bounds one transaction, and so how many
// events one forced write can carry.
func badgerOptions(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLog{log}).
		WithSyncWrites(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false). // there is one writer
		WithMetricsEnabled(false).
		WithMemTableSize(16 << 20).
		WithNumMemtables(3).
		WithBlockCacheSize(16 << 20).
		WithNumCompactors(2).
		WithValueThreshold(1 << 20). // counts of one matter stay in the tables, where they can be dropped
		WithValueLogFileSize(16 << 20).
		WithChecksumVerificationMode(options.OnBlockRead)
}

// badgerLog passes on what badger says, without its chatter.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error(said(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn(said(f, a)) }
func (badgerLog) Infof(string, ...any)          {}
func (badgerLog) Debugf(string, ...any)         {}

func said(format string, args []any) string {
	return "history: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}

// Close writes the counts, closes the folder and seals it. It waits for the calls under
// way.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.state.Lock()
		s.done = true
		s.state.Unlock()
		s.ops.Wait()
		close(s.stop)
		s.loop.Wait()
		s.closeErr = errors.Join(s.failed(), s.db.Close())
		if s.closeErr == nil {
			s.closeErr = store.Seal(s.dir)
		}
	})
	return s.closeErr
}

// failed is why nothing is written any more, nil while it is.
func (s *Store) failed() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Writable says why nothing can be written, if so: ErrBroken or ErrDiskFull.
func (s *Store) Writable() error {
	if err := s.failed(); err != nil || s.opts.Reserve < 0 {
		return err
	}
	free, err := store.FreeSpace(s.dir)
	if err == nil && free < s.opts.Reserve {
		err = fmt.Errorf("%w：%s 所在磁盘仅剩 %d MiB", ErrDiskFull, s.dir, free>>20)
	}
	return err
}

func (s *Store) begin() error {
	s.state.Lock()
	defer s.state.Unlock()
	if s.done {
		return ErrClosed
	}
	s.ops.Add(1)
	return nil
}

// Model returns the counts. They take up an event before Append returns.
func (s *Store) Model() *recommend.Model { return s.model }

// maxText bounds, in bytes, what an event may say.
const maxText = 256

// numberLike are subjects that look like numbers which law protects:
// identity cards, telephones, unified social credit codes.
var numberLike = regexp.MustCompile(`^(\d{15}|\d{17}[\dXx]|1\d{10}|[0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy]{2}\d{6}[0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy]{10})$`)

// Person returns the pseudonym of a subject, or ErrBadSubject.
func (s *Store) Person(subject string) (key recommend.PersonKey, err error) {
	switch {
	case subject == "" || len(subject) > maxText || !utf8.ValidString(subject):
		return key, fmt.Errorf("%w：应为 1 至 %d 个字节", ErrBadSubject, maxText)
	case numberLike.MatchString(strings.TrimSpace(subject)):
		return key, fmt.Errorf("%w：不要使用证件号、信用代码或手机号", ErrBadSubject)
	}
	h := hmac.New(sha256.New, s.opts.Key)
	h.Write([]byte(subject))
	copy(key[:], h.Sum(nil))
	return key, nil
}

// Alias makes a pseudonym of an identifier that must not be used as a
// subject, as the number of a certificate in a department's log. A portal that
// computes the same, HMAC-SHA-256 with the key of the folder in hexadecimal
// after "u_", meets the histories of the log.
func (s *Store) Alias(identifier string) string {
	h := hmac.New(sha256.New, s.opts.Key)
	h.Write([]byte("alias\x00" + strings.ToUpper(strings.TrimSpace(identifier))))
	return "u_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Profile returns what is known of a person.
func (s *Store) Profile(key recommend.PersonKey) Profile {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.profiles[key]
}

// Personal reads a subject's history for a suggestion: the profile, and the
// newest events, at most limit, unless the profile forbids it.
func (s *Store) Personal(ctx context.Context, subject string, limit int) (recommend.PersonKey, Profile, []Event, error) {
	key, err := s.Person(subject)
	if err != nil {
		return key, Profile{}, nil, err
	}
	p := s.Profile(key)
	if !p.Personal() {
		return key, p, nil, nil
	}
	events, err := s.events(ctx, key, limit)
	return key, p, events, err
}

// succession says what became of a matter.
type succession struct {
	to  string
	seq uint64
}

// follow returns the matter that a matter has become, as of a sequence number.
func (s *Store) follow(matter string, upTo uint64) string {
	for range 16 { // a chain that is longer, or a ring, ends here
		next, ok := s.successors[matter]
		if !ok || next.seq > upTo {
			break
		}
		matter = next.to
	}
	return matter
}

// current is follow as of now.
func (s *Store) current(matter string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.follow(matter, ^uint64(0))
}
