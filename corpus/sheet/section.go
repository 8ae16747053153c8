package sheet

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// An item is the part of one row, in the main table or in a sub-sheet, that
// belongs to one section.
type item struct {
	sheet string // "" for the main table
	n     int
	vals  map[string]string // field -> cleaned value, never ""
}

func (it item) where() string {
	if it.sheet == "" {
		return ""
	}
	return fmt.Sprintf("工作表「%s」第 %d 行：", it.sheet, it.n)
}

// itemOf takes the section out of one row; false if it holds nothing.
func (h *header) itemOf(sec section, sheet string, n int, cells []string) (item, bool) {
	it := item{sheet: sheet, n: n, vals: map[string]string{}}
	for field, cols := range h.by {
		if fieldSection(field) != sec {
			continue
		}
		for _, c := range cols {
			if v := value(at(cells, c)); v != "" && it.vals[field] == "" {
				it.vals[field] = v
			}
		}
	}
	if sheet != "" && sec == secFee { // in the main table it is a field of the guide
		for _, c := range h.by["fee.charged"] {
			it.vals["fee.charged"] = cmp.Or(it.vals["fee.charged"], plainText(at(cells, c)))
		}
	}
	maps.DeleteFunc(it.vals, func(_, v string) bool { return v == "" })
	return it, len(it.vals) > 0
}

// items gathers a section of the group: its own rows, then the sub-sheet. Rows
// that say the same, as merged cells do, count once.
func (b *builder) items(sec section) []item {
	h := &b.table.head
	for i, c := range h.cols {
		if fieldSection(c.field) == sec && !b.shadowed(i) {
			b.used[i] = true
		}
	}
	var all []item
	for _, row := range b.group.rows {
		it, ok := h.itemOf(sec, "", b.group.n, row)
		if ok && !slices.ContainsFunc(all, func(o item) bool { return maps.Equal(o.vals, it.vals) }) {
			all = append(all, it)
		}
	}
	return append(all, b.subItems(sec)...)
}

// shadowed reports whether column i has a value that another column of its
// field goes before.
func (b *builder) shadowed(i int) bool {
	field := b.table.head.cols[i].field
	for _, row := range b.group.rows {
		v := value(at(row, i))
		if v == "" {
			continue
		}
		for _, c := range b.table.head.by[field] {
			if first := value(at(row, c)); first != "" {
				if first != v {
					return true
				}
				break
			}
		}
	}
	return false
}

func (b *builder) subItems(sec section) []item {
	if b.subs == nil {
		return nil
	}
	var all []item
	var asked []string
	for _, f := range keyFields {
		for _, c := range b.table.head.by[f] {
			key := subKey(b.group.base[c])
			if key == "" || slices.Contains(asked, key) {
				continue
			}
			asked = append(asked, key)
			all = append(all, b.subs.take(sec, key)...)
		}
	}
	return all
}

// listed is the list cell of a section, unless the section has items: then the
// cell is left to Extra.
func (b *builder) listed(field string, items []item) string {
	if len(items) > 0 {
		return ""
	}
	return b.text(field)
}

func (b *builder) materials() []corpus.Material {
	items := b.items(secMaterial)
	var all []corpus.Material
	if cell := b.listed("materials", items); cell != "" {
		for _, s := range splitMaterials(cell) {
			all = append(all, parseMaterial(s))
		}
	}
	for _, it := range items {
		for _, part := range b.parallel(it) {
			field := fmt.Sprintf("materials[%d]", len(all))
			all = append(all, b.material(part, field))
		}
	}
	return all
}

// parallel splits a row whose cells hold one line for each material. A row
// that only names several is split as a list cell is.
func (b *builder) parallel(it item) []item {
	names := strings.Split(it.vals["material.name"], "\n")
	if len(names) < 2 {
		return []item{it}
	}
	parts := make([]item, len(names))
	for i := range parts {
		parts[i] = item{it.sheet, it.n, map[string]string{}}
	}
	for field, v := range it.vals {
		lines := strings.Split(v, "\n")
		if len(lines) != len(names) {
			b.warn("materials", "%s材料名称有 %d 行，%s 有 %d 行，不能逐行对应，按一份材料处理", it.where(), len(names), field, len(lines))
			return []item{it}
		}
		for i := range parts {
			if s := value(lines[i]); s != "" {
				parts[i].vals[field] = s
			}
		}
	}
	return parts
}

func (b *builder) material(it item, field string) corpus.Material {
	m := corpus.Material{Name: strings.Join(strings.Fields(it.vals["material.name"]), " ")}
	if len(it.vals) == 1 {
		m = parseMaterial(stripMarker(m.Name))
	} else {
		m.Name = stripMarker(m.Name)
	}
	b.set(&m.Kind, materialK, it, "material.kind")
	b.set(&m.Form, materialF, it, "material.form")
	b.set(&m.Need, needs, it, "material.need")
	b.set(&m.Source, sources, it, "material.source")
	if v := it.vals["material.note"]; v != "" {
		m.Note = v
	}
	m.When = it.vals["material.when"]
	m.Blank = b.link(it, "material.blank")
	m.Sample = b.link(it, "material.sample")
	b.copies(&m, it, field)
	return m
}

func stripMarker(s string) string {
	if n, _, size := markerAt(s, false); n > 0 && size < len(s) {
		return strings.TrimSpace(s[size:])
	}
	return s
}

// set puts the word for a cell into dst, which is left alone if the cell is
// empty or holds an unknown code.
func (b *builder) set(dst *string, table codes, it item, field string) {
	v := it.vals[field]
	if v == "" {
		return
	}
	w, ok := table.word(v)
	if !ok {
		b.warn(field, "%s值 %q 看不懂，未采用", it.where(), short(v))
		return
	}
	*dst = w
}

func (b *builder) link(it item, field string) string {
	v := it.vals[field]
	if v == "" {
		return ""
	}
	u, ok := parseURL(v)
	if !ok {
		b.warn(field, "%s%q 不是网址，未采用", it.where(), short(v))
	}
	return u
}

// copies reads the number of copies: one column, or one for originals and one
// for duplicates, which also tell the kind.
func (b *builder) copies(m *corpus.Material, it item, field string) {
	if both := bothCopies.FindStringSubmatch(halfWidth(it.vals["material.copies"])); both != nil {
		it.vals["material.originals"], it.vals["material.duplicates"] = both[1], both[2]
		delete(it.vals, "material.copies")
	}
	if n, ok := b.count(it, "material.copies", field); ok {
		m.Copies = &n
		return
	}
	originals, hasO := b.count(it, "material.originals", field)
	duplicates, hasD := b.count(it, "material.duplicates", field)
	switch {
	case originals > 0 && duplicates > 0:
		m.Note = strings.Join(trimItems([]string{m.Note, fmt.Sprintf("原件%d份，复印件%d份", originals, duplicates)}), "；")
		if m.Kind == "" {
			m.Kind = "原件和复印件"
		}
	case hasO && originals > 0:
		m.Copies = &originals
		if m.Kind == "" {
			m.Kind = "原件"
		}
	case hasD && duplicates > 0:
		m.Copies = &duplicates
		if m.Kind == "" {
			m.Kind = "复印件"
		}
	}
}

// bothCopies is a column of copies that tells both counts: 原件:1,复印件:2.
var bothCopies = regexp.MustCompile(`^原件\s*:?\s*(\d+)\s*份?[\s,、/;+]*复印件\s*:?\s*(\d+)\s*份?$`)

func (b *builder) count(it item, key, field string) (int, bool) {
	v := strings.TrimSuffix(strings.TrimSpace(halfWidth(it.vals[key])), "份")
	if v == "" {
		return 0, false
	}
	m := bareNumber.FindStringSubmatch(v)
	if m != nil {
		if n, err := parseNumber(m[1]); err == nil {
			return n, true
		}
	}
	b.reject(field+".copies", fmt.Sprintf("%s份数 %q 看不懂", it.where(), short(it.vals[key])))
	return 0, false
}

// fee reads the fee. Only 是否收费 can say that a matter is free: an empty fee,
// or one that is 暂无, is unknown.
func (b *builder) fee() *corpus.Fee {
	var f corpus.Fee
	for _, c := range b.table.head.by["fee.charged"] {
		b.used[c] = true
		charged, ok := parseCharged(b.group.base[c])
		if !ok {
			b.strange("fee.charged", c, plainText(b.group.base[c]))
		} else if f.Charged == nil {
			f.Charged = charged
		}
	}
	for _, it := range b.items(secFee) {
		b.subCharged(&f, it)
		fi := corpus.FeeItem{Name: it.vals["fee.name"], Amount: it.vals["fee.amount"], Basis: it.vals["fee.basis"]}
		if fi == (corpus.FeeItem{}) || f.Charged != nil && !*f.Charged && noCharge(fi) {
			continue
		}
		f.Items = append(f.Items, fi)
	}
	if f.Charged == nil && f.Items == nil {
		return nil
	}
	return &f
}

// subCharged takes 是否收费 from a row of the fees' own sheet.
func (b *builder) subCharged(f *corpus.Fee, it item) {
	cell := it.vals["fee.charged"]
	charged, ok := parseCharged(cell)
	switch {
	case !ok:
		b.warn("fee.charged", "%s值 %q 看不懂，未采用", it.where(), short(cell))
	case f.Charged == nil:
		f.Charged = charged
	}
}

// noCharge reports whether an item beside 不收费 says the same once more.
func noCharge(fi corpus.FeeItem) bool {
	free := []string{"", "0", "0元", "0.00", "免费", "不收费", "不收取费用", "否"}
	return slices.Contains(free, fi.Amount) && slices.Contains(free, fi.Name) && slices.Contains(free, fi.Basis)
}

func (b *builder) places() []corpus.Place {
	var all []corpus.Place
	for _, it := range b.items(secPlace) {
		p := corpus.Place{Name: it.vals["place.name"], Address: it.vals["place.address"], Hours: it.vals["place.hours"], Phone: phone(it.vals["place.phone"])}
		switch where := it.vals["place.where"]; {
		case where == "" || where == p.Address || where == p.Name:
		case p.Address == "":
			p.Address = where
		case p.Name == "":
			p.Name = where
		default:
			p.Address = where + "，" + p.Address
		}
		all = append(all, p)
	}
	return all
}

func (b *builder) basis() []corpus.Basis {
	items := b.items(secBasis)
	var all []corpus.Basis
	if cell := b.listed("basis", items); cell != "" {
		all = parseBasis(cell)
	}
	for _, it := range items {
		all = append(all, corpus.Basis{Name: it.vals["basis.name"], Number: it.vals["basis.number"], Article: it.vals["basis.article"], Text: it.vals["basis.text"]})
	}
	return all
}

func (b *builder) steps() []string {
	items := b.items(secStep)
	if cell := b.listed("steps", items); cell != "" {
		return splitSteps(cell)
	}
	var all []string
	for _, it := range items {
		all = append(all, strings.Join(trimItems([]string{it.vals["step.name"], it.vals["step.text"]}), "："))
	}
	return all
}

func (b *builder) qas() []corpus.QA {
	items := b.items(secQA)
	if len(items) == 0 {
		cell, col := b.get("faqs")
		all := parseQAs(cell)
		if cell != "" && all == nil {
			b.strange("faqs", col, cell)
		}
		return all
	}
	var all []corpus.QA
	for _, it := range items {
		qa := corpus.QA{Q: it.vals["faq.question"], A: it.vals["faq.answer"]}
		if qa.Q == "" || qa.A == "" {
			b.reject(fmt.Sprintf("faqs[%d]", len(all)), it.where()+"问题或答案是空的")
			continue
		}
		all = append(all, qa)
	}
	return all
}

// A subIndex holds the sub-sheets of a workbook in memory, by code.
type subIndex struct {
	items map[section]map[string][]item
	used  map[string]bool
	bad   []corpus.Row // rows without a code, or that could not be read
}

func subKey(cell string) string { return strings.TrimSpace(halfWidth(value(cell))) }

func (x *subIndex) take(sec section, key string) []item {
	x.used[key] = true
	return x.items[sec][key]
}

// add reads one sub-sheet. A row without a key continues the row above it, as
// in tables whose merged cells were undone.
func (x *subIndex) add(t *table, sec section) error {
	if x.items[sec] == nil {
		x.items[sec] = map[string][]item{}
	}
	last := ""
	for l := range t.body() {
		if l.fatal != nil {
			return l.fatal
		}
		if l.err != nil {
			x.reject(t, sec, l.n, l.err.Error())
			continue
		}
		key := cmp.Or(t.head.subKey(l.cells), last)
		last = key
		it, ok := t.head.itemOf(sec, t.name, l.n, l.cells)
		switch {
		case ok && key == "":
			x.reject(t, sec, l.n, "没有事项编码")
		case ok:
			x.items[sec][key] = append(x.items[sec][key], it)
		}
	}
	return nil
}

func (x *subIndex) reject(t *table, sec section, n int, why string) {
	err := &corpus.FieldError{Key: corpus.Key{Type: corpus.TypeGuide}, Field: string(sec), Why: fmt.Sprintf("工作表「%s」第 %d 行：%s", t.name, n, why)}
	x.bad = append(x.bad, corpus.Row{N: n, Err: err})
}

// subKey is the code by which a row of a sub-sheet names its guide.
func (h *header) subKey(cells []string) string {
	for _, f := range keyFields {
		for _, c := range h.by[f] {
			if key := subKey(at(cells, c)); key != "" {
				return key
			}
		}
	}
	return ""
}

// orphans yields the rows of sub-sheets that could not be read, then what
// belongs to no guide.
func (x *subIndex) orphans(yield func(corpus.Row) bool) {
	for _, row := range x.bad {
		if !yield(row) {
			return
		}
	}
	for _, sec := range slices.Sorted(maps.Keys(x.items)) {
		for _, key := range slices.Sorted(maps.Keys(x.items[sec])) {
			if x.used[key] {
				continue
			}
			it := x.items[sec][key][0]
			err := &corpus.FieldError{Key: corpus.Key{Type: corpus.TypeGuide, ID: key}, Field: string(sec), Why: it.where() + "主表没有这个编码的事项"}
			if !yield(corpus.Row{N: it.n, Err: err}) {
				return
			}
		}
	}
}
