package console

import (
	"context"
	"errors"
	"time"

	"github.com/govqa/govqa/corpus/store"
)

// lookEvery is how often the schedule is looked at, at least: a draft that is
// scheduled meanwhile may be due before all that were.
const lookEvery = 5 * time.Second

// Run publishes what is scheduled when its time has come, until ctx ends. What
// was due while no service ran is published at once.
func (c *Console) Run(ctx context.Context) {
	for {
		failed := c.Due(ctx)
		if failed != nil && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "scheduled drafts not published", "err", failed)
		}
		wait := lookEvery
		if at, ok, err := c.Store.NextDue(); err == nil && ok && failed == nil {
			wait = min(wait, max(at.Sub(c.Now()), 10*time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Due publishes what is due now, and brings it to those who ask.
func (c *Console) Due(ctx context.Context) error {
	info, err := c.Store.PublishDue(ctx, c.Now())
	if errors.Is(err, store.ErrUnchanged) {
		return nil
	}
	if err != nil {
		return err
	}
	c.Log.InfoContext(ctx, "scheduled drafts published", "edition", info.Number, "added", info.Added, "changed", info.Changed, "removed", info.Removed)
	return c.Live(ctx)
}
