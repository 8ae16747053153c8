package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api/webhook"
)

// defaultCallDays is how long calls are kept where nothing else is set.
const defaultCallDays = 180

// openDesk opens the desk and finishes what a crash has interrupted.
func openDesk(ctx context.Context, a *app) (*desk.Desk, error) {
	d := desk.New(desk.Config{Store: a.store, Engine: a.engine, Announce: func(ctx context.Context, o desk.WorkOrder) error {
		operator := o.Operator
		o.Operator = "" // accounts are nobody else's business
		return a.webhooks.Notify(ctx, operator, webhook.OrderMade, o)
	}})
	err := d.Recover(ctx)
	return d, err
}

// forgetCalls deletes old calls, now and once a day, until ctx ends. A negative
// number of days keeps them for ever.
func forgetCalls(ctx context.Context, d *desk.Desk, days int, log *slog.Logger) {
	if days < 0 {
		return
	}
	if days == 0 {
		days = defaultCallDays
	}
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		switch n, err := d.Forget(ctx, time.Now().AddDate(0, 0, -days)); {
		case err != nil:
			log.Error("old calls not deleted", "err", err)
		case n > 0:
			log.Info("old calls deleted", "calls", n)
		}
		select {
		case <-daily.C:
		case <-ctx.Done():
			return
		}
	}
}
