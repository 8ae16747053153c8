// Package desk is the operator's side of the service: what is suggested while
// a caller speaks, the call that is kept of it, and the work order that comes
// out. It finds nothing by itself: suggestions are those of package answer,
// by the same way on which a citizen is answered.
//
// A call is a working document of the store. Whatever a method has accepted is
// on the disk when it returns, so that a restart in the middle of a call loses
// nothing; nothing about a call is kept in memory alone. What operators teach
// (adopted, edited, rejected, reported) goes into the journal as facts about
// an edition's answer. It is never a weight in the ranking.
package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// The kinds of documents of the desk.
const (
	kindCall     = "call"
	kindPast     = "call.past" // by day and id, so that a day's calls are read without the others
	kindDay      = "call.day"  // the day of a past call, by its id
	kindSettings = "desk"

	settingsID = "settings"
)

// An Engine answers what callers say.
type Engine interface {
	Consultant
	Aspect(ctx context.Context, code string, a nlp.Aspect) (answer.Candidate, error)
	Took(code string, a nlp.Aspect, region corpus.RegionCode) (string, error)
	Edition() corpus.Edition
}

// Config is what a Desk is made of. Store and Engine are required.
type Config struct {
	Store  *store.Store
	Engine Engine
	// Announce tells other systems of a new work order. The order that it gets
	// has neither the caller's number nor free text. nil tells nobody.
	Announce func(ctx context.Context, o WorkOrder) error
	Now      func() time.Time // nil is time.Now
}

// A Desk keeps calls. It is safe for concurrent use.
type Desk struct {
	Config
	changes  hub
	reviewed reviewers
	compared comparisons
}

// New makes a Desk.
func New(cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Desk{Config: cfg, changes: hub{watchers: map[*Watch]bool{}}}
}

// A Staff is who acts on a call.
type Staff struct {
	Name       string
	Supervisor bool
	Machine    bool // speech-to-text or another system, with a key
}

// may reports whether somebody may see a call.
func (w Staff) may(c *Call) error {
	if w.Supervisor || w.Machine || c.Operator == w.Name {
		return nil
	}
	return fmt.Errorf("%w：%s", ErrNotYours, c.ID)
}

// Settings are what a supervisor decides for the desk.
type Settings struct {
	Control int      `json:"control"` // how many of a hundred calls get no suggestions, 0 to 50
	Approve []string `json:"approve"` // operators whose answers a supervisor approves; "*" is all
}

// Settings returns the settings in force.
func (d *Desk) Settings() (Settings, error) {
	s := Settings{Approve: []string{}}
	b, err := d.Store.Doc(kindSettings, settingsID)
	if err == nil && b != nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("desk settings: %w", err)
	}
	return s, nil
}

// SetSettings changes the settings; they hold from the next call on.
func (d *Desk) SetSettings(ctx context.Context, who Staff, s Settings) error {
	if s.Control < 0 || s.Control > 50 {
		return fmt.Errorf("%w：对照组比例应为 0 到 50", ErrBadCall)
	}
	slices.Sort(s.Approve)
	s.Approve = slices.Compact(s.Approve)
	if s.Approve == nil {
		s.Approve = []string{}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return d.Store.PutDoc(ctx, who.Name, kindSettings, settingsID, func([]byte) ([]byte, error) { return b, nil })
}

// Open opens a call. The number may be empty. Sent twice with one id it is the
// same call.
func (d *Desk) Open(ctx context.Context, who Staff, id, operator, caller string, region corpus.RegionCode) (Call, error) {
	settings, err := d.Settings()
	if err != nil {
		return Call{}, err
	}
	if err := tooLong("来电号码", caller, maxCaller); err != nil {
		return Call{}, err
	}
	if region != "" && !region.Valid() {
		return Call{}, fmt.Errorf("%w：区划代码应为 6、9 或 12 位数字", ErrBadCall)
	}
	if strings.ContainsAny(id, "/ \t\r\n") || len(id) > maxID {
		return Call{}, fmt.Errorf("%w：来电编号最长 %d 字节，不含空白和斜线", ErrBadCall, maxID)
	}
	now := d.Now()
	if id == "" {
		id = now.UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:8])
	}
	call := Call{ID: id, Operator: cmp.Or(operator, who.Name), Caller: strings.TrimSpace(caller), Region: region, Group: draw(settings.Control), Opened: now.UTC(),
		Version: 1, Lines: []Line{}, Adopted: []Adoption{}}
	if key, err := d.pastKey(id); err != nil || key != "" {
		return Call{}, cmp.Or(err, fmt.Errorf("%w：%s", ErrClosed, id))
	}
	err = d.Store.PutDoc(ctx, who.Name, kindCall, id, func(old []byte) ([]byte, error) {
		if old != nil {
			if err := json.Unmarshal(old, &call); err != nil {
				return nil, err
			}
			return old, who.may(&call)
		}
		return json.Marshal(call)
	})
	if err != nil {
		return Call{}, err
	}
	d.changes.tell(&call)
	return call, nil
}

// draw puts a call into a group by chance.
func draw(control int) Group {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	if binary.BigEndian.Uint64(b[:])%100 < uint64(control) {
		return Control
	}
	return Assisted
}

// Call returns a call, open or closed.
func (d *Desk) Call(who Staff, id string) (Call, error) {
	var c Call
	key, err := d.pastKey(id)
	if err != nil {
		return c, err
	}
	kind := kindPast
	if key == "" {
		kind, key = kindCall, id
	}
	b, err := d.Store.Doc(kind, key)
	switch {
	case err != nil:
		return c, err
	case b == nil:
		return c, fmt.Errorf("%w：%s", ErrNoCall, id)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("call %s: %w", id, err)
	}
	err = who.may(&c)
	return c, err
}

// pastKey is under which id the document of a past call is kept, "" when there
// is no past call of that id.
func (d *Desk) pastKey(id string) (string, error) {
	if id == "" {
		return "", nil
	}
	day, err := d.Store.Doc(kindDay, id)
	if err != nil || day == nil {
		return "", err
	}
	return string(day) + "/" + id, nil
}

// dayFormat is how the day of a past call stands before its id.
const dayFormat = "20060102"

// change changes an open call.
func (d *Desk) change(ctx context.Context, who Staff, id string, do func(*Call) error) (Call, error) {
	c, err := d.changeIn(ctx, who, kindCall, id, do)
	if errors.Is(err, ErrNoCall) {
		if key, keyErr := d.pastKey(id); keyErr != nil || key != "" {
			return c, cmp.Or(keyErr, fmt.Errorf("%w：%s", ErrClosed, id))
		}
	}
	return c, err
}

// changeIn changes a call that is kept under a kind and an id.
func (d *Desk) changeIn(ctx context.Context, who Staff, kind, id string, do func(*Call) error) (Call, error) {
	var c Call
	changed := false
	err := d.Store.PutDoc(ctx, who.Name, kind, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, fmt.Errorf("%w：%s", ErrNoCall, id)
		}
		if err := json.Unmarshal(old, &c); err != nil {
			return nil, fmt.Errorf("call %s: %w", id, err)
		}
		if err := who.may(&c); err != nil {
			return nil, err
		}
		if err := do(&c); err != nil {
			return nil, err
		}
		before := c.Version
		same, err := json.Marshal(c)
		if err != nil || string(same) == string(old) {
			return old, err
		}
		c.Version, changed = before+1, true
		return json.Marshal(c)
	})
	if err == nil && changed {
		d.changes.tell(&c)
	}
	return c, err
}

// Say adds lines to a call's transcript. A line that is there already, by its
// id, is not added again.
func (d *Desk) Say(ctx context.Context, who Staff, id string, lines []Line) (Call, error) {
	if len(lines) == 0 || len(lines) > MaxBatch {
		return Call{}, fmt.Errorf("%w：一次应有 1 到 %d 句", ErrBadCall, MaxBatch)
	}
	return d.change(ctx, who, id, func(c *Call) error { return c.say(lines, d.Now().UTC()) })
}

// Settle forgets what has been said so far: what comes next is about something
// else.
func (d *Desk) Settle(ctx context.Context, who Staff, id string) (Call, error) {
	return d.change(ctx, who, id, func(c *Call) error {
		c.Settled, c.State = len(c.Lines), ""
		return c.open()
	})
}

// A Detail is what the operator writes down about a call; what is nil stays.
type Detail struct {
	Notes  *string
	Caller *string
	Region *corpus.RegionCode
}

// Note changes what is written down about a call.
func (d *Desk) Note(ctx context.Context, who Staff, id string, n Detail) (Call, error) {
	return d.change(ctx, who, id, func(c *Call) error {
		if n.Notes != nil {
			c.Notes = *n.Notes
		}
		if n.Caller != nil {
			c.Caller = strings.TrimSpace(*n.Caller)
		}
		if n.Region != nil {
			if c.Region = *n.Region; c.Region != "" && !c.Region.Valid() {
				return fmt.Errorf("%w：区划代码应为 6、9 或 12 位数字", ErrBadCall)
			}
		}
		return cmp.Or(tooLong("备注", c.Notes, MaxNotes), tooLong("来电号码", c.Caller, maxCaller))
	})
}

// End takes down that the talk is over; the time after it is after-call work.
func (d *Desk) End(ctx context.Context, who Staff, id string) (Call, error) {
	return d.change(ctx, who, id, func(c *Call) error {
		if c.Ended.IsZero() {
			c.Ended = d.Now().UTC()
		}
		return nil
	})
}

// Close closes a call with what the operator has confirmed and returns its
// work order. Nothing is mandatory: what is empty stays empty. Closed again it
// gives the same order.
func (d *Desk) Close(ctx context.Context, who Staff, id string, w Wrap) (WorkOrder, error) {
	c, err := d.Call(who, id)
	if err != nil {
		return WorkOrder{}, err
	}
	if !c.Closed.IsZero() {
		return d.finish(ctx, who, &c)
	}
	draft := c.Draft()
	w.CategoryWhy = why(w.Category, draft.Category, draft.CategoryWhy)
	w.AgencyWhy = why(w.Agency, draft.Agency, draft.AgencyWhy)
	if err := cmp.Or(tooLong("摘要", w.Summary, MaxSaid), tooLong("诉求类型", w.Category, maxComment), tooLong("承办单位", w.Agency, maxComment), tooLong("结果", w.Result, maxComment)); err != nil {
		return WorkOrder{}, err
	}
	now := d.Now().UTC()
	c, err = d.change(ctx, who, id, func(c *Call) error {
		if c.Ended.IsZero() {
			c.Ended = now
		}
		c.Wrap, c.Closed = w, now
		return nil
	})
	if err != nil {
		return WorkOrder{}, err
	}
	return d.finish(ctx, who, &c)
}

// why is the reason of what stands in an order: that of the draft, or that the
// operator has chosen otherwise.
func why(chosen, drafted, reason string) string {
	switch chosen {
	case "":
		return ""
	case drafted:
		return reason
	}
	return "由坐席选定"
}

// finish puts a closed call where past calls are, tells of its order, and takes
// it out of the live ones. What a crash has interrupted is done again, so that
// an order may be told of twice, under one id.
func (d *Desk) finish(ctx context.Context, who Staff, c *Call) (WorkOrder, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return WorkOrder{}, err
	}
	day := c.Opened.UTC().Format(dayFormat)
	err = d.Store.PutDoc(ctx, who.Name, kindPast, day+"/"+c.ID, func(old []byte) ([]byte, error) {
		if old != nil {
			return old, nil // it may have been reviewed since
		}
		return b, nil
	})
	if err == nil {
		err = d.Store.PutDoc(ctx, who.Name, kindDay, c.ID, func([]byte) ([]byte, error) { return []byte(day), nil })
	}
	if err != nil {
		return WorkOrder{}, err
	}
	o := c.Order()
	live, err := d.Store.Doc(kindCall, c.ID)
	if err != nil || live == nil {
		return o, err
	}
	if d.Announce != nil {
		if err := d.Announce(ctx, o.bare()); err != nil {
			return WorkOrder{}, fmt.Errorf("work order %s: %w", c.ID, err)
		}
	}
	return o, d.Store.PutDoc(ctx, who.Name, kindCall, c.ID, func([]byte) ([]byte, error) { return nil, nil })
}

// Recover finishes the calls whose closing a crash has interrupted.
func (d *Desk) Recover(ctx context.Context) error {
	var closed []Call
	err := d.each(kindCall, "", func(c *Call) error {
		if !c.Closed.IsZero() {
			closed = append(closed, *c)
		}
		return nil
	})
	for i := range closed {
		if err == nil {
			_, err = d.finish(ctx, Staff{Name: store.BySystem, Machine: true}, &closed[i])
		}
	}
	return err
}

// bare is an order without what identifies the caller or was said.
func (o WorkOrder) bare() WorkOrder {
	o.Caller, o.Summary, o.Notes = "", "", ""
	o.Answers = slices.Clone(o.Answers)
	for i := range o.Answers {
		o.Answers[i].Said = ""
	}
	return o
}

// learn journals a lesson. The same lesson may be journalled twice, under one
// ID, when an operator's page repeats a request whose reply was lost.
func (d *Desk) learn(ctx context.Context, typ string, l Lesson) error {
	l.Asked, l.Reason = guard.Mask(l.Asked), guard.Mask(l.Reason)
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("%s: %w", typ, err)
	}
	_, err = d.Store.Append(ctx, l.Operator, store.Fact{Type: typ, Data: data})
	return err
}
