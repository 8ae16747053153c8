package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/lint"
	"github.com/govqa/govqa/corpus/store"
)

// perPage is how many lines a page of a list has.
const perPage = 50

// A pager leads through the pages of a list.
type pager struct {
	Page, Pages, Total int
	Before, After      string // addresses; empty where there is none
}

// page returns the part of a list that a request asks for, from and to, and
// what leads to the others.
func page(f *fiber.Ctx, total int) (from, to int, p pager) {
	p = pager{Page: 1, Pages: max(1, (total+perPage-1)/perPage), Total: total}
	if n, err := strconv.Atoi(f.Query("page")); err == nil {
		p.Page = min(max(n, 1), p.Pages)
	}
	link := func(n int) string {
		q := url.Values{}
		for k, v := range f.Context().QueryArgs().All() {
			q.Add(string(k), string(v))
		}
		q.Set("page", strconv.Itoa(n))
		return f.Path() + "?" + q.Encode()
	}
	if p.Page > 1 {
		p.Before = link(p.Page - 1)
	}
	if p.Page < p.Pages {
		p.After = link(p.Page + 1)
	}
	from = (p.Page - 1) * perPage
	return from, min(from+perPage, total), p
}

// list shows the records of a type that pass the filters.
func (c *Console) list(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	t, err := typeOf(f)
	if err != nil {
		return err
	}
	q := filterOf(f, t)
	found, err := c.find(ctx, q)
	if err != nil {
		return err
	}
	from, to, p := page(f, len(found))
	view := listPage{Type: t, Name: TypeName(t), Filter: q, Lines: found[from:to], Pager: p, Can: canOf(who), Here: f.OriginalURL(),
		States: store.States, Fields: changeable(t), Tabs: tabs(t)}
	return c.staff.Render(f, who, http.StatusOK, "console-list", view.Name, view, "console.js")
}

// filterOf is the filter that the address of a request has.
func filterOf(f *fiber.Ctx, t corpus.Type) filter {
	return filter{Type: t, Text: f.Query("q"), Agency: f.Query("agency"), Region: f.Query("region"), State: f.Query("state"),
		Force: f.Query("force"), Remark: f.Query("remark"), Sort: f.Query("sort")}
}

type listPage struct {
	Type   corpus.Type
	Name   string
	Filter filter
	Lines  []listing
	Pager  pager
	Can    can
	Here   string
	States []store.State
	Fields []fields.Field
	Tabs   []tab
}

// A tab leads to the list of a type.
type tab struct {
	Type corpus.Type
	Name string
	Here bool
}

func tabs(here corpus.Type) []tab {
	var list []tab
	for _, t := range corpus.Types {
		list = append(list, tab{t, TypeName(t), t == here})
	}
	return list
}

// Query is the filter as an address, for exports of what a list shows.
func (l listPage) Query() string {
	v := url.Values{"type": {string(l.Type)}}
	for k, s := range map[string]string{"q": l.Filter.Text, "agency": l.Filter.Agency, "region": l.Filter.Region, "state": l.Filter.State,
		"force": l.Filter.Force, "remark": l.Filter.Remark, "sort": l.Filter.Sort} {
		if s != "" {
			v.Set(k, s)
		}
	}
	return v.Encode()
}

// State is the state of the draft, "" if there is none.
func (l listing) State() store.State {
	if l.Draft == nil {
		return ""
	}
	return l.Draft.State
}

// changeable lists the fields of a type that many records can be given at once.
func changeable(t corpus.Type) []fields.Field {
	var list []fields.Field
	for _, s := range fields.Of(t) {
		for _, f := range s.Fields {
			switch {
			case f.Kind == fields.Group, f.Key == "code", f.Key == "id", f.Key == "name", f.Key == "question", f.Key == "title", f.Key == "text", f.Key == "answer":
			default:
				list = append(list, f)
			}
		}
	}
	return list
}

// maxMany is how many records can be changed at once: what one page shows, or
// a whole selection of a search.
const maxMany = 2000

// A change of many records gives a field of each a new value, adds an item to
// a list, or puts one text in place of another wherever the field has it.
type manyChange struct {
	Field fields.Field
	How   string // set, add or replace
	Old   string // of replace
	Value string
	Note  string
}

// changeMany changes a field of many records. Each becomes a draft; what
// cannot be changed is said, and the others are.
func (c *Console) changeMany(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	t, err := typeOf(f)
	if err != nil {
		return err
	}
	v, err := formValues(f)
	if err != nil {
		return err
	}
	change := manyChange{How: v.Get("how"), Old: v.Get("old"), Value: v.Get("value"), Note: strings.TrimSpace(v.Get("note"))}
	for _, field := range changeable(t) {
		if field.Key == v.Get("field") {
			change.Field = field
		}
	}
	keys := v["key"]
	switch {
	case change.Field.Key == "":
		return problem(http.StatusUnprocessableEntity, "请选择要改的字段。")
	case len(keys) == 0:
		return problem(http.StatusUnprocessableEntity, "没有选中任何记录。")
	case len(keys) > maxMany:
		return problem(http.StatusUnprocessableEntity, "一次最多改 %d 条。", maxMany)
	case change.How == "replace" && change.Old == "":
		return problem(http.StatusUnprocessableEntity, "请填写要替换的原文。")
	}
	result := manyPage{Name: TypeName(t), Change: change, Back: v.Get("back")}
	for _, text := range keys {
		k, err := parseKey(text)
		if err != nil {
			return err
		}
		one, err := c.changeOne(ctx, who, k, change)
		if err != nil {
			return err
		}
		result.add(one)
	}
	return c.staff.Render(f, who, http.StatusOK, "console-changed", "批量修改", result)
}

type manyPage struct {
	Name    string
	Change  manyChange
	Back    string
	Saved   []changed
	Same    int
	Refused []changed
}

type changed struct {
	Key   corpus.Key
	Title string
	Why   string // it was not changed; empty if it was
	Ref   string
	same  bool
}

func (p *manyPage) add(one changed) {
	switch {
	case one.Why != "":
		p.Refused = append(p.Refused, one)
	case one.same:
		p.Same++
	default:
		p.Saved = append(p.Saved, one)
	}
}

// changeOne saves the draft of one changed record. The error is for what is
// not the record's fault.
func (c *Console) changeOne(ctx context.Context, who staff.Session, k corpus.Key, change manyChange) (changed, error) {
	one := changed{Key: k}
	current, err := c.current(k)
	if errors.Is(err, corpus.ErrNotFound) {
		one.Why = "没有这条记录"
		return one, nil
	}
	if err != nil {
		return one, err
	}
	if current.record == nil {
		one.Why = "草稿要删除它"
		return one, nil
	}
	one.Title = corpus.Title(current.record)
	v, err := fields.Fill(current.record)
	if err != nil {
		return one, err
	}
	change.apply(v)
	rec, err := fields.Read(k.Type, current.record, v)
	if err != nil {
		one.Why = said(k.Type, err)
		return one, nil
	}
	list, err := fields.Diff(current.record, rec, c.Cut)
	if err != nil {
		return one, err
	}
	if one.same = len(list) == 0; one.same {
		return one, nil
	}
	d, err := c.Store.SaveDraft(ctx, who.Name, store.Edit{Record: rec, Version: current.version, Base: current.base, Note: change.Note})
	if errors.Is(err, store.ErrConflict) {
		one.Why = err.Error()
		return one, nil
	}
	one.Ref = refText(d.Ref())
	return one, err
}

func (m manyChange) apply(v fields.Values) {
	key := m.Field.Key
	switch {
	case m.How == "add" && (m.Field.Kind == fields.Lines || m.Field.Kind == fields.Boxes):
		if m.Field.Kind == fields.Lines {
			v[key] = []string{v.Get(key) + "\n" + m.Value}
			return
		}
		v[key] = append(v[key], m.Value)
	case m.How == "replace":
		for i, s := range v[key] {
			v[key][i] = strings.ReplaceAll(s, m.Old, m.Value)
		}
	case m.Field.Kind == fields.Limit:
		unit := strings.TrimLeft(m.Value, "0123456789 ")
		n := strings.TrimSpace(strings.TrimSuffix(m.Value, unit))
		v[key+".n"], v[key+".unit"], v[key+".note"] = []string{n}, []string{unit}, nil
	case m.Field.Kind == fields.Boxes:
		v[key] = strings.FieldsFunc(m.Value, func(r rune) bool { return strings.ContainsRune("、,， \n", r) })
	default:
		v[key] = []string{m.Value}
	}
}

// said says what is wrong with a record, field by field.
func said(t corpus.Type, err error) string {
	var list []string
	for name, whys := range fields.Faults(err) {
		label := ""
		if name != "" {
			label = fields.Label(t, name) + "："
		}
		list = append(list, label+strings.Join(whys, "；"))
	}
	return strings.Join(list, "；")
}

// Worst is the gravest remark that the record alone gives cause for.
func (r *row) Worst() lint.Level {
	switch {
	case r.Grave > 0:
		return lint.Grave
	case r.Missing > 0:
		return lint.Missing
	}
	return ""
}
