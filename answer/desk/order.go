package desk

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// A WorkOrder (工单) is what is handed to the system that owns work orders.
type WorkOrder struct {
	ID          string            `json:"id"` // the call's
	Opened      time.Time         `json:"opened"`
	Ended       time.Time         `json:"ended"`
	Closed      time.Time         `json:"closed"`
	Operator    string            `json:"operator"`
	Caller      string            `json:"caller,omitempty"`
	Region      corpus.RegionCode `json:"region,omitempty"`
	Summary     string            `json:"summary"`
	Category    string            `json:"category"`
	CategoryWhy string            `json:"categoryWhy,omitempty"`
	Agency      string            `json:"agency"`
	AgencyWhy   string            `json:"agencyWhy,omitempty"`
	Result      string            `json:"result"`
	Notes       string            `json:"notes,omitempty"`
	Answers     []OrderAnswer     `json:"answers"`
	Group       Group             `json:"group"`
}

// An OrderAnswer is one answer that the caller was given, with its source.
type OrderAnswer struct {
	Code    string         `json:"code"`
	Name    string         `json:"name"`
	Aspect  string         `json:"aspect"`
	Said    string         `json:"said"`
	Edited  bool           `json:"edited"`
	Edition corpus.Edition `json:"edition"`
	Source  string         `json:"source,omitempty"`
	Updated string         `json:"updated,omitempty"`
}

// Order makes the work order of a call.
func (c *Call) Order() WorkOrder {
	o := WorkOrder{ID: c.ID, Opened: c.Opened, Ended: c.Ended, Closed: c.Closed, Operator: c.Operator, Caller: c.Caller, Region: c.Region,
		Summary: c.Wrap.Summary, Category: c.Wrap.Category, CategoryWhy: c.Wrap.CategoryWhy, Agency: c.Wrap.Agency, AgencyWhy: c.Wrap.AgencyWhy,
		Result: c.Wrap.Result, Notes: c.Notes, Answers: []OrderAnswer{}, Group: c.Group}
	for i := range c.Adopted {
		a := &c.Adopted[i]
		if !a.Tellable() {
			continue
		}
		line := OrderAnswer{Code: a.Code, Name: a.Name, Aspect: string(a.Aspect), Said: a.Spoken(), Edited: a.Said != "", Edition: a.Edition}
		if len(a.Facts) > 0 {
			line.Source, line.Updated = a.Facts[0].Source.URL, a.Facts[0].Source.Updated
		}
		o.Answers = append(o.Answers, line)
	}
	return o
}

// orderColumns head the CSV export.
var orderColumns = []string{"工单编号", "来电时间", "通话结束", "办结时间", "坐席", "来电号码", "区划", "诉求类型", "类型理由", "承办单位", "单位理由", "结果", "摘要", "备注", "事项编码", "事项", "答复来源", "组别"}

// WriteCSV writes orders as spreadsheets read them: UTF-8 with a byte order
// mark, and no cell that a spreadsheet would take for a formula.
func WriteCSV(w io.Writer, orders []WorkOrder) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	table := csv.NewWriter(w)
	table.UseCRLF = true
	if err := table.Write(orderColumns); err != nil {
		return err
	}
	for i := range orders {
		o := &orders[i]
		var codes, names, sources []string
		for _, a := range o.Answers {
			codes, names, sources = append(codes, a.Code), append(names, a.Name), append(sources, a.Source)
		}
		row := []string{o.ID, stamp(o.Opened), stamp(o.Ended), stamp(o.Closed), o.Operator, o.Caller, string(o.Region), o.Category, o.CategoryWhy,
			o.Agency, o.AgencyWhy, o.Result, o.Summary, o.Notes, distinct(codes), distinct(names), distinct(sources), string(o.Group)}
		for i := range row {
			row[i] = plainCell(row[i])
		}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func distinct(list []string) string {
	var kept []string
	for _, s := range list {
		if s != "" && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "；")
}

// plainCell keeps a spreadsheet from running what a caller has said.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
