package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/lint"
	"github.com/govqa/govqa/corpus/store"
)

// publishForm lists what can be published and what is scheduled.
func (c *Console) publishForm(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	view, err := c.publishPage(who)
	if err != nil {
		return err
	}
	return c.staff.Render(f, who, http.StatusOK, "console-publish", "发布", view, "console.js")
}

type publishPage struct {
	Approved  []draftLine
	Scheduled []draftLine
	Edition   store.EditionInfo
	Can       can
	Report    *store.GateReport // of what is chosen; nil before it has been judged
	Chosen    map[string]bool   // refs; nil chooses all
	More      int               // approved drafts that are not listed
	All       bool              // they are chosen, too
	Note      string
	Fault     string
}

// Picks reports whether a draft is chosen.
func (p publishPage) Picks(ref string) bool { return p.Chosen == nil || p.Chosen[ref] }

func (c *Console) publishPage(who staff.Session) (publishPage, error) {
	view := publishPage{Edition: c.Store.Current(), Can: canOf(who)}
	drafts, err := c.Store.Drafts()
	if err != nil {
		return view, err
	}
	for _, d := range drafts {
		line := draftLine{d, refText(d.Ref()), TypeName(d.Key.Type), slices.Contains(d.Editors, who.Name), recordPath(d.Key)}
		switch d.State {
		case store.Approved:
			if len(view.Approved) == maxChanges {
				view.More++
				continue
			}
			view.Approved = append(view.Approved, line)
		case store.Scheduled:
			view.Scheduled = append(view.Scheduled, line)
		}
	}
	return view, nil
}

// chosen are the drafts that a form of the page names, or all that are
// approved: more than a page lists.
func (c *Console) chosen(f *fiber.Ctx) (refs []store.DraftRef, v url.Values, err error) {
	if v, err = formValues(f); err != nil {
		return nil, nil, err
	}
	if v.Get("all") == "" {
		refs, err = refsOf(v)
		return refs, v, err
	}
	drafts, err := c.Store.Drafts()
	for _, d := range drafts {
		if d.State == store.Approved {
			refs = append(refs, d.Ref())
		}
	}
	return refs, v, err
}

// judge asks the gate about the chosen drafts without publishing them.
func (c *Console) judge(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	refs, v, err := c.chosen(f)
	if err != nil {
		return err
	}
	report, err := c.Store.Judge(ctx, refs)
	if err != nil {
		return refused(err)
	}
	return c.publishAgain(f, who, http.StatusOK, refs, v, &report, "")
}

// publishAgain shows the page again with what was chosen.
func (c *Console) publishAgain(f *fiber.Ctx, who staff.Session, status int, refs []store.DraftRef, v url.Values, report *store.GateReport, fault string) error {
	view, err := c.publishPage(who)
	if err != nil {
		return err
	}
	view.Chosen, view.Note, view.All, view.Report, view.Fault = map[string]bool{}, v.Get("note"), v.Get("all") != "", report, fault
	for _, ref := range refs {
		view.Chosen[refText(ref)] = true
	}
	return c.staff.Render(f, who, status, "console-publish", "发布", view, "console.js")
}

// publish publishes the chosen drafts in one edition and waits until it
// answers questions.
func (c *Console) publish(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	refs, v, err := c.chosen(f)
	if err != nil {
		return err
	}
	p := store.Publication{Actor: who.Name, Note: strings.TrimSpace(v.Get("note")), Drafts: refs, Override: v.Get("override")}
	began := c.Now()
	info, err := c.Store.PublishDrafts(ctx, p)
	var objection *store.GateError
	switch {
	case errors.As(err, &objection):
		return c.publishAgain(f, who, http.StatusConflict, refs, v, &objection.Report, "没有发布：未通过发布前检查。")
	case errors.Is(err, store.ErrUnchanged):
		return c.publishAgain(f, who, http.StatusUnprocessableEntity, refs, v, nil, "没有发布：选中的草稿与现行内容相同，可以丢弃。")
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrState), errors.Is(err, corpus.ErrNotFound):
		return c.publishAgain(f, who, http.StatusConflict, refs, v, nil, "没有发布："+err.Error())
	case err != nil:
		return refused(err)
	}
	return c.published(ctx, f, who, "已发布", info, began)
}

type publishedPage struct {
	Info store.EditionInfo
	Live time.Time // when it answered questions
	Took time.Duration
	Late string // why it does not yet; empty if it does
}

// published says which edition there is now, and when it began to answer.
func (c *Console) published(ctx context.Context, f *fiber.Ctx, who staff.Session, what string, info store.EditionInfo, began time.Time) error {
	view := publishedPage{Info: info}
	if err := c.Live(ctx); err != nil {
		c.Log.ErrorContext(ctx, "published edition does not answer yet", "edition", info.Number, "err", err)
		view.Late = "内容已经保存，但还没有参与回答；服务会继续尝试，请联系管理员查看日志。"
	}
	view.Live = c.Now()
	view.Took = view.Live.Sub(began).Round(time.Millisecond)
	return c.staff.Render(f, who, http.StatusOK, "console-published", fmt.Sprintf("%s：第 %d 版", what, info.Number), view)
}

// withdraw takes records away at once, without a draft and without a review:
// what is wrong and published cannot wait for a second person.
func (c *Console) withdraw(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	v, err := formValues(f)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(v.Get("reason"))
	if reason == "" {
		return problem(http.StatusUnprocessableEntity, "紧急撤下必须说明原因。")
	}
	var keys []corpus.Key
	var names []string
	for _, text := range v["key"] {
		k, err := parseKey(text)
		if err != nil {
			return err
		}
		keys, names = append(keys, k), append(names, k.String())
	}
	if len(keys) == 0 {
		return problem(http.StatusUnprocessableEntity, "没有选中任何记录。")
	}
	began := c.Now()
	info, err := c.Store.Remove(ctx, who.Name, "紧急撤下："+reason+"（"+strings.Join(names, "、")+"）", keys)
	if err != nil {
		return refused(err)
	}
	return c.published(ctx, f, who, "已撤下", info, began)
}

// editions lists the editions, the newest first.
func (c *Console) editions(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	all, err := c.Store.Editions()
	if err != nil {
		return err
	}
	slices.Reverse(all)
	from, to, p := page(f, len(all))
	view := editionsPage{Editions: all[from:to], Pager: p, Can: canOf(who), Current: c.Store.Edition()}
	if n, err := strconv.ParseUint(f.Query("edition"), 10, 64); err == nil {
		if view.Shown, err = c.editionChanges(corpus.Edition(n)); err != nil {
			return refused(err)
		}
	}
	return c.staff.Render(f, who, http.StatusOK, "console-editions", "版次", view)
}

type editionsPage struct {
	Editions []store.EditionInfo
	Current  corpus.Edition
	Shown    *editionDetail
	Pager    pager
	Can      can
}

type editionDetail struct {
	Info    store.EditionInfo
	Changes []editionChange
	More    int
}

type editionChange struct {
	Key   corpus.Key
	Name  string
	Title string
	Gone  bool
	Path  string
}

// maxChanges is how many changes of an edition a page lists.
const maxChanges = 500

// Kind is why there is an edition.
func (editionsPage) Kind(kind string) string {
	switch kind {
	case "import":
		return "导入"
	case "drafts":
		return "发布草稿"
	case "remove":
		return "撤下"
	case "rollback":
		return "回退"
	}
	return kind
}

func (c *Console) editionChanges(e corpus.Edition) (*editionDetail, error) {
	if e == 0 {
		return nil, fmt.Errorf("edition 0: %w", store.ErrNoEdition)
	}
	info, err := c.Store.EditionAt(e)
	if err != nil {
		return nil, err
	}
	view := &editionDetail{Info: info}
	for change, err := range c.Store.Changes(e-1, e) {
		if err != nil {
			return nil, err
		}
		if len(view.Changes) == maxChanges {
			view.More++
			continue
		}
		line := editionChange{Key: change.Key, Name: TypeName(change.Key.Type), Title: change.Key.ID, Gone: change.Record == nil, Path: recordPath(change.Key)}
		if change.Record != nil {
			line.Title = corpus.Title(change.Record)
		}
		view.Changes = append(view.Changes, line)
	}
	return view, nil
}

// rollback publishes an older edition again.
func (c *Console) rollback(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	to, err := strconv.ParseUint(f.FormValue("edition"), 10, 64)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "版次 %q 写得不对。", f.FormValue("edition"))
	}
	reason := strings.TrimSpace(f.FormValue("reason"))
	if reason == "" {
		return problem(http.StatusUnprocessableEntity, "回退必须说明原因。")
	}
	began := c.Now()
	info, err := c.Store.Rollback(ctx, who.Name, corpus.Edition(to), fmt.Sprintf("回退到第 %d 版：%s", to, reason))
	if err != nil {
		return refused(err)
	}
	return c.published(ctx, f, who, fmt.Sprintf("已回退到第 %d 版的内容", to), info, began)
}

// conflicts lists the records that get in each other's way.
func (c *Console) conflicts(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	list, err := c.clashes.list(ctx, c.Store, c.Now())
	if err != nil {
		return err
	}
	view := conflictsPage{Kind: lint.ConflictKind(f.Query("kind"))}
	for _, kind := range lint.ConflictKinds {
		n := 0
		for _, x := range list {
			if x.Kind == kind {
				n++
			}
		}
		view.Kinds = append(view.Kinds, kindCount{kind, n})
	}
	list = slices.DeleteFunc(slices.Clone(list), func(x lint.Conflict) bool { return view.Kind != "" && x.Kind != view.Kind })
	from, to, p := page(f, len(list))
	view.Conflicts, view.Pager = list[from:to], p
	return c.staff.Render(f, who, http.StatusOK, "console-conflicts", "重复与矛盾", view)
}

type conflictsPage struct {
	Kind      lint.ConflictKind
	Kinds     []kindCount
	Conflicts []lint.Conflict
	Pager     pager
}

type kindCount struct {
	Kind lint.ConflictKind
	N    int
}

// Path is the page of one side of a conflict.
func (conflictsPage) Path(k corpus.Key) string { return recordPath(k) }

// clashes remembers the conflicts of one edition on one day.
type clashes struct {
	slot    chan struct{} // held by who reads or computes them
	edition corpus.Edition
	day     string
	all     []lint.Conflict
}

func newClashes() *clashes { return &clashes{slot: make(chan struct{}, 1)} }

func (x *clashes) list(ctx context.Context, s *store.Store, now time.Time) ([]lint.Conflict, error) {
	select {
	case x.slot <- struct{}{}:
		defer func() { <-x.slot }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	edition, day := s.Edition(), now.Format(time.DateOnly)
	if x.all != nil && x.edition == edition && x.day == day {
		return x.all, nil
	}
	gathered := lint.NewConflicts(now)
	for _, t := range []corpus.Type{corpus.TypeGuide, corpus.TypeFAQ, corpus.TypeAgency} {
		for rec, err := range s.All(edition, t) {
			if err := cmp.Or(err, ctx.Err()); err != nil {
				return nil, err
			}
			gathered.Add(rec)
		}
	}
	x.all, x.edition, x.day = append([]lint.Conflict{}, gathered.List()...), edition, day
	return x.all, nil
}
