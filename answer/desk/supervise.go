package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus/store"
)

// A Filter picks past calls.
type Filter struct {
	From, To time.Time // of opening; To is exclusive, zero is open
	Operator string
	Category string // beginning of it
	Result   string
	Limit    int // 0 means 100; the newest are kept
}

const (
	defaultPast = 100
	maxPast     = 10_000
	pageOfDocs  = 200
)

func (f *Filter) fits(c *Call) bool {
	return !c.Opened.Before(f.From) && (f.To.IsZero() || c.Opened.Before(f.To)) && (f.Operator == "" || c.Operator == f.Operator) &&
		(f.Category == "" || c.Wrap.Category == f.Category || len(c.Wrap.Category) > len(f.Category) && c.Wrap.Category[:len(f.Category)+1] == f.Category+"/") &&
		(f.Result == "" || c.Wrap.Result == f.Result)
}

// each calls fn for every call of a kind whose id begins with a prefix, in the
// order of their ids.
func (d *Desk) each(kind, prefix string, fn func(*Call) error) error {
	after := prefix
	for {
		docs, err := d.Store.Docs(kind, after, pageOfDocs)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			if !strings.HasPrefix(doc.ID, prefix) {
				return nil
			}
			var c Call
			if err := json.Unmarshal(doc.Value, &c); err != nil {
				return fmt.Errorf("call %s: %w", doc.ID, err)
			}
			if err := fn(&c); err != nil {
				return err
			}
		}
		after = docs[len(docs)-1].ID
	}
}

// Live returns the calls under way, the oldest first; of an operator who is no
// supervisor only their own.
func (d *Desk) Live(who Staff) ([]Call, error) {
	calls := []Call{}
	err := d.each(kindCall, "", func(c *Call) error {
		if who.may(c) == nil && c.Closed.IsZero() {
			calls = append(calls, *c)
		}
		return nil
	})
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID)) })
	return calls, err
}

// Past returns closed calls, the newest first. It reads day by day backwards,
// and no further than it must.
func (d *Desk) Past(who Staff, f Filter) ([]Call, error) {
	f.Limit = min(cmp.Or(f.Limit, defaultPast), maxPast)
	calls := []Call{}
	first, last, err := d.days()
	if err != nil || first == "" {
		return calls, err
	}
	if from := f.From.UTC().Format(dayFormat); !f.From.IsZero() {
		first = max(first, from)
	}
	if to := f.To.UTC().Format(dayFormat); !f.To.IsZero() {
		last = min(last, to)
	}
	for day := last; day >= first && len(calls) < f.Limit; {
		var of []Call
		err := d.each(kindPast, day+"/", func(c *Call) error {
			if who.may(c) == nil && f.fits(c) {
				of = append(of, *c)
			}
			return nil
		})
		if err != nil {
			return calls, err
		}
		slices.SortFunc(of, func(a, b Call) int { return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(b.ID, a.ID)) })
		calls = append(calls, of...)
		t, err := time.Parse(dayFormat, day)
		if err != nil {
			return calls, fmt.Errorf("past call of day %q: %w", day, err)
		}
		day = t.AddDate(0, 0, -1).Format(dayFormat)
	}
	return calls[:min(len(calls), f.Limit)], nil
}

// days are the first day of past calls, and today; "" when there is none.
func (d *Desk) days() (first, last string, err error) {
	docs, err := d.Store.Docs(kindPast, "", 1)
	if err != nil || len(docs) == 0 {
		return "", "", err
	}
	first, _, _ = strings.Cut(docs[0].ID, "/")
	return first, d.Now().UTC().Format(dayFormat), nil
}

// Sample draws closed calls by chance, for review: calls that nobody has
// reviewed yet.
func (d *Desk) Sample(who Staff, f Filter, n int) ([]Call, error) {
	if n < 1 || n > 100 {
		return nil, fmt.Errorf("%w：抽检 1 到 100 通", ErrBadCall)
	}
	f.Limit = maxPast
	calls, err := d.Past(who, f)
	if err != nil {
		return nil, err
	}
	calls = slices.DeleteFunc(calls, func(c Call) bool { return len(c.Reviews) > 0 })
	rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	return calls[:min(n, len(calls))], nil
}

// Review keeps a supervisor's judgement of a closed call.
func (d *Desk) Review(ctx context.Context, who Staff, id string, score int, comment string) (Call, error) {
	if score < 0 || score > 100 {
		return Call{}, fmt.Errorf("%w：质检分应为 0 到 100", ErrBadCall)
	}
	if err := tooLong("评语", comment, maxComment); err != nil {
		return Call{}, err
	}
	key, err := d.pastKey(id)
	if err != nil {
		return Call{}, err
	}
	if key == "" {
		return Call{}, fmt.Errorf("%w：%s", ErrNoCall, id)
	}
	return d.changeIn(ctx, who, kindPast, key, func(c *Call) error {
		c.Reviews = append(c.Reviews, Review{By: who.Name, At: d.Now().UTC(), Score: score, Comment: comment})
		return nil
	})
}

// Decide approves or refuses an answer that waits for a supervisor.
func (d *Desk) Decide(ctx context.Context, who Staff, id, adoption string, approved bool, comment string) (Call, error) {
	if err := tooLong("意见", comment, maxComment); err != nil {
		return Call{}, err
	}
	return d.change(ctx, who, id, func(c *Call) error {
		a := c.adopted(adoption)
		if a == nil {
			return fmt.Errorf("%w：没有这条答复", ErrBadCall)
		}
		if a.Status != Pending {
			return fmt.Errorf("%w：这条答复已由 %s 处理", ErrBadCall, cmp.Or(a.By, "系统"))
		}
		a.Status, a.By, a.Comment = Refused, who.Name, comment
		if approved {
			a.Status = Approved
		}
		return nil
	})
}

// Orders returns the work orders of closed calls, the newest first.
func (d *Desk) Orders(who Staff, f Filter) ([]WorkOrder, error) {
	calls, err := d.Past(who, f)
	orders := make([]WorkOrder, len(calls))
	for i := range calls {
		orders[i] = calls[i].Order()
	}
	return orders, err
}

// Forget deletes the calls that were opened before the day of a time, and
// reports how many. Their lessons stay: they say nothing of who called.
func (d *Desk) Forget(ctx context.Context, before time.Time) (int, error) {
	forgotten := 0
	remove := func([]byte) ([]byte, error) { return nil, nil }
	for {
		docs, err := d.Store.Docs(kindPast, "", pageOfDocs)
		if err != nil {
			return forgotten, err
		}
		before := before.UTC().Format(dayFormat)
		old := slices.DeleteFunc(docs, func(doc store.Doc) bool { return doc.ID >= before })
		for _, doc := range old { // the call itself goes last, so that an interrupted deletion is taken up again
			_, id, _ := strings.Cut(doc.ID, "/")
			err := d.Store.PutDoc(ctx, store.BySystem, kindDay, id, remove)
			if err == nil {
				err = d.Store.PutDoc(ctx, store.BySystem, kindPast, doc.ID, remove)
			}
			if err != nil {
				return forgotten, err
			}
			forgotten++
		}
		if len(old) < pageOfDocs {
			return forgotten, nil
		}
	}
}
