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

// Run publishes what is scheduled when its time has come, until ctx ends; then
// it waits for the imports under way to be called off. What was due while no
// service ran is published at once, and what imports left that a crash has cut
// short is taken back.
func (c *Console) Run(ctx context.Context) {
	defer c.Close()
	if err := errors.Join(c.recoverImports(ctx), c.sweep()); err != nil {
		c.Log.ErrorContext(ctx, "imports of the last run not cleared", "err", err)
	}
	if _, err := c.rows.catchUp(ctx); err != nil && ctx.Err() == nil { // so that the first list need not wait for it
		c.Log.ErrorContext(ctx, "catalogue not built", "err", err)
	}
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

// Close calls off the imports under way and waits until they have written down
// what became of them. The store must still be open.
func (c *Console) Close() {
	c.stop()
	c.runs.wait.Wait()
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
