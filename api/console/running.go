package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/sheet"
	"github.com/govqa/govqa/corpus/store"
)

// start runs an import in the background: a dry run, or for drafts.
func (c *Console) start(j *job, dry bool) {
	ctx, cancel := context.WithCancel(c.base)
	r := &running{cancel: cancel}
	c.runs.mu.Lock()
	c.runs.jobs[j.ID] = r
	c.runs.mu.Unlock()
	c.runs.wait.Go(func() {
		defer cancel()
		select {
		case c.runs.slots <- struct{}{}:
			defer func() { <-c.runs.slots }()
		case <-ctx.Done():
		}
		c.run(ctx, j, r, dry)
		c.runs.mu.Lock()
		delete(c.runs.jobs, j.ID)
		c.runs.mu.Unlock()
	})
}

// run does an import and writes down what became of it.
func (c *Console) run(ctx context.Context, j *job, r *running, dry bool) {
	began := time.Now()
	out, err := c.importRows(ctx, j, r, dry)
	state := jobSaved
	if dry {
		state = jobChecked
	}
	said := ""
	switch {
	case errors.Is(err, context.Canceled):
		state, said = jobCancelled, "已取消，没有留下草稿。"
	case err != nil:
		c.Log.Error("import failed", "import", j.ID, "err", err)
		state, said = jobFailed, "没有完成，没有留下草稿："+strings.ReplaceAll(err.Error(), j.ID, j.Name)
	}
	// What became of it is written down even while the service stops.
	_, err = c.changeJob(context.WithoutCancel(ctx), j.By, j.ID, []jobState{jobChecking, jobSaving}, func(j *job) {
		j.State, j.Error, j.Took = state, said, time.Since(began).Round(time.Millisecond)
		if said == "" {
			j.Report, j.Changes, j.More, j.Warnings = out.Report, out.Changes, out.More, out.Warnings
		}
	})
	if err == nil && state == jobSaved {
		err = os.Remove(c.path(j.ID))
	}
	if err != nil {
		c.Log.Error("end of an import not written down", "import", j.ID, "err", err)
	}
}

// importRows reads the file of an import into the store, or would in a dry run.
func (c *Console) importRows(ctx context.Context, j *job, r *running, dry bool) (*job, error) {
	out := new(job)
	rows, done, err := c.rowsOf(j, out)
	if err != nil {
		return out, err
	}
	opts := store.ImportOptions{Actor: j.By, Note: j.Note, DryRun: dry, SkipRejected: true, Batch: j.ID,
		Progress: func(n int) { r.done.Store(int64(n)) },
		Changed: func(row int, before, after corpus.Record) {
			if len(out.Changes) == maxJobChanges {
				out.More++
				return
			}
			change := jobChange{Row: row, Key: after.Key().String(), Title: corpus.Title(after), New: before == nil}
			if before != nil {
				differs, err := fields.Diff(before, after, c.Cut)
				if err != nil { // the row is shown without its differences
					c.Log.Error("differences not shown", "record", after.Key().String(), "err", err)
				}
				change.Differs = differs
			}
			out.Changes = append(out.Changes, change)
		}}
	report, err := c.Store.Import(ctx, []store.File{{Name: j.Name, Rows: rows}}, opts)
	if err := errors.Join(err, done()); err != nil {
		return out, err
	}
	out.Report = &report.Files[0]
	if out.Report.Failed != "" {
		return out, fmt.Errorf("%s", out.Report.Failed)
	}
	return out, nil
}

// rowsOf opens the file of an import. What is read but not understood is noted
// in out.
func (c *Console) rowsOf(j, out *job) (iter.Seq[corpus.Row], func() error, error) {
	if j.Policy != nil {
		rows, err := j.Policy.rows()
		return rows, func() error { return nil }, err
	}
	format := j.Format
	rows, closer, err := sheet.Open(c.path(j.ID), format, sheet.Options{Columns: j.Columns, OnWarning: func(w sheet.Warning) {
		if len(out.Warnings) < maxJobWarnings {
			out.Warnings = append(out.Warnings, strings.TrimSpace(fmt.Sprintf("%s 第 %d 行 %s：%s", w.Sheet, w.Row, w.Field, w.Why)))
		}
	}})
	if err != nil {
		return nil, nil, err
	}
	if j.Table() && !j.Clear {
		rows = c.keepAbsent(rows, covered(j.Sheets))
	}
	return rows, closer.Close, nil
}

// recoverImports takes back what imports left that a crash has cut short.
func (c *Console) recoverImports(ctx context.Context) error {
	jobs, err := c.jobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if !j.Busy() || c.runs.get(j.ID) != nil {
			continue
		}
		if err := c.Store.DropBatch(ctx, store.BySystem, j.ID); err != nil {
			return err
		}
		if _, err := c.changeJob(ctx, store.BySystem, j.ID, []jobState{jobChecking, jobSaving}, func(j *job) {
			j.State, j.Error = jobFailed, "服务中断，没有完成，也没有留下草稿。可以再来一次。"
		}); err != nil {
			return err
		}
	}
	return nil
}

// keepFiles is how long the file of an import that was not saved is kept.
const keepFiles = 7 * 24 * time.Hour

// sweep removes the files of imports that are over or forgotten.
func (c *Console) sweep() error {
	if c.Dir == "" {
		return nil
	}
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || c.Now().Sub(info.ModTime()) < keepFiles {
			continue
		}
		if err := os.Remove(c.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// rejected downloads the rejected rows of an import and why they were.
func (c *Console) rejected(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	j, err := c.jobOf(f.Query("id"))
	if err != nil {
		return err
	}
	if j.Report == nil {
		return problem(http.StatusNotFound, "这次导入还没有试运行。")
	}
	var buf bytes.Buffer
	table := sheet.Output{Name: "被拒绝的行", Head: []string{"行号", "编码", "字段", "字段名", "原因"}, Rows: func(yield func([]string, error) bool) {
		for _, r := range j.Report.Rejected {
			label := ""
			if r.Field != "" && r.Key.Type != "" {
				label = fields.Label(r.Key.Type, r.Field)
			}
			if !yield([]string{strconv.Itoa(r.Row), r.Key.ID, r.Field, label, r.Why}, nil) {
				return
			}
		}
	}}
	if err := sheet.WriteCSV(&buf, table); err != nil {
		return fmt.Errorf("rejected rows: %w", err)
	}
	return download(f, "被拒绝的行.csv", "text/csv; charset=utf-8", buf.Bytes())
}
