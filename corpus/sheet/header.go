package sheet

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/govqa/govqa/corpus"
	"golang.org/x/text/unicode/norm"
)

// headerRows is how many rows at the top of a sheet may stand before the last
// header row: titles, notes for the person who fills it in.
const headerRows = 12

// A section (栏目) is a part of a guide that may repeat, and that departments
// keep in a sheet of its own or under a merged heading.
type section string

const (
	secNone     section = ""
	secMaterial section = "material"
	secFee      section = "fee"
	secPlace    section = "place"
	secBasis    section = "basis"
	secStep     section = "step"
	secQA       section = "qa"
)

// sectionOf tells from the name of a sheet or a merged heading which section
// it holds.
func sectionOf(name string) section {
	name = normHeader(name)
	for _, s := range sectionNames {
		if slices.ContainsFunc(s.words, func(w string) bool { return strings.Contains(name, w) }) {
			return s.section
		}
	}
	return secNone
}

// lookup indexes the synonym table: normalised header -> field and rank.
type lookup struct {
	plain map[string]target
	in    map[section]map[string]target
}

type target struct {
	field string
	rank  int // the place among the synonyms of the field; the lower is preferred
}

var synonymIndex = sync.OnceValue(func() lookup {
	x := lookup{map[string]target{}, map[section]map[string]target{}}
	for _, s := range synonyms {
		for i, h := range append(strings.Fields(s.headers), s.field) {
			if key := normHeader(h); x.plain[key].field == "" {
				x.plain[key] = target{s.field, i}
			}
		}
	}
	for _, s := range sectionSynonyms {
		if x.in[s.section] == nil {
			x.in[s.section] = map[string]target{}
		}
		for i, h := range strings.Fields(s.headers) {
			x.in[s.section][normHeader(h)] = target{s.field, i}
		}
	}
	return x
})

// Fields lists the fields that a column can fill: what [Options].Columns may
// map a header to.
func Fields() []string {
	fields := make([]string, len(synonyms))
	for i, s := range synonyms {
		fields[i] = s.field
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

var (
	headerNumber = regexp.MustCompile(`^(\d+[.、)]|[(]\d+[)])`)
	headerNoise  = strings.NewReplacer("*", "", "必填项", "", "必填", "", "选填项", "", "选填", "", ":", "", "-", "", "_", "",
		"(", "", ")", "", "[", "", "]", "", "【", "", "】", "", "〔", "", "〕", "", "\"", "", "'", "", "★", "", "※", "", "/", "", "、", "")
	headerBracket = regexp.MustCompile(`[(\[【〔][^)\]】〕]*[)\]】〕]?`)
)

// normHeader brings a header to the form in which the synonym table is keyed:
// NFKC, lower case, without spaces, brackets, marks and numbering.
func normHeader(s string) string {
	return headerNoise.Replace(headerNumber.ReplaceAllString(squeeze(s), ""))
}

// normBare is normHeader of s without what stands in brackets, and that text.
func normBare(s string) (bare, inside string) {
	s = squeeze(s)
	return normHeader(headerBracket.ReplaceAllString(s, "")), strings.Join(headerBracket.FindAllString(s, -1), "")
}

func squeeze(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(plainText(s))), ""))
}

// resolve finds the field of a header that stands under a merged heading, or
// in a sheet, of section sec.
func (o *Options) resolve(head string, sec section) (target, bool) {
	if f, ok := o.column(head); ok {
		return target{field: f, rank: -1}, true
	}
	x := synonymIndex()
	bare, _ := normBare(head)
	for _, key := range []string{normHeader(head), bare} {
		if key == "" {
			continue
		}
		if t, ok := x.in[sec][key]; ok {
			return t, true
		}
		if t, ok := x.plain[key]; ok {
			return t, true
		}
	}
	return target{}, false
}

// column looks head up in Options.Columns, first as it stands.
func (o *Options) column(head string) (string, bool) {
	if f, ok := o.Columns[head]; ok {
		return f, true
	}
	for h, f := range o.Columns {
		if normHeader(h) == normHeader(head) {
			return f, true
		}
	}
	return "", false
}

func (o *Options) check() error {
	fields := Fields()
	for h, f := range o.Columns {
		if f != "" && !slices.Contains(fields, f) {
			return fmt.Errorf("%w：列 %q 对应的字段 %q 不存在，可用字段：%s", ErrOption, h, f, strings.Join(fields, " "))
		}
	}
	for v, u := range o.LimitUnits {
		if limitUnits[u] == "" {
			return fmt.Errorf("%w：时限单位 %q 对应的 %q 不认识", ErrOption, v, u)
		}
	}
	return nil
}

// A column is one column of a table.
type column struct {
	head  string // as the editor reads it, in one line
	group string // the merged heading above it
	field string // "" if unknown
	rank  int
	unit  string // the unit of a time limit that the header names: 办结时限（工作日）
	extra string // the key in Extra
	drop  bool   // neither a field nor worth keeping: 序号
}

// key names the column in Extra.
func (c column) key() string {
	if c.group == "" || c.group == c.head {
		return c.head
	}
	return c.group + "/" + c.head
}

// A header is the columns of a table and where its data begin.
type header struct {
	row  int // the last header row
	cols []column
	// groups is 1 if there is a row of merged headings above the columns.
	groups int
	by     map[string][]int // field -> columns, the preferred first
}

func (h *header) has(fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return len(h.by[f]) > 0 })
}

func (h *header) hasSection(sec section) bool {
	return slices.ContainsFunc(h.cols, func(c column) bool { return fieldSection(c.field) == sec })
}

func (h *header) guides() bool { return h.has(codeFields...) && h.has("name") && !h.faqs() }

// faqs reports whether the rows are FAQs: questions, answers, and of a matter
// nothing but which one it is. Read as guides they would replace full ones.
func (h *header) faqs() bool {
	if !h.has("faq.question") || !h.has("faq.answer") {
		return false
	}
	for f := range h.by {
		if !strings.HasPrefix(f, "faq.") && !slices.Contains(identity, strings.SplitN(f, ".", 2)[0]) {
			return false
		}
	}
	return true
}

// identity are the fields that say whose an FAQ is and for whom.
var identity = []string{"code", "name", "agency", "region", "themes", "effective", "source", "kind", "audience", "visibility"}

func (h *header) sub(sec section) bool { return h.has(keyFields...) && h.hasSection(sec) }

// score is how many distinct fields the header recognises.
func (h *header) score() int { return len(h.by) }

// repeated reports whether l is the header row once more, as in tables that
// were joined by hand.
func (h *header) repeated(l line) bool {
	same := 0
	for i, c := range h.cols {
		if i >= len(l.cells) || oneLine(l.cells[i]) != c.head {
			if c.field != "" {
				return false
			}
			continue
		}
		if c.field != "" {
			same++
		}
	}
	return same > 1
}

func (h *header) heads() []string {
	var heads []string
	for _, c := range h.cols {
		if c.head != "" {
			heads = append(heads, c.head)
		}
	}
	return heads
}

func (h *header) mapping(name, content string) Mapping {
	m := Mapping{Sheet: name, Content: content, Row: h.row}
	for _, c := range h.cols {
		if c.head == "" {
			continue
		}
		m.Columns = append(m.Columns, Column{c.key(), c.field})
		if c.field == "" && !c.drop {
			m.Unknown = append(m.Unknown, c.key())
		}
	}
	return m
}

// findHeader looks for the header among the first rows of a sheet: the single
// row, or the pair of a row of merged headings and a row of columns, that
// recognises most fields. The second result is false if none is good for
// anything; the header with most recognised columns is then given all the
// same, for the error message.
func (o *Options) findHeader(first []line, sec section) (header, bool) {
	var best, near header
	found := false
	for i, l := range first {
		candidates := []header{o.newHeader(l.n, nil, l.cells, sec)}
		if i+1 < len(first) && first[i+1].n == l.n+1 {
			candidates = append(candidates, o.newHeader(l.n+1, l.cells, first[i+1].cells, sec))
		}
		for _, h := range candidates {
			good := h.guides() || h.faqs() || sec != secNone && h.sub(sec)
			// On a tie the single row wins: a title above the header adds nothing.
			if good && (!found || h.score() > best.score() || h.score() == best.score() && h.row == best.row && h.groups < best.groups) {
				best, found = h, true
			}
			if h.score() > near.score() || near.cols == nil {
				near = h
			}
		}
	}
	if !found {
		return near, false
	}
	best.nameExtras()
	return best, true
}

// nameExtras gives every column its own key in Extra, one that is no key of
// the import format, so that an export can be read again.
func (h *header) nameExtras() {
	used := map[string]bool{}
	for i := range h.cols {
		key := h.cols[i].key()
		if key == "" {
			key = fmt.Sprintf("第%d列", i+1)
		}
		if formatKey(key) {
			key = "列:" + key
		}
		base := key
		for n := 2; used[strings.ToLower(key)]; n++ {
			key = fmt.Sprintf("%s(%d)", base, n)
		}
		used[strings.ToLower(key)] = true
		h.cols[i].extra = key
	}
}

// formatKey reports whether the import format knows key in a guide or an FAQ.
func formatKey(key string) bool {
	for _, typ := range []corpus.Type{corpus.TypeGuide, corpus.TypeFAQ} {
		text, err := json.Marshal(map[string]any{"type": typ, key: nil})
		if err != nil {
			return true
		}
		rec, err := corpus.Unmarshal(text)
		if err != nil || len(rec.UnknownKeys()) == 0 {
			return true
		}
	}
	return false
}

// newHeader understands one row of columns, with the row of headings above it
// or nil. A heading reaches to the right over the columns whose own heading is
// empty, which is how a merged cell looks in CSV.
func (o *Options) newHeader(row int, groups, cells []string, sec section) header {
	h := header{row: row, by: map[string][]int{}}
	if groups != nil {
		h.groups = 1
	}
	group := ""
	for i := range max(len(groups), len(cells)) {
		above, own := oneLine(at(groups, i)), oneLine(at(cells, i))
		if above != "" {
			group = above
		}
		c := column{head: own, group: group}
		if own == "" { // merged downwards
			c.head, c.group = above, ""
		}
		h.cols = append(h.cols, o.understand(c, sec))
	}
	for i, c := range h.cols {
		if c.field != "" {
			h.by[c.field] = append(h.by[c.field], i)
		}
	}
	for _, cols := range h.by {
		slices.SortStableFunc(cols, func(a, b int) int { return h.cols[a].rank - h.cols[b].rank })
	}
	return h
}

func (o *Options) understand(c column, sec section) column {
	if c.head == "" {
		return c
	}
	if s := sectionOf(c.group); s != secNone {
		sec = s
	}
	t, ok := o.resolve(c.head, sec)
	if joined := c.group + c.head; c.group != "" && c.group != c.head { // 法定办结时限 over 单位
		if tt, found := o.resolve(joined, secNone); found {
			t, ok = tt, true
		} else if tt, found := o.resolve(c.group, secNone); !ok && found && slices.Contains(generic, normHeader(c.head)) {
			t, ok = tt, true
		}
	}
	c.field, c.rank = t.field, t.rank
	c.drop = ok && t.field == "" || slices.Contains(dropped, normHeader(c.head))
	if _, inside := normBare(c.head); strings.HasSuffix(c.field, "Limit") {
		c.unit = limitUnits[strings.Trim(strings.TrimPrefix(strings.Trim(inside, "()[]【】〔〕"), "单位"), ":")]
	}
	return c
}

// generic are columns that say the same as the heading above them.
var generic = []string{"时限", "期限", "天数", "数值", "内容", "名称", "值", "结果"}

func at(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}

// Header is the header by which a field is best known, "" for an unknown field.
func Header(field string) string {
	for _, s := range synonyms {
		if s.field == field {
			first, _, _ := strings.Cut(s.headers, " ")
			return first
		}
	}
	return ""
}
