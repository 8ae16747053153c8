package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/govqa/govqa/answer/eval"
)

// evalDesk lets the desk hear judged questions word by word.
func evalDesk(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	a, err := openApp(ctx, c.data, true, logTo(c.err), c.err)
	if err != nil {
		return err
	}
	report, err := eval.Desk(ctx, c.args[0], a.engine, a.seg)
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, report)
	}
	_, err = fmt.Fprint(c.out, report)
	return err
}

// evalDeskLoad lets operators type against a running server.
func evalDeskLoad(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	set, err := eval.ReadSet(c.args[0])
	if err != nil {
		return err
	}
	load := eval.DeskLoad{URL: c.values.url, Account: os.Getenv("GOVQA_DESK_USER"), Password: os.Getenv("GOVQA_DESK_PASSWORD"), Operators: c.values.operators, Keys: c.values.keys, For: c.values.length}
	for _, q := range set.Questions {
		load.Texts = append(load.Texts, q.Text)
	}
	report, err := load.Run(ctx)
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, report)
	}
	_, err = fmt.Fprint(c.out, report)
	return err
}
