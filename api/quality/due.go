package quality

import (
	"context"
	"time"

	"github.com/govqa/govqa/corpus/store"
)

// A DueReview is a published record whose date of review has come.
type DueReview struct {
	Type string `json:"type"`
	Code string `json:"code"`
	Due  string `json:"due"` // a date, 2006-01-02
}

// toldKind are the documents that say for which date a record was told of.
const toldKind = "review.told"

// TellDue tells of each record whose review is due, once for each date: again
// only when a later review is due. A crash in the middle may tell of one twice.
func (q *Quality) TellDue(ctx context.Context, tell func(context.Context, DueReview) error) error {
	shelf, err := q.shelf()
	if err != nil {
		return err
	}
	reviews, err := q.reviews()
	if err != nil {
		return err
	}
	today := q.today()
	for _, r := range shelf.records {
		due, id := dueOf(r, reviews), r.Key.String()
		if due == "" || due > today {
			continue
		}
		told, err := q.Store.Doc(toldKind, id)
		if err != nil {
			return err
		}
		if string(told) == due {
			continue
		}
		if err := tell(ctx, DueReview{string(r.Key.Type), r.Key.ID, due}); err != nil {
			return err
		}
		if err := q.Store.PutDoc(ctx, store.BySystem, toldKind, id, func([]byte) ([]byte, error) { return []byte(due), nil }); err != nil {
			return err
		}
	}
	return nil
}

// tellEvery is how often records are looked through for reviews that are due.
const tellEvery = time.Hour

// FollowDue tells of reviews that are due, now and every hour, until ctx ends.
// wanted says whether anybody listens: who starts to is told of all that is due.
func (q *Quality) FollowDue(ctx context.Context, wanted func() bool, tell func(context.Context, DueReview) error) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		if wanted() {
			if err := q.TellDue(ctx, tell); err != nil && ctx.Err() == nil {
				q.Log.Error("reviews that are due not told", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
