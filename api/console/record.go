package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/lint"
	"github.com/govqa/govqa/corpus/store"
)

// A version is a record as its editors have it: its draft, or what is
// published where there is none.
type version struct {
	record  corpus.Record // nil if the draft removes it
	live    corpus.Record // published; nil if it is not
	draft   *store.Draft  // nil if there is none
	version uint64        // of the draft; 0 without one
	base    corpus.Edition
}

// current returns a record as its editors have it, or corpus.ErrNotFound.
func (c *Console) current(k corpus.Key) (version, error) {
	v := version{base: c.Store.Edition()}
	live, err := c.Store.GetAt(v.base, k)
	if err != nil && !errors.Is(err, corpus.ErrNotFound) {
		return v, err
	}
	if err == nil {
		v.live, v.record = live, live
	}
	d, err := c.Store.Draft(k)
	if errors.Is(err, corpus.ErrNotFound) {
		if v.live == nil {
			return v, fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
		}
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.draft, v.version, v.record = &d, d.Version, d.Record
	return v, nil
}

// record shows one record: what is published, what the draft changes, what is
// to be mended, what was done to it, and what can be done now.
func (c *Console) record(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	k, err := keyOf(f)
	if err != nil {
		return err
	}
	view, err := c.recordPage(ctx, k)
	if err != nil {
		return refused(err)
	}
	view.Can, view.Who = canOf(who), who.Name
	return c.staff.Render(f, who, http.StatusOK, "console-record", view.Title, view, "console.js")
}

type recordPage struct {
	Key       corpus.Key
	Name      string // of the type
	Title     string
	Path      string
	Draft     *store.Draft
	Ref       string
	Published bool
	Stale     bool // the record was published anew after the draft was made
	Differs   []fields.Difference
	Shown     []fields.Difference // all fields of what is published, where there is no draft
	Remarks   []remark
	History   []past
	Edition   corpus.Edition
	Can       can
	Who       string
}

// A remark is one of lint with the name of its field.
type remark struct {
	Label string
	lint.Remark
}

// A past is one published revision.
type past struct {
	store.Revision
	Info    store.EditionInfo
	Differs []fields.Difference // from the one before
	Current bool
}

// maxHistory is how many revisions a page shows.
const maxHistory = 20

func (c *Console) recordPage(ctx context.Context, k corpus.Key) (recordPage, error) {
	v, err := c.current(k)
	if err != nil {
		// What was removed has a history still.
		if history, historyErr := c.Store.History(k); !errors.Is(err, corpus.ErrNotFound) || historyErr != nil || len(history) < 2 {
			return recordPage{}, err
		}
	}
	page := recordPage{Key: k, Name: TypeName(k.Type), Path: recordPath(k), Draft: v.draft, Published: v.live != nil, Edition: v.base}
	switch {
	case v.draft != nil:
		page.Title, page.Ref = v.draft.Title, refText(v.draft.Ref())
		if page.Stale, err = c.stale(*v.draft, v.live); err != nil {
			return page, err
		}
		if page.Differs, err = fields.Diff(v.live, v.record, c.Cut); err != nil {
			return page, err
		}
	case v.live != nil:
		page.Title = corpus.Title(v.live)
		if page.Shown, err = fields.Diff(nil, v.live, c.Cut); err != nil {
			return page, err
		}
	}
	if v.record != nil {
		if page.Remarks, err = c.remarks(ctx, v.record); err != nil {
			return page, err
		}
	}
	page.History, err = c.history(k)
	if page.Title == "" {
		page.Title = k.ID
		for _, h := range page.History {
			if h.Record != nil {
				page.Title = corpus.Title(h.Record)
				break
			}
		}
	}
	return page, err
}

// stale reports whether a record was published anew after its draft was made.
func (c *Console) stale(d store.Draft, live corpus.Record) (bool, error) {
	then, err := c.Store.GetAt(d.Base, d.Key)
	if err != nil && !errors.Is(err, corpus.ErrNotFound) {
		return false, err
	}
	if then == nil || live == nil {
		return then != live, nil
	}
	list, err := fields.Diff(then, live, nil)
	return len(list) > 0, err
}

// history lists what was published of a record, the newest first.
func (c *Console) history(k corpus.Key) ([]past, error) {
	revisions, err := c.Store.History(k)
	if errors.Is(err, corpus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []past
	for i, r := range revisions[:min(len(revisions), maxHistory)] {
		p := past{Revision: r, Current: i == 0}
		if p.Info, err = c.Store.EditionAt(r.Edition); err != nil {
			return nil, err
		}
		var before corpus.Record
		if i+1 < len(revisions) {
			before = revisions[i+1].Record
		}
		if r.Record != nil && before != nil {
			if p.Differs, err = fields.Diff(before, r.Record, c.Cut); err != nil {
				return nil, err
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// remarks checks a record with all that is around it.
func (c *Console) remarks(ctx context.Context, rec corpus.Record) ([]remark, error) {
	rows, err := c.rows.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	published := func(k corpus.Key) *row {
		at, ok := slices.BinarySearchFunc(rows[k.Type], k.ID, func(r *row, id string) int {
			switch {
			case r.Key.ID < id:
				return -1
			case r.Key.ID > id:
				return 1
			}
			return 0
		})
		if !ok {
			return nil
		}
		return rows[k.Type][at]
	}
	around := lint.Surrounding{
		Now: c.Now(),
		Exists: func(k corpus.Key) bool {
			if published(k) != nil {
				return true
			}
			_, err := c.Store.Draft(k)
			return err == nil
		},
		Reply: func(class string) bool { return guard.Class(class).Outcome() != "" },
		Period: func(k corpus.Key) (corpus.Period, bool) {
			if d, err := c.Store.Draft(k); err == nil {
				if p, ok := d.Record.(*corpus.Policy); ok {
					return p.Effective, true
				}
			}
			r := published(k)
			if r == nil {
				return corpus.Period{}, false
			}
			return corpus.Period{From: r.From, To: r.To}, true
		},
		Agency: func(name string) (registered, some bool) {
			list := rows[corpus.TypeAgency]
			return slices.ContainsFunc(list, func(r *row) bool { return r.Title == name }), len(list) > 0
		},
	}
	var all []remark
	for _, r := range lint.Check(rec, around) {
		all = append(all, remark{fields.Label(rec.Key().Type, r.Field), r})
	}
	return all, nil
}

// drafts lists the drafts of a state, or of an import.
func (c *Console) drafts(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	all, err := c.Store.Drafts()
	if err != nil {
		return err
	}
	view := draftsPage{State: store.State(f.Query("state")), Batch: f.Query("batch"), Mine: f.Query("mine") != "", States: store.States,
		Can: canOf(who), Who: who.Name, Here: f.OriginalURL()}
	var list []draftLine
	for _, d := range all {
		if (view.State == "" || d.State == view.State) && (view.Batch == "" || d.Batch == view.Batch) && (!view.Mine || slices.Contains(d.Editors, who.Name)) {
			list = append(list, draftLine{d, refText(d.Ref()), TypeName(d.Key.Type), slices.Contains(d.Editors, who.Name), recordPath(d.Key)})
		}
	}
	from, to, p := page(f, len(list))
	view.Pager, view.Lines = p, list[from:to]
	return c.staff.Render(f, who, http.StatusOK, "console-drafts", "草稿", view, "console.js")
}

type draftsPage struct {
	State  store.State
	Batch  string
	Mine   bool
	States []store.State
	Lines  []draftLine
	Pager  pager
	Can    can
	Who    string
	Here   string
}

type draftLine struct {
	store.DraftInfo
	Ref  string
	Name string // of the type
	Own  bool   // who looks has edited it
	Path string
}

// step does one step with the drafts that a form names, or with a whole batch.
func (c *Console) step(f *fiber.Ctx, do func(refs []store.DraftRef, note string) error) error {
	v, err := formValues(f)
	if err != nil {
		return err
	}
	if batch := v.Get("batch"); batch != "" {
		if v["ref"], err = c.batchRefs(batch, store.State(v.Get("state"))); err != nil {
			return err
		}
	}
	refs, err := refsOf(v)
	if err != nil {
		return err
	}
	if err := do(refs, v.Get("remark")); err != nil {
		return refused(err)
	}
	otherwise := "/console/drafts"
	if len(refs) == 1 {
		otherwise = recordPath(refs[0].Key)
	}
	return back(f, v, otherwise)
}

// batchRefs names the drafts of an import that are in a state.
func (c *Console) batchRefs(batch string, state store.State) ([]string, error) {
	drafts, err := c.Store.Drafts()
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, d := range drafts {
		if d.Batch == batch && d.State == state {
			refs = append(refs, refText(d.Ref()))
		}
	}
	return refs, nil
}

func (c *Console) submit(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	return c.step(f, func(refs []store.DraftRef, _ string) error { return c.Store.SubmitDrafts(ctx, who.Name, refs) })
}

func (c *Console) approve(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	return c.step(f, func(refs []store.DraftRef, note string) error {
		return c.Store.ReviewDrafts(ctx, who.Name, refs, true, note)
	})
}

func (c *Console) giveBack(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	return c.step(f, func(refs []store.DraftRef, note string) error {
		return c.Store.ReviewDrafts(ctx, who.Name, refs, false, note)
	})
}

func (c *Console) drop(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	return c.step(f, func(refs []store.DraftRef, _ string) error {
		for _, ref := range refs {
			if err := c.Store.DropDraft(ctx, who.Name, ref); err != nil {
				return err
			}
		}
		return nil
	})
}

// schedule has approved drafts published at a time; without one it takes them
// off the schedule.
func (c *Console) schedule(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	var at time.Time
	if text := f.FormValue("at"); text != "" {
		var err error
		if at, err = time.ParseInLocation("2006-01-02T15:04", text, web.China()); err != nil {
			return problem(http.StatusUnprocessableEntity, "时间 %q 写得不对，应形如 2026-12-01T08:30。", text)
		}
		if at.Before(c.Now()) {
			return problem(http.StatusUnprocessableEntity, "%s 已经过去，请选将来的时间，或者直接发布。", at.In(web.China()).Format("2006-01-02 15:04"))
		}
	}
	return c.step(f, func(refs []store.DraftRef, _ string) error { return c.Store.ScheduleDrafts(ctx, who.Name, refs, at) })
}

// remove drafts the removal of a record.
func (c *Console) remove(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	k, err := keyOf(f)
	if err != nil {
		return err
	}
	v, err := c.current(k)
	if err != nil {
		return refused(err)
	}
	_, err = c.Store.SaveDraft(ctx, who.Name, store.Edit{Key: k, Version: v.version, Base: v.base, Note: f.FormValue("note")})
	if err != nil {
		return refused(err)
	}
	return f.Redirect(recordPath(k), http.StatusSeeOther)
}

// restore drafts a record as it was in an earlier edition.
func (c *Console) restore(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	k, err := keyOf(f)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(f.FormValue("edition"), 10, 64)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "版次 %q 写得不对。", f.FormValue("edition"))
	}
	then, err := c.Store.GetAt(corpus.Edition(n), k)
	if err != nil {
		return refused(err)
	}
	v, err := c.current(k)
	if err != nil && !errors.Is(err, corpus.ErrNotFound) {
		return err
	}
	_, err = c.Store.SaveDraft(ctx, who.Name, store.Edit{Record: then, Version: v.version, Base: v.base, Note: fmt.Sprintf("恢复第 %d 版的内容", n)})
	if err != nil {
		return refused(err)
	}
	return f.Redirect(recordPath(k), http.StatusSeeOther)
}
