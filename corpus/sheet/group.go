package sheet

import (
	"fmt"
	"hash/maphash"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// maxGroup is how many rows one code may take in the long format.
const maxGroup = 2_000

// A group is the rows of one record: one row, or consecutive rows of one code
// that carry a material, a fee or a theme each.
type group struct {
	n    int    // the first row
	code string // "" for an FAQ, or if the code is missing
	base []string
	rows [][]string
	odd  []oddRow
	err  error // why the row is no record, instead of the rest
}

// An oddRow has more or fewer cells than the header.
type oddRow struct {
	n   int
	why string
}

// ragged tells how the width of l differs from the header's. Workbooks leave
// out the empty cells at the end of a row, CSV does not.
func (t *table) ragged(l line) []oddRow {
	width := len(t.head.cols)
	if len(l.cells) < width && t.name == "" {
		return []oddRow{{l.n, fmt.Sprintf("只有 %d 列，表头有 %d 列，缺的按空处理", len(l.cells), width)}}
	}
	for _, c := range l.cells[min(width, len(l.cells)):] {
		if value(c) != "" {
			return []oddRow{{l.n, fmt.Sprintf("比表头多出内容：%q，未采用", short(plainText(c)))}}
		}
	}
	return nil
}

// groups gathers the lines of t into records. A line that ends the reading
// comes as a group with n 0.
func (t *table) groups() iter.Seq[*group] {
	return func(yield func(*group) bool) {
		var g *group
		flush := func() bool {
			done := g
			g = nil
			return done == nil || yield(done)
		}
		for l := range t.body() {
			next := t.start(l)
			if g != nil && next.err == nil && t.joins(g, next) {
				t.join(g, next)
				continue
			}
			if !flush() {
				return
			}
			if next.err != nil || t.head.faqs() {
				if !yield(next) {
					return
				}
				continue
			}
			g = next
		}
		flush()
	}
}

func (t *table) start(l line) *group {
	switch {
	case l.fatal != nil:
		return &group{err: l.fatal}
	case l.err != nil:
		return &group{n: l.n, err: t.rowError("", "行", l.err.Error())}
	}
	g := &group{n: l.n, base: make([]string, len(t.head.cols)), odd: t.ragged(l)}
	for i := range g.base {
		g.base[i] = at(l.cells, i)
		if webPage(g.base[i]) {
			g.err = t.rowError("", t.head.cols[i].key(), "该行是网页的出错页面，不是数据："+short(plainText(g.base[i])))
			return g
		}
	}
	code, _ := t.code(g.base)
	if c, err := parseCode(code); err == nil {
		g.code = c
	}
	g.rows = [][]string{g.base}
	g.base = slices.Clone(g.base)
	return g
}

// code finds the cell that holds the code of a row, and its column, or -1. The
// catalogue's code, which all agencies share, serves only in a table without
// another.
func (t *table) code(cells []string) (string, int) {
	for _, f := range codeFields {
		if f == "code.catalog" && t.head.has(codeFields[:3]...) {
			break
		}
		for _, c := range t.head.by[f] {
			if value(at(cells, c)) != "" {
				return cells[c], c
			}
		}
	}
	return "", -1
}

// joins reports whether next continues g: the same code, or neither code nor
// name, and no field that may stand only once with another value.
func (t *table) joins(g, next *group) bool {
	if len(g.rows) >= maxGroup || g.err != nil {
		return false
	}
	if next.code == "" && (t.filled(next.base, codeFields...) || t.filled(next.base, "name") || !t.sections(next.base)) {
		return false
	}
	if next.code != "" && next.code != g.code {
		return false
	}
	for i, c := range t.head.cols {
		if c.field == "" || c.drop || fieldSection(c.field) != secNone || strings.HasPrefix(c.field, "themes") {
			continue
		}
		if now, was := next.base[i], g.base[i]; now != was && value(now) != "" && value(was) != "" && plainText(now) != plainText(was) {
			return false
		}
	}
	return true
}

func (t *table) filled(cells []string, fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool {
		return slices.ContainsFunc(t.head.by[f], func(c int) bool { return value(at(cells, c)) != "" })
	})
}

func (t *table) sections(cells []string) bool {
	for i, c := range t.head.cols {
		if fieldSection(c.field) != secNone && value(at(cells, i)) != "" {
			return true
		}
	}
	return false
}

// join adds a row to g: empty fields are filled, themes and unknown columns
// are united, and the row itself is kept for the parts that repeat.
func (t *table) join(g, next *group) {
	cells := next.base
	for i, c := range t.head.cols {
		switch {
		case value(cells[i]) == "" || c.drop:
		case value(g.base[i]) == "":
			g.base[i] = cells[i]
		case c.field == "" || strings.HasPrefix(c.field, "themes"):
			g.base[i] = unite(g.base[i], cells[i])
		}
	}
	g.rows = append(g.rows, cells)
	g.odd = append(g.odd, next.odd...)
}

func unite(a, b string) string {
	if slices.Contains(strings.Split(a, "\n"), b) {
		return a
	}
	return a + "\n" + b
}

// A reader turns the groups of all main tables of a file into rows.
type reader struct {
	opts   *Options
	tables []*table
	subs   *subIndex // nil without sub-sheets
	date04 bool      // the workbook counts days from 1904
	twins  map[string]*twin
	seed   maphash.Seed
}

// A twin is a code that stands in several places of a file with the same
// content but for its themes, as when one file was made of a file per theme.
type twin struct {
	sum    uint64
	themes map[string][]string // field -> cells of the later rows
	first  int                 // the row that was yielded, 0 before
	owner  *group              // that row, while it is built
}

// findTwins reads the tables once to unite themes. It is worth its time only
// if there are themes, and possible only if the tables can be read again.
func (r *reader) findTwins() {
	r.seed = maphash.MakeSeed()
	if !slices.ContainsFunc(r.tables, func(t *table) bool { return t.head.has(themeFields...) }) ||
		slices.ContainsFunc(r.tables, func(t *table) bool { return !t.again }) {
		return
	}
	seen := map[uint64]uint64{}
	r.twins = map[string]*twin{}
	for _, t := range r.tables {
		for g := range t.groups() {
			if g.err != nil || g.code == "" {
				continue
			}
			id, sum := maphash.String(r.seed, g.code), r.sum(t, g)
			first, again := seen[id]
			switch {
			case !again:
				seen[id] = sum
			case first == sum:
				r.addTwin(t, g, sum)
			}
		}
	}
}

var themeFields = []string{"themes", "themes.person", "themes.corp"}

func (r *reader) addTwin(t *table, g *group, sum uint64) {
	tw := r.twins[g.code]
	if tw == nil {
		tw = &twin{sum: sum, themes: map[string][]string{}}
		r.twins[g.code] = tw
	}
	for _, f := range themeFields {
		for _, c := range t.head.by[f] {
			if cell := g.base[c]; value(cell) != "" && !slices.Contains(tw.themes[f], cell) {
				tw.themes[f] = append(tw.themes[f], cell)
			}
		}
	}
}

// sum is a hash of what a group says apart from its themes.
func (r *reader) sum(t *table, g *group) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, row := range g.rows {
		for i, c := range t.head.cols {
			if cell := value(at(row, i)); cell != "" && !c.drop && !strings.HasPrefix(c.field, "themes") {
				maphash.WriteComparable(&h, [2]string{c.extra, cell})
			}
		}
		maphash.WriteComparable(&h, '\n')
	}
	return h.Sum64()
}

// rows yields every record of the file, then what sub-sheets hold for codes
// that no main table has.
func (r *reader) rows() iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for _, t := range r.tables {
			for g := range t.groups() {
				if g.n == 0 {
					yield(corpus.Row{Err: g.err})
					return
				}
				if r.footnote(t, g) || r.merged(t, g) {
					continue
				}
				if !yield(r.row(t, g)) {
					return
				}
			}
		}
		if r.subs != nil {
			r.subs.orphans(yield)
		}
	}
}

// footnotes begin what stands below a table.
var footnotes = regexp.MustCompile(`^(注|备注|说明|填表人|填报人|填表说明|制表人?|合计|总计|审核人|负责人|联系人)([:：\d]|$)`)

// footnote reports whether g is a note below the table, alone in the column of
// codes or merged over all of them.
func (r *reader) footnote(t *table, g *group) bool {
	cell, _ := t.code(g.base)
	cell = value(cell)
	if g.err != nil || !footnotes.MatchString(cell) {
		return false
	}
	for _, c := range t.head.by["name"] {
		if name := value(g.base[c]); name != "" && name != cell {
			return false
		}
	}
	r.opts.warn(t.name, g.n, "", "是表下的说明，不是数据：%q", short(cell))
	return true
}

// merged reports whether g has been united with a row before it.
func (r *reader) merged(t *table, g *group) bool {
	tw := r.twins[g.code]
	if tw == nil || g.err != nil || r.sum(t, g) != tw.sum {
		return false
	}
	if tw.first == 0 {
		tw.first, tw.owner = g.n, g
		return false
	}
	r.opts.warn(t.name, g.n, "code", "与前面第 %d 行内容相同，已合并，主题取并集", tw.first)
	return true
}

func (r *reader) row(t *table, g *group) corpus.Row {
	if g.err != nil {
		return corpus.Row{N: g.n, Err: g.err}
	}
	for _, o := range g.odd {
		r.opts.warn(t.name, o.n, "", "%s", o.why)
	}
	b := &builder{reader: r, table: t, group: g, used: make([]bool, len(t.head.cols))}
	var rec corpus.Record
	if t.head.faqs() {
		rec = b.faq()
	} else {
		rec = b.guide()
	}
	if tw := r.twins[g.code]; tw != nil && tw.owner == g {
		tw.owner = nil
	}
	if err := b.err(rec); err != nil {
		return corpus.Row{N: g.n, Err: err}
	}
	return corpus.Row{N: g.n, Record: rec}
}

func (t *table) rowError(code, field, why string) error {
	if t.many {
		why = "工作表「" + t.name + "」：" + why
	}
	typ := corpus.TypeGuide
	if t.head.faqs() {
		typ = corpus.TypeFAQ
	}
	return &corpus.FieldError{Key: corpus.Key{Type: typ, ID: code}, Field: field, Why: why}
}
