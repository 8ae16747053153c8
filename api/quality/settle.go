package quality

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// Settle closes the gaps that the current edition answers with what was
// written for them, and replies to the messages about them. It is called once
// a new edition answers questions.
func (q *Quality) Settle(ctx context.Context) error {
	q.settling.Lock()
	defer q.settling.Unlock()
	if err := q.View.CatchUp(); err != nil {
		return err
	}
	decisions, err := q.decisions()
	if err != nil {
		return err
	}
	var errs []error
	for id, d := range decisions {
		switch d.State {
		case insight.Drafted:
			errs = append(errs, q.settle(ctx, id, d))
		case insight.Closed: // a reply may be wanting since the program ended in between
			_, err := q.tell(ctx, id)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settle closes one gap if it can be.
func (q *Quality) settle(ctx context.Context, id string, d insight.Decision) error {
	g, err := q.View.Gap(id)
	if errors.Is(err, corpus.ErrNotFound) {
		return nil // of another journal
	}
	if err != nil {
		return err
	}
	a, err := q.Engine.Ask(ctx, answer.Request{Text: g.Text, Region: g.Region, Silent: true})
	if errors.Is(err, answer.ErrBadQuestion) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("gap %s: %w", id, err)
	}
	n := 0
	for _, r := range d.Remedies {
		if r.Kind == insight.RemedyJudged {
			continue
		}
		if n++; !q.live(r) || !answers(&a, r, q.matterOf(r)) {
			return nil
		}
	}
	if n == 0 {
		return nil
	}
	err = q.change(ctx, store.BySystem, id, func(d *insight.Decision) error {
		if d.State == insight.Drafted {
			d.State = insight.Closed
			d.Closed = &insight.Closing{Edition: a.Edition, Time: q.Now().UTC(), By: store.BySystem}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = q.tell(ctx, id)
	return err
}

// live reports whether what was written is published.
func (q *Quality) live(r insight.Remedy) bool {
	rec, err := q.Store.Get(r.Key)
	if err != nil {
		return false
	}
	switch rec := rec.(type) {
	case *corpus.Guide:
		return slices.Contains(rec.Aliases, r.Text)
	case *corpus.FAQ:
		switch r.Kind {
		case insight.RemedySimilar:
			return slices.Contains(rec.Similar, r.Text)
		case insight.RemedyCounter:
			return slices.Contains(rec.Counter, r.Text)
		}
		return true
	}
	return false
}

// matterOf is the matter that a remedy belongs to, "" if to none.
func (q *Quality) matterOf(r insight.Remedy) string {
	switch rec, err := q.Store.Get(r.Key); rec := rec.(type) {
	case *corpus.Guide:
		return rec.Code
	case *corpus.FAQ:
		if err == nil {
			return rec.Matter
		}
	}
	return ""
}

// answers reports whether an answer is what a remedy was written for.
func answers(a *answer.Answer, r insight.Remedy, matter string) bool {
	quoted := slices.ContainsFunc(a.Facts, func(f answer.Fact) bool { return f.Code == r.Key.ID })
	if r.Kind == insight.RemedyCounter {
		return !quoted
	}
	about := matter != "" && len(a.Matters) > 0 && a.Matters[0].Code == matter
	return a.Outcome == answer.Answered && (quoted || about)
}

// tell replies to the messages about a closed gap that have not been replied
// to, and returns how many it was. What was told is noted after it is on the
// disk, and a reply that is there already is not given again, so that nobody
// is forgotten and nobody told twice.
func (q *Quality) tell(ctx context.Context, id string) (told int, err error) {
	g, err := q.View.Gap(id)
	if errors.Is(err, corpus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	value, err := q.Store.Doc(insight.DecisionKind, id)
	if err != nil {
		return 0, err
	}
	d, err := insight.ParseDecision(value)
	if err != nil || d.State != insight.Closed || d.Closed == nil {
		return 0, err
	}
	for _, number := range g.Messages {
		if slices.Contains(d.Told, number) {
			continue
		}
		ok, err := q.tellOne(ctx, number, g, d)
		if err != nil {
			return told, err
		}
		if !ok {
			continue
		}
		told++
		err = q.change(ctx, store.BySystem, id, func(d *insight.Decision) error {
			if !slices.Contains(d.Told, number) {
				d.Told = append(d.Told, number)
			}
			return nil
		})
		if err != nil {
			return told, err
		}
	}
	return told, nil
}

// tellOne replies to one message with the answer that its question gets now,
// and reports whether it has that reply. It quotes nobody's words: the gap's
// are another citizen's. A message that came after the gap was closed is for
// people to see to.
func (q *Quality) tellOne(ctx context.Context, number string, g insight.Gap, d insight.Decision) (bool, error) {
	kept, replies, err := q.Mail.Find(ctx, number)
	if errors.Is(err, corpus.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("message %s: %w", number, err)
	}
	if kept.Received.After(d.Closed.Time) {
		return false, nil
	}
	a, err := q.Engine.Ask(ctx, answer.Request{Text: g.Text, Region: g.Region, Silent: true})
	if err != nil {
		return false, fmt.Errorf("message %s: %w", number, err)
	}
	if a.Outcome != answer.Answered {
		return false, nil
	}
	text := "您好，您留言问到的事，现在可以答复了：\n" + strings.TrimSpace(a.Text)
	if slices.ContainsFunc(replies, func(r answer.MessageReply) bool { return r.Text == text }) {
		return true, nil
	}
	reply := answer.MessageReply{Number: number, Agency: d.Agency, Text: text, Time: q.Now().UTC().Truncate(time.Second)}
	if err := q.Mail.Reply(ctx, store.BySystem, reply); err != nil {
		return false, fmt.Errorf("message %s: %w", number, err)
	}
	return true, nil
}
