package main

import (
	"context"
	"errors"
	"fmt"

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
