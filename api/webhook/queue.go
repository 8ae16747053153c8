package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// Options tune a Queue. The zero value is what production runs.
type Options struct {
	Guard  Guard
	Client *http.Client     // nil is the guard's
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger     // nil logs nothing
	Agent  string           // of the User-Agent header; "" is govqa
}

// A Queue tells endpoints what has happened. All methods may be called at the
// same time.
type Queue struct {
	store  *store.Store
	guard  Guard
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	agent  string
	counts *counts

	mu      sync.Mutex
	edits   chan struct{}     // closed and replaced when endpoints have changed
	passed  map[string]uint64 // endpoint -> facts looked at that were of no interest
	running map[string]bool
}

// New makes a Queue on the documents and the journal of s. Nothing is sent
// before Run.
func New(s *store.Store, o Options) *Queue {
	q := &Queue{store: s, guard: o.Guard, client: o.Client, now: o.Now, log: o.Log, agent: o.Agent,
		edits: make(chan struct{}), passed: map[string]uint64{}, running: map[string]bool{}}
	if q.client == nil {
		q.client = q.guard.Client()
	}
	if q.now == nil {
		q.now = time.Now
	}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	if q.agent == "" {
		q.agent = "govqa"
	}
	q.counts = newCounts(q)
	return q
}

// When a receiver does not answer, or does not want an event.
const (
	firstPause  = 5 * time.Second
	longPause   = 10 * time.Minute
	maxRefusals = 5                  // after which an event that is not wanted is dead
	patience    = 7 * 24 * time.Hour // after which an event that cannot be sent is dead
)

// pause grows with each failure and is never quite the same, so that a
// receiver that comes back is not met by everyone at once.
func pause(failures int) time.Duration {
	d := longPause
	if failures < 8 {
		d = min(d, firstPause<<(failures-1))
	}
	return d/2 + rand.N(d)
}

func (q *Queue) changed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.edits)
	q.edits = make(chan struct{})
}

func (q *Queue) changes() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.edits
}

func (q *Queue) seen(name string) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.passed[name]
}

// Run sends events until ctx ends, each endpoint at its own pace.
func (q *Queue) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		changed := q.changes()
		endpoints, err := q.endpoints()
		if err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
		for _, e := range endpoints {
			if e.Stopped == "" && q.enter(e.Name) {
				all.Go(func() { q.work(ctx, e.Name) })
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// enter reports whether nobody works for the endpoint yet.
func (q *Queue) enter(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[name] {
		return false
	}
	q.running[name] = true
	return true
}

func (q *Queue) leave(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.running, name)
	delete(q.passed, name)
}

// errGone means that an endpoint was removed or stopped.
var errGone = errors.New("endpoint is gone")

// work sends to one endpoint until it is removed or stopped, or ctx ends.
func (q *Queue) work(ctx context.Context, name string) {
	defer q.leave(name)
	for ctx.Err() == nil {
		changed := q.changes()
		again, err := q.drain(ctx, name)
		switch {
		case errors.Is(err, errGone):
			return
		case err != nil && ctx.Err() == nil: // of our own disk: the endpoint is not to blame
			q.log.Error("webhook queue", "endpoint", name, "err", err)
			again = q.now().Add(longPause)
		}
		q.wait(ctx, name, changed, again)
	}
}

// wait waits until a time, or if it is zero until the journal has grown, and
// no longer than until an endpoint is changed.
func (q *Queue) wait(ctx context.Context, name string, changed <-chan struct{}, again time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		if !again.IsZero() {
			timer := time.NewTimer(again.Sub(q.now()))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			return
		}
		_, _ = q.store.FollowFacts(ctx, q.seen(name)) // the error is that of ctx, or the store's end
	}()
	select {
	case <-ready:
	case <-changed:
	}
	cancel()
	<-ready
}

// batch is how many events are read from the journal at once.
const batch = 64

// drain sends what is due to an endpoint, in the order of the journal, until
// all is sent or something must wait; then again is when. Only one may drain
// an endpoint at a time.
func (q *Queue) drain(ctx context.Context, name string) (again time.Time, err error) {
	for ctx.Err() == nil {
		e, err := get[Endpoint](q, kindEndpoint, name)
		if err != nil {
			return again, err
		}
		if e == nil || e.Stopped != "" {
			return again, errGone
		}
		p, err := q.progress(name)
		if err != nil {
			return again, err
		}
		if q.now().Before(p.RetryAt) {
			return p.RetryAt, nil
		}
		if done, err := q.replay(ctx, e); err != nil || !done {
			return q.due(name, err)
		}
		events, err := q.upcoming(e, p.After)
		if err != nil || len(events) == 0 {
			return again, err
		}
		for i := range events {
			if done, err := q.handle(ctx, e, &events[i]); err != nil || !done {
				return q.due(name, err)
			}
		}
	}
	return again, ctx.Err()
}

// due is when an endpoint's queue may go on.
func (q *Queue) due(name string, err error) (time.Time, error) {
	if err != nil {
		return time.Time{}, err
	}
	e, err := get[Endpoint](q, kindEndpoint, name)
	if err != nil {
		return time.Time{}, err
	}
	if e == nil || e.Stopped != "" {
		return time.Time{}, errGone
	}
	p, err := q.progress(name)
	return p.RetryAt, err
}

// stride is after how many facts of no interest the place in the journal is
// written down: a restart looks at no more than these once again.
const stride = 1000

// upcoming returns the next events for an endpoint, at most a batch.
func (q *Queue) upcoming(e *Endpoint, after uint64) (events []event, err error) {
	at := max(after, q.seen(e.Name))
	for f, err := range q.store.Facts(at) {
		if err != nil {
			return nil, err
		}
		ev, ok, err := q.eventOf(f)
		if err != nil {
			return nil, err
		}
		if ok && e.wants(ev.name) {
			if events = append(events, ev); len(events) == batch {
				break
			}
		} else if len(events) == 0 {
			at = f.Seq
		}
	}
	q.mu.Lock()
	q.passed[e.Name] = at
	q.mu.Unlock()
	if len(events) == 0 && at-after >= stride {
		err = q.note(context.Background(), e.Name, func(p *Progress) { p.After = max(p.After, at) })
	}
	return events, err
}

// handle sends one event. done is false when the queue has to wait.
func (q *Queue) handle(ctx context.Context, e *Endpoint, ev *event) (done bool, err error) {
	// A crash may have left a dead letter whose place was not passed.
	if dead, err := get[Dead](q, kindDead, deadKey(e.Name, ev.seq)); err != nil || dead != nil {
		return err == nil, errors.Join(err, q.pass(ctx, e, ev, false))
	}
	attempt := q.send(ctx, e, ev)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if attempt.err == nil {
		q.counts.delivered(e.Name)
		return true, q.pass(ctx, e, ev, true)
	}
	q.counts.failed(e.Name)
	p, err := q.progress(e.Name)
	if err != nil {
		return false, err
	}
	if attempt.refused && p.Refusals+1 >= maxRefusals || q.now().Sub(ev.at) > patience {
		return true, q.bury(ctx, e, ev, attempt.err)
	}
	return false, q.fail(ctx, e, attempt)
}

// pass notes that an event is dealt with.
func (q *Queue) pass(ctx context.Context, e *Endpoint, ev *event, accepted bool) error {
	now := q.now().UTC()
	return q.note(ctx, e.Name, func(p *Progress) {
		p.After = max(p.After, ev.seq)
		p.Refusals = 0
		if accepted {
			p.Failures, p.Error, p.RetryAt = 0, "", time.Time{}
			p.Tried, p.Accepted = now, now
			p.Delivered++
		}
	})
}

// bury puts an event among the dead letters and goes on behind it.
func (q *Queue) bury(ctx context.Context, e *Endpoint, ev *event, cause error) error {
	d := Dead{Endpoint: e.Name, Seq: ev.seq, ID: ev.id, Event: ev.name, Time: ev.at, Given: q.now().UTC(), Error: cause.Error()}
	err := put(ctx, q, store.BySystem, kindDead, d.key(), func(*Dead) (*Dead, error) { return &d, nil })
	if err != nil {
		return err
	}
	q.counts.buried(e.Name)
	q.log.Warn("webhook given up", "endpoint", e.Name, "event", ev.id, "err", cause)
	return q.pass(ctx, e, ev, false)
}

// fail notes a failed attempt and when the next is due.
func (q *Queue) fail(ctx context.Context, e *Endpoint, a attempt) error {
	now := q.now().UTC()
	if a.gone {
		err := q.change(ctx, store.BySystem, e.Name, func(e *Endpoint) *Endpoint {
			e.Stopped = "接收方答复 410，不再接收"
			return e
		})
		if err != nil {
			return err
		}
	}
	return q.note(ctx, e.Name, func(p *Progress) {
		p.Failures++
		if a.refused {
			p.Refusals++
		}
		p.Tried, p.Error = now, a.err.Error()
		p.RetryAt = now.Add(max(pause(p.Failures), a.after))
	})
}

// replay sends the dead letters that are to be sent again. done is false when
// the endpoint does not answer.
func (q *Queue) replay(ctx context.Context, e *Endpoint) (done bool, err error) {
	dead, err := q.Dead(e.Name)
	if err != nil {
		return false, err
	}
	for i := range dead {
		if !dead[i].Again {
			continue
		}
		if done, err := q.revive(ctx, e, &dead[i]); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

func (q *Queue) revive(ctx context.Context, e *Endpoint, d *Dead) (done bool, err error) {
	ev, err := q.eventAt(d.Seq)
	if err != nil {
		return false, err
	}
	a := q.send(ctx, e, &ev)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case a.err == nil:
		q.counts.delivered(e.Name)
		return true, errors.Join(q.drop(ctx, kindDead, d.key()), q.pass(ctx, e, &event{}, true))
	case a.refused: // still not wanted: it stays where it is
		q.counts.failed(e.Name)
		d.Again, d.Error, d.Given = false, a.err.Error(), q.now().UTC()
		return true, put(ctx, q, store.BySystem, kindDead, d.key(), func(*Dead) (*Dead, error) { return d, nil })
	}
	q.counts.failed(e.Name)
	return false, q.fail(ctx, e, a)
}

// eventAt reads the event of one fact.
func (q *Queue) eventAt(seq uint64) (event, error) {
	for f, err := range q.store.Facts(seq - 1) {
		if err != nil {
			return event{}, err
		}
		ev, ok, err := q.eventOf(f)
		if err == nil && !ok {
			err = fmt.Errorf("fact %d is no event", seq)
		}
		return ev, err
	}
	return event{}, fmt.Errorf("fact %d: %w", seq, corpus.ErrNotFound)
}

// An attempt is what came of sending an event once.
type attempt struct {
	err     error
	refused bool          // the receiver answers and does not want this event
	gone    bool          // the receiver wants no events any more
	after   time.Duration // how long it asks us to wait
}

// send sends an event once.
func (q *Queue) send(ctx context.Context, e *Endpoint, ev *event) attempt {
	text, err := ev.body()
	if err != nil {
		return attempt{err: err, refused: true}
	}
	if err := q.guard.checkURL(e.URL); err != nil { // the configuration may have changed since
		return attempt{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(text))
	if err != nil {
		return attempt{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", q.agent)
	if err := sign(req.Header, e, ev.id, q.now(), text); err != nil {
		return attempt{err: err}
	}
	resp, err := q.client.Do(req)
	if err != nil {
		return attempt{err: err}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil && resp.StatusCode/100 != 2 {
		return attempt{err: err}
	}
	return answerOf(resp)
}

// answerOf reads a receiver's answer. What it says about the event itself is a
// refusal; all else is about the receiver, and the whole queue waits.
func answerOf(resp *http.Response) attempt {
	if resp.StatusCode/100 == 2 {
		return attempt{}
	}
	a := attempt{err: fmt.Errorf("接收方答复 %s", resp.Status)}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		a.refused = true
	case http.StatusGone:
		a.gone = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a.after = retryAfter(resp.Header.Get("Retry-After"))
	}
	return a
}

// longestAfter bounds how long a receiver can make us wait.
const longestAfter = time.Hour

func retryAfter(text string) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestAfter)
}

// Test sends an endpoint an event that tells of nothing, at once, and returns
// what went wrong.
func (q *Queue) Test(ctx context.Context, name string) error {
	e, err := get[Endpoint](q, kindEndpoint, name)
	if err != nil {
		return err
	}
	if e == nil {
		return fmt.Errorf("接收地址 %s：%w", name, corpus.ErrNotFound)
	}
	now := q.now().UTC()
	ev := event{id: fmt.Sprintf("evt_test_%d", now.UnixNano()), name: testEvent, at: now, data: struct{}{}}
	return q.send(ctx, e, &ev).err
}
