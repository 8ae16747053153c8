package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/recommend"
)

// MaxBatch is how many events one Append may hold.
const MaxBatch = 5000

// A Receipt says what became of the events of an Append.
type Receipt struct {
	Accepted int `json:"accepted"`
	Repeated int `json:"repeated"` // taken before
	Ignored  int `json:"ignored"`  // of people who are not to be remembered, or too old to be kept
}

// A request is one call for the writer: events, or something else to do.
type request struct {
	events  []kept
	takens  [][]byte
	do      func() error
	receipt Receipt
	done    chan error
}

// A group is held well under what one transaction of badger takes.
const groupEvents = 8000

// Append keeps events. They are on the disk, and counted, when it returns; an
// event that was taken before is not counted again. A bad event refuses the
// whole call with ErrBadEvent or ErrBadSubject. An error after ctx has ended
// leaves open whether they were kept.
func (s *Store) Append(ctx context.Context, events []Event) (Receipt, error) {
	if len(events) > MaxBatch {
		return Receipt{}, fmt.Errorf("%w：一次最多 %d 条", ErrBadEvent, MaxBatch)
	}
	r := &request{}
	for i := range events {
		k, err := s.check(events[i])
		if err != nil {
			return Receipt{}, fmt.Errorf("第 %d 条：%w", i+1, err)
		}
		r.events = append(r.events, k)
		r.takens = append(r.takens, takenKey(k.key, &k.event))
	}
	err := s.submit(ctx, r)
	return r.receipt, err
}

// check makes an event fit to keep.
func (s *Store) check(e Event) (kept, error) {
	key, err := s.Person(e.Subject)
	if err != nil {
		return kept{}, err
	}
	if e.Time.IsZero() {
		e.Time = s.opts.Now()
	}
	act, ok := recommend.ParseAct(e.Type, e.Value)
	switch {
	case !ok:
		return kept{}, fmt.Errorf("%w：类型 %q", ErrBadEvent, e.Type)
	case e.Matter == "" || len(e.Matter) > maxText || !utf8.ValidString(e.Matter):
		return kept{}, fmt.Errorf("%w：缺少事项编码，或编码太长", ErrBadEvent)
	case len(e.ID) > maxText || len(e.Channel) > maxText:
		return kept{}, fmt.Errorf("%w：id 或 channel 太长", ErrBadEvent)
	case e.Region != "" && !e.Region.Valid():
		return kept{}, fmt.Errorf("%w：行政区划代码 %q", ErrBadEvent, e.Region)
	case math.IsNaN(e.Value) || math.IsInf(e.Value, 0):
		return kept{}, fmt.Errorf("%w：value", ErrBadEvent)
	case e.Time.After(s.opts.Now().Add(24*time.Hour)) || e.Time.Year() < 1950:
		return kept{}, fmt.Errorf("%w：时间 %s", ErrBadEvent, e.Time.Format(time.RFC3339))
	}
	e.Time, e.Subject = e.Time.UTC().Truncate(time.Second), ""
	return kept{key: key, act: act, event: e}, nil
}

// Fault says what is wrong with an event of a log, in Chinese; "" if nothing
// is. With raw the subject is one that [Store.Alias] will replace.
func Fault(e Event, raw bool) string {
	if raw && e.Subject != "" {
		e.Subject = "raw"
	}
	s := Store{opts: Options{Now: time.Now, Key: make([]byte, 16)}}
	if _, err := s.check(e); err != nil {
		return err.Error()
	}
	return ""
}

// submit hands a request to the writer and waits.
func (s *Store) submit(ctx context.Context, r *request) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.ops.Done()
	r.done = make(chan error, 1)
	select {
	case s.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the only writer. What has queued up while the disk was busy goes
// into one transaction, because badger forces its log out for each.
func (s *Store) write() {
	defer s.loop.Done()
	tick := time.NewTicker(s.opts.CheckpointInterval)
	defer tick.Stop()
	sweep := time.NewTicker(time.Hour)
	defer sweep.Stop()
	s.background("retention", s.expire)
	for {
		select {
		case r := <-s.requests:
			s.serve(r)
			if s.since >= s.opts.CheckpointEvents {
				s.background("checkpoint", s.saveCounts)
			}
		case <-tick.C:
			s.background("checkpoint", s.saveCounts)
		case <-sweep.C:
			s.background("retention", s.expire)
		case <-s.stop:
			s.background("checkpoint", s.saveCounts)
			return
		}
	}
}

func (s *Store) background(what string, do func() error) {
	if s.Writable() != nil { // the counts can be made again from the events
		return
	}
	if err := do(); err != nil {
		s.opts.Log.Error("history: "+what, "err", err)
	}
}

// serve does a request, and with it all events that wait behind it.
func (s *Store) serve(first *request) {
	group, n := []*request{}, 0
	for r := first; r != nil; {
		if r.do != nil {
			s.commit(group)
			group, n = nil, 0
			err := s.Writable()
			if err == nil {
				err = r.do()
			}
			r.done <- err
		} else {
			group = append(group, r)
			n += len(r.events)
		}
		r = nil
		if n < groupEvents {
			select {
			case r = <-s.requests:
			default:
			}
		}
	}
	s.commit(group)
}

// commit writes a group in one transaction and then counts it.
func (s *Store) commit(group []*request) {
	if len(group) == 0 {
		return
	}
	err := s.Writable()
	var added []kept
	if err == nil {
		seq := s.seq
		if added, err = s.writeGroup(group); err != nil {
			s.seq = seq
			s.fail(err)
		}
	}
	for i := range added {
		s.model.Add(added[i].key, s.visit(&added[i]))
	}
	s.since += len(added)
	for _, r := range group {
		if err != nil {
			r.receipt = Receipt{}
		}
		r.done <- err
	}
}

// fail closes the store to writes: nobody knows how much of a failed commit
// is there until the log is read again.
func (s *Store) fail(err error) {
	broken := fmt.Errorf("%w（%w）", ErrBroken, err)
	if s.broken.CompareAndSwap(nil, &broken) {
		s.opts.Log.Error("history takes no more events", "err", err)
	}
}

func (s *Store) writeGroup(group []*request) (added []kept, err error) {
	txn := s.db.NewTransaction(true)
	defer func() { txn.Discard() }()
	oldest := s.oldest()
	room := func() error { // a group of long events may not fit into one transaction
		err := txn.Commit()
		txn = s.db.NewTransaction(true)
		return err
	}
	set := func(k, v []byte) error {
		err := txn.Set(k, v)
		if errors.Is(err, badger.ErrTxnTooBig) {
			if err = room(); err == nil {
				err = txn.Set(k, v)
			}
		}
		return err
	}
	for _, r := range group {
		for i := range r.events {
			k := &r.events[i]
			profile := s.Profile(k.key)
			if !profile.Personal() || k.event.Time.Unix() < oldest {
				r.receipt.Ignored++
				continue
			}
			if _, err := txn.Get(r.takens[i]); err == nil {
				r.receipt.Repeated++
				continue
			} else if !errors.Is(err, badger.ErrKeyNotFound) {
				return nil, err
			}
			s.seq++
			k.seq, k.class = s.seq, recommend.ClassOf(profile.Audience)
			if k.event.Region == "" {
				k.event.Region = profile.Region
			}
			number, fresh := s.model.Matter(s.current(k.event.Matter))
			if fresh {
				if err := set(matterKey(number), []byte(s.model.Code(number))); err != nil {
					return nil, err
				}
			}
			// The event before the mark that it was taken: if a group is cut
			// in two by a crash, an event may be sent again but never lost.
			if err := set(eventKey(k.key, k.event.Time.Unix(), k.seq), k.encode()); err != nil {
				return nil, err
			}
			if err := set(r.takens[i], nil); err != nil {
				return nil, err
			}
			r.receipt.Accepted++
			added = append(added, *k)
		}
	}
	return added, txn.Commit()
}

// visit is an event as the model counts it, of the matter as it is called now.
func (s *Store) visit(k *kept) recommend.Visit { return s.visitAsOf(k, ^uint64(0)) }

func (s *Store) visitAsOf(k *kept, seq uint64) recommend.Visit {
	s.mu.RLock()
	code := s.follow(k.event.Matter, seq)
	s.mu.RUnlock()
	number, _ := s.model.Matter(code)
	return recommend.Visit{At: k.event.Time.Unix(), Matter: number, Region: recommend.RegionNumber(k.event.Region), Act: k.act, Class: k.class}
}

// oldest is the time before which nothing is kept.
func (s *Store) oldest() int64 {
	if s.opts.Keep < 0 {
		return math.MinInt64
	}
	return s.opts.Now().Add(-s.opts.Keep).Unix()
}

// saveCounts writes the chunks that changed under a new checkpoint, and then
// the watermark that makes it count. A crash in between leaves the last one.
func (s *Store) saveCounts() error {
	if s.since == 0 && s.written.Load() == s.seq {
		return nil
	}
	chunks := s.model.Changed()
	if err := s.writeChunks(chunks, s.checkpoint+1); err != nil {
		s.fail(err) // the chunks are no longer marked as changed
		return err
	}
	s.checkpoint++
	mark := watermark{s.checkpoint, s.seq, s.opts.Params.Counting()}
	err := s.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(watermarkPrefix), mustJSON(mark)) })
	if err != nil {
		s.fail(err)
		return err
	}
	s.since = 0
	s.written.Store(s.seq)
	return s.dropOlder(chunks)
}

func (s *Store) writeChunks(chunks []recommend.Chunk, checkpoint uint64) error {
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	for _, c := range chunks {
		if err := wb.Set(chunkKey(c.Key, checkpoint), c.Value); err != nil {
			return err
		}
	}
	return wb.Flush()
}

// dropOlder deletes what a checkpoint has replaced.
func (s *Store) dropOlder(chunks []recommend.Chunk) error {
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	for _, c := range chunks {
		if old, ok := s.versions[string(c.Key)]; ok {
			if err := wb.Delete(chunkKey(c.Key, old)); err != nil {
				return err
			}
		}
		s.versions[string(c.Key)] = s.checkpoint
		if len(c.Value) == 0 {
			if err := wb.Delete(chunkKey(c.Key, s.checkpoint)); err != nil {
				return err
			}
			delete(s.versions, string(c.Key))
		}
	}
	return wb.Flush()
}
