package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/store"
)

// editForm shows the form of a record, or of a new one of a type.
func (c *Console) editForm(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	view := editPage{Base: c.Store.Edition()}
	var values fields.Values
	if f.Query("key") == "" {
		t, err := typeOf(f)
		if err != nil {
			return err
		}
		view.Type, view.New, values = t, true, fields.Values{}
		for _, s := range fields.Of(t) { // what links from other pages bring along
			for _, field := range s.Fields {
				if given := f.Query(field.Key); given != "" {
					values[field.Key] = []string{given}
				}
			}
		}
	} else {
		k, err := keyOf(f)
		if err != nil {
			return err
		}
		v, err := c.current(k)
		if err != nil {
			return refused(err)
		}
		if v.record == nil { // the draft removes it
			v.record = v.live
		}
		view.Type, view.Key, view.Version, view.Base = k.Type, k, v.version, v.base
		if v.draft != nil {
			view.Note = v.draft.Note
		}
		if values, err = fields.Fill(v.record); err != nil {
			return err
		}
		if view.Remarks, err = c.remarks(ctx, v.record); err != nil {
			return err
		}
	}
	return c.renderEdit(f, who, http.StatusOK, view, values, values, nil)
}

type editPage struct {
	Type     corpus.Type
	Name     string // of the type
	Key      corpus.Key
	New      bool
	Version  uint64
	Base     corpus.Edition
	Was      string // what the form was filled with, as JSON: by it two edits of one record are merged
	Note     string
	Sections []formSection
	Remarks  []remark
	Faults   []string // of no field
	Conflict *conflict
}

// A conflict is what somebody else has done since the form was filled.
type conflict struct {
	Who    string // saved the draft; empty when the record was published anew
	Theirs []fields.Difference
	Both   []string // labels of the fields that both have changed
}

type formSection struct {
	Title  string
	Fields []formField
}

// A formField is a field with what its inputs hold.
type formField struct {
	fields.Field
	Name   string // of the input
	Value  string
	Values []string
	Faults []string
	Rows   [][]formField // of a group
	Locked bool          // its value cannot be changed any more
	Blank  int           // rows of a group that are still empty
}

// Has reports whether a box is ticked.
func (f formField) Has(choice string) bool { return slices.Contains(f.Values, choice) }

// Lines is how many lines an input of several shows.
func (f formField) Lines() int {
	n := strings.Count(f.Value, "\n") + 1 + len([]rune(f.Value))/60
	return min(max(n, 3), 16)
}

// renderEdit shows the form with values, which was first filled with was.
func (c *Console) renderEdit(f *fiber.Ctx, who staff.Session, status int, view editPage, was, values fields.Values, faults map[string][]string) error {
	raw, err := json.Marshal(was)
	if err != nil {
		return fmt.Errorf("form of %s: %w", view.Key, err)
	}
	view.Was, view.Name, view.Faults = string(raw), TypeName(view.Type), faults[""]
	for _, s := range fields.Of(view.Type) {
		section := formSection{Title: s.Title}
		for _, field := range s.Fields {
			section.Fields = append(section.Fields, c.formField(field, field.Key, values, faults, !view.New && (field.Key == "code" || field.Key == "id")))
		}
		view.Sections = append(view.Sections, section)
	}
	title := "新建" + view.Name
	if !view.New {
		title = "编辑" + view.Name
	}
	return c.staff.Render(f, who, status, "console-edit", title, view, "console.js")
}

func (c *Console) formField(f fields.Field, name string, v fields.Values, faults map[string][]string, locked bool) formField {
	field := formField{Field: f, Name: name, Value: v.Get(name), Values: v[name], Locked: locked}
	for at, whys := range faults {
		if at == name || f.Kind != fields.Group && strings.HasPrefix(at, name+"[") || f.Kind == fields.Limit && strings.HasPrefix(at, name+".") {
			field.Faults = append(field.Faults, whys...)
		}
	}
	if f.Kind == fields.Limit {
		field.Values = []string{v.Get(name + ".n"), v.Get(name + ".unit"), v.Get(name + ".note")}
	}
	if f.Kind == fields.Group {
		blank := 1
		if n, err := strconv.Atoi(v.Get("more." + name)); err == nil {
			blank = min(max(n, 1), 50)
		}
		field.Blank = blank
		for i := range v.Count(name) + blank {
			var row []formField
			for _, item := range f.Items {
				row = append(row, c.formField(item, fmt.Sprintf("%s[%d].%s", name, i, item.Key), v, faults, false))
			}
			field.Rows = append(field.Rows, row)
		}
	}
	return field
}

// edit saves a form as a draft. When somebody else has saved or published the
// record since the form was filled, what only they have changed is taken over,
// and the editor sees all of it before anything is saved.
func (c *Console) edit(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	posted, err := formValues(f)
	if err != nil {
		return err
	}
	view, was, err := readEdit(posted)
	if err != nil {
		return err
	}
	values := fields.Compact(view.Type, fields.Values(posted))
	if more := posted.Get("more"); more != "" { // without a script: more empty rows of a group
		values["more."+more] = []string{"5"}
		return c.renderEdit(f, who, http.StatusOK, view, was, values, nil)
	}
	base, err := c.editBase(view)
	if err != nil {
		return err
	}
	rec, err := fields.Read(view.Type, base, values)
	if err != nil {
		return c.renderEdit(f, who, http.StatusUnprocessableEntity, view, was, values, fields.Faults(err))
	}
	if !view.New && rec.Key() != view.Key {
		return problem(http.StatusUnprocessableEntity, "编码不能改：原来是 %s。要换编码，请新建一条并删除旧的。", view.Key.ID)
	}
	if view.New {
		taken, err := c.current(rec.Key())
		if err == nil {
			title := corpus.Title(taken.live)
			if taken.draft != nil {
				title = taken.draft.Title
			}
			return c.renderEdit(f, who, http.StatusUnprocessableEntity, view, was, values, map[string][]string{
				keyField(view.Type): {fmt.Sprintf("已有这个编码的%s「%s」", TypeName(view.Type), title)}})
		}
		if !errors.Is(err, corpus.ErrNotFound) {
			return err
		}
	}
	_, err = c.Store.SaveDraft(ctx, who.Name, store.Edit{Record: rec, Version: view.Version, Base: view.Base, Note: view.Note})
	if errors.Is(err, store.ErrConflict) {
		return c.merge(f, who, view, was, values)
	}
	var fault *corpus.FieldError
	if errors.As(err, &fault) {
		return c.renderEdit(f, who, http.StatusUnprocessableEntity, view, was, values, fields.Faults(err))
	}
	if err != nil {
		return refused(err)
	}
	return f.Redirect(recordPath(rec.Key()), http.StatusSeeOther)
}

// keyField is the field that holds the code of a type.
func keyField(t corpus.Type) string {
	switch t {
	case corpus.TypeGuide, corpus.TypeRegion, corpus.TypeAgency:
		return "code"
	}
	return "id"
}

// readEdit reads what a form says of itself.
func readEdit(posted url.Values) (view editPage, was fields.Values, err error) {
	view = editPage{Type: corpus.Type(posted.Get("type")), Note: strings.TrimSpace(posted.Get("note"))}
	if !slices.Contains(corpus.Types, view.Type) {
		return view, nil, problem(http.StatusNotFound, "没有这一类记录：%s", view.Type)
	}
	if text := posted.Get("key"); text == "" {
		view.New = true
	} else if view.Key, err = parseKey(text); err != nil {
		return view, nil, err
	}
	base, baseErr := strconv.ParseUint(posted.Get("base"), 10, 64)
	var versionErr error
	view.Version, versionErr = strconv.ParseUint(posted.Get("version"), 10, 64)
	view.Base = corpus.Edition(base)
	if err := errors.Join(baseErr, versionErr, json.Unmarshal([]byte(posted.Get("was")), &was)); err != nil {
		return view, nil, problem(http.StatusUnprocessableEntity, "表单不完整，请刷新页面重试。")
	}
	return view, was, nil
}

// editBase is the record whose other keys a form must keep, nil if there is
// none.
func (c *Console) editBase(view editPage) (corpus.Record, error) {
	if view.New {
		return nil, nil
	}
	now, err := c.current(view.Key)
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		return nil, nil
	case now.record != nil:
		return now.record, err
	}
	return now.live, err
}

// merge shows the form again with what somebody else has made of the record
// meanwhile: their fields where the editor has changed nothing, the editor's
// own where they have, and all of it side by side.
func (c *Console) merge(f *fiber.Ctx, who staff.Session, view editPage, was, mine fields.Values) error {
	now, err := c.current(view.Key)
	if err != nil {
		return refused(err)
	}
	theirs := fields.Values{}
	rec := now.record
	if rec == nil {
		rec = now.live
	}
	if rec != nil {
		if theirs, err = fields.Fill(rec); err != nil {
			return err
		}
	}
	x := &conflict{}
	if now.draft != nil {
		x.Who = now.draft.Actor
	}
	merged, both := mergeValues(view.Type, was, mine, theirs)
	for _, field := range both {
		x.Both = append(x.Both, fields.Label(view.Type, field))
	}
	x.Theirs = c.differ(view.Type, was, theirs)
	view.Version, view.Base, view.Conflict = now.version, now.base, x
	return c.renderEdit(f, who, http.StatusConflict, view, theirs, merged, nil)
}

// differ lists the fields that two fillings of a form have differently.
func (c *Console) differ(t corpus.Type, a, b fields.Values) []fields.Difference {
	var list []fields.Difference
	for _, s := range fields.Of(t) {
		for _, f := range s.Fields {
			before, after := written(f, a), written(f, b)
			if before != after {
				list = append(list, fields.Difference{Label: f.Label, Before: before, After: after, Pieces: fields.Words(before, after, c.Cut)})
			}
		}
	}
	return list
}

// written is what a field's inputs hold, as one text.
func written(f fields.Field, v fields.Values) string {
	switch f.Kind {
	case fields.Limit:
		return strings.TrimSpace(v.Get(f.Key+".n") + " " + v.Get(f.Key+".unit") + " " + v.Get(f.Key+".note"))
	case fields.Group:
		var lines []string
		for i := range v.Count(f.Key) {
			var parts []string
			for _, item := range f.Items {
				if text := strings.Join(v[fmt.Sprintf("%s[%d].%s", f.Key, i, item.Key)], "、"); text != "" {
					parts = append(parts, item.Label+" "+text)
				}
			}
			lines = append(lines, strings.Join(parts, "；"))
		}
		return strings.Join(lines, "\n")
	}
	return strings.ReplaceAll(strings.Join(v[f.Key], "、"), "\r\n", "\n")
}

// mergeValues takes each field from theirs unless it was changed in mine, and
// lists the fields that both have changed, and not alike.
func mergeValues(t corpus.Type, was, mine, theirs fields.Values) (merged fields.Values, both []string) {
	merged = fields.Values{}
	for _, s := range fields.Of(t) {
		for _, f := range s.Fields {
			from := theirs
			if written(f, mine) != written(f, was) {
				from = mine
				if written(f, theirs) != written(f, was) && written(f, theirs) != written(f, mine) {
					both = append(both, f.Key)
				}
			}
			for name, list := range from {
				if name == f.Key || strings.HasPrefix(name, f.Key+"[") || f.Kind == fields.Limit && strings.HasPrefix(name, f.Key+".") {
					merged[name] = list
				}
			}
		}
	}
	return merged, both
}
