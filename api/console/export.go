package console

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/sheet"
)

// exportForm asks what to export.
func (c *Console) exportForm(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	t := corpus.Type(f.Query("type", string(corpus.TypeGuide)))
	q := url.Values{}
	for _, name := range []string{"q", "agency", "region", "state", "force", "remark", "sort"} {
		if s := f.Query(name); s != "" {
			q.Set(name, s)
		}
	}
	return c.staff.Render(f, who, http.StatusOK, "console-export", "导出", exportPage{tabs(t), q, c.Store.Edition()})
}

type exportPage struct {
	Tabs    []tab
	Filter  url.Values
	Edition corpus.Edition
}

// exportFile downloads the published records of a type that pass the filters
// of the list. Who exported what is in the audit log.
func (c *Console) exportFile(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	t, err := typeOf(f)
	if err != nil {
		return err
	}
	q := filterOf(f, t)
	found, err := c.find(ctx, q)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(l listing) bool { return l.New })
	edition := c.Store.Edition()
	records := func(yield func(corpus.Record, error) bool) {
		for _, l := range found {
			rec, err := c.Store.GetAt(edition, l.Key)
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
	if err := c.Store.Audit(ctx, who.Name, "export", string(t), fmt.Sprintf("第 %d 版，%d 条，%s", edition, len(found), f.Query("format"))); err != nil {
		return err
	}
	var buf bytes.Buffer
	name := fmt.Sprintf("%s-第%d版.", TypeName(t), edition)
	switch f.Query("format") {
	case "jsonl":
		for rec, err := range records {
			if err != nil {
				return err
			}
			line, err := corpus.Marshal(rec)
			if err != nil {
				return err
			}
			buf.Write(append(line, '\n'))
		}
		return download(f, name+"jsonl", "application/jsonl", buf.Bytes())
	case "csv":
		if err := sheet.WriteCSV(&buf, outputs(t, records)[0]); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		return download(f, name+"csv", "text/csv; charset=utf-8", buf.Bytes())
	case "xlsx":
		if err := sheet.WriteXLSX(&buf, outputs(t, records)); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		return download(f, name+"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", buf.Bytes())
	}
	return problem(http.StatusUnprocessableEntity, "请选择导出的格式。")
}

// download sends a file to be kept.
func download(f *fiber.Ctx, name, media string, body []byte) error {
	f.Set(fiber.HeaderContentType, media)
	f.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(name))
	return f.Send(body)
}

// outputs are the tables of records: the fields of each, and the items of its
// groups on sheets of their own, by its code, as imports read them.
func outputs(t corpus.Type, records iter.Seq2[corpus.Record, error]) []sheet.Output {
	main := sheet.Output{Name: TypeName(t)}
	var single, groups []fields.Field
	for _, s := range fields.Of(t) {
		for _, f := range s.Fields {
			if f.Kind == fields.Group {
				groups = append(groups, f)
				continue
			}
			single = append(single, f)
			main.Head = append(main.Head, f.Label)
		}
	}
	main.Rows = rowsOfRecords(records, func(v fields.Values, yield func([]string) bool) bool {
		row := make([]string, len(single))
		for i, f := range single {
			row[i] = cell(f, f.Key, v)
		}
		return yield(row)
	})
	tables := []sheet.Output{main}
	code := single[0]
	for _, g := range groups {
		out := sheet.Output{Name: g.Label, Head: []string{code.Label}}
		for _, item := range g.Items {
			out.Head = append(out.Head, item.Label)
		}
		out.Rows = rowsOfRecords(records, func(v fields.Values, yield func([]string) bool) bool {
			for i := range v.Count(g.Key) {
				row := []string{v.Get(code.Key)}
				for _, item := range g.Items {
					row = append(row, cell(item, fmt.Sprintf("%s[%d].%s", g.Key, i, item.Key), v))
				}
				if !yield(row) {
					return false
				}
			}
			return true
		})
		tables = append(tables, out)
	}
	return tables
}

func rowsOfRecords(records iter.Seq2[corpus.Record, error], each func(fields.Values, func([]string) bool) bool) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for rec, err := range records {
			var v fields.Values
			if err == nil {
				v, err = fields.Fill(rec)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !each(v, func(row []string) bool { return yield(row, nil) }) {
				return
			}
		}
	}
}

// cell is a field in a cell of a table.
func cell(f fields.Field, name string, v fields.Values) string {
	switch f.Kind {
	case fields.Limit:
		n, unit, note := v.Get(name+".n"), v.Get(name+".unit"), v.Get(name+".note")
		switch unit {
		case "":
			return ""
		case "即办":
			n = ""
		}
		if note != "" {
			note = "（" + note + "）"
		}
		return n + unit + note
	case fields.Flag, fields.Mark:
		switch v.Get(name) {
		case "true":
			return "是"
		case "false":
			return "否"
		}
		return ""
	case fields.Boxes:
		return strings.Join(v[name], "、")
	}
	return v.Get(name)
}
