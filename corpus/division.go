package corpus

import (
	_ "embed"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:generate go run gendivisions/main.go -o divisions.tsv

//go:embed divisions.tsv
var divisionsTSV string

// country is the code under which the table keeps the whole country.
const country RegionCode = "000000"

// Divisions is a table of administrative divisions (行政区划): their codes,
// names and parents, and an index that finds their names in a text. It never
// changes after it is made, so it may be used by many at once.
type Divisions struct {
	names    map[RegionCode]string
	children map[RegionCode][]Region // in the order of their codes
	index    *placeIndex
	covered  map[RegionCode]bool // nil: every short name counts
}

var builtin = sync.OnceValue(func() *Divisions {
	names := map[RegionCode]string{country: "全国"}
	for line := range strings.Lines(divisionsTSV) {
		if code, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t"); ok {
			names[RegionCode(code)] = name
		}
	}
	return newDivisions(names, nil)
})

// Builtin returns the divisions of GB/T 2260, from the province to the
// county, as of the end of 2024.
func Builtin() *Divisions { return builtin() }

func newDivisions(names map[RegionCode]string, aliases map[RegionCode][]string) *Divisions {
	d := &Divisions{names: names, children: map[RegionCode][]Region{}}
	codes := slices.SortedFunc(maps.Keys(names), byDepth)
	for _, c := range codes {
		if c != country {
			p := d.parent(c)
			d.children[p] = append(d.children[p], Region{Code: c, Name: names[c]})
		}
	}
	for _, of := range d.children {
		slices.SortFunc(of, func(a, b Region) int { return strings.Compare(string(a.Code), string(b.Code)) })
	}
	d.index = newPlaceIndex(codes, names, aliases)
	return d
}

// byDepth orders provinces before cities before counties, then by code.
func byDepth(a, b RegionCode) int {
	if da, db := a.Depth(), b.Depth(); da != db {
		return da - db
	}
	return strings.Compare(string(a), string(b))
}

// With returns a table with the entries added. An entry whose code the table
// has takes the place of its name; its other spellings are added. Entries
// whose code is not [RegionCode.Valid] or whose name is empty are left out.
// What d was told by [Divisions.Covering] holds for the new table.
func (d *Divisions) With(entries []*RegionEntry) *Divisions {
	if len(entries) == 0 {
		return d
	}
	names := maps.Clone(d.names)
	aliases := maps.Clone(d.index.aliases)
	for _, e := range entries {
		code := key(RegionCode(e.Code))
		if !code.Valid() || e.Name == "" || code == country {
			continue
		}
		names[code] = e.Name
		if len(e.Aliases) > 0 {
			aliases[code] = append(slices.Clip(aliases[code]), e.Aliases...)
		}
	}
	n := newDivisions(names, aliases)
	n.covered = d.covered
	return n
}

// Covering returns the same table for a corpus that covers codes: the regions
// of its records. Short names of counties, many of which are ordinary words
// (和平, 城区, 长安), are then found only for the covered regions, what
// lies around them (their ancestors) and directly in them, or next to their
// parent (河源和平); full names are always found. Of several places with one
// name those in the covered regions are preferred. Covering() covers nothing.
func (d *Divisions) Covering(codes ...RegionCode) *Divisions {
	covered := map[RegionCode]bool{}
	for _, c := range codes {
		if c == "" || key(c) == country {
			continue
		}
		for _, child := range d.children[key(c)] {
			if child.Code.Depth() == 3 {
				covered[child.Code] = true
			}
		}
		for p := key(c); p != ""; p = p.Parent() {
			covered[p] = true
		}
	}
	return &Divisions{d.names, d.children, d.index, covered}
}

// key gives a code the form in which the table has it: six digits for a
// county and above, nine for a township.
func key(c RegionCode) RegionCode {
	for len(c) > 6 && strings.HasSuffix(string(c), "000") {
		c = c[:len(c)-3]
	}
	return c
}

// parent returns the nearest division of the table that c lies in; for a
// province, and whatever lies in no province of the table, the country.
func (d *Divisions) parent(c RegionCode) RegionCode {
	for p := c.Parent(); p != ""; p = p.Parent() {
		if _, ok := d.names[key(p)]; ok {
			return key(p)
		}
	}
	return country
}

// Name returns the division's own name (天河区). The empty code, which says
// nothing, has none; 000000 is 全国.
func (d *Divisions) Name(code RegionCode) (string, bool) {
	name, ok := d.names[key(code)]
	return name, ok
}

// FullName returns the names from the province down (广东省广州市天河区). Of
// a division that the table does not have it gives the part that it does
// have, or "".
func (d *Divisions) FullName(code RegionCode) string {
	var full string
	for c := key(code); c != ""; c = key(c.Parent()) {
		full = d.names[c] + full
	}
	return full
}

// Children returns the divisions directly inside code, in the order of their
// codes: the cities of a province and the counties that no city lies between
// (五指山市 in 海南省). The empty code and 000000 give the provinces.
func (d *Divisions) Children(code RegionCode) []Region {
	if code == "" {
		code = country
	}
	return slices.Clone(d.children[key(code)])
}

// A Found is a place mentioned in a text.
type Found struct {
	// Start and End are the byte offsets of the mention.
	Start, End int
	// Codes has one code for a place that is clear, and more for a name that
	// several divisions share (朝阳), provinces before cities before
	// counties. It must not be changed.
	Codes []RegionCode
}

// Find returns the places that text mentions by a full name, a short name
// (广州, 天河, 恩施州) or an alias, from left to right, the longest name
// first. Names one inside the other are one mention of the innermost place:
// 广东省广州市天河区, 广州天河 and 广州的天河区 are 440106. A short name that
// is part of a street's or a university's name (北京路, 中山大学) is none.
//
// The text should be simplified Chinese without spaces inside names.
func (d *Divisions) Find(text string) []Found {
	var found []Found
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		lengths := d.index.lengths[r]
		if lengths == 0 {
			i += size
			continue
		}
		var outer *Found
		if n := len(found); n > 0 && joined(text[found[n-1].End:i]) {
			outer = &found[n-1]
		}
		f, ok := d.match(text, i, lengths, outer)
		switch {
		case !ok:
			i += size
			continue
		case outer != nil && f.Start == outer.Start:
			*outer = f
		default:
			found = append(found, f)
		}
		i = f.End
	}
	for i := range found {
		found[i].Codes = d.prefer(found[i].Codes)
	}
	return found
}

// joined reports whether two names with gap between them can be one place.
func joined(gap string) bool {
	switch gap {
	case "", "的", " ", "·", "-", "/":
		return true
	}
	return false
}

// match returns the longest mention that starts at byte i. If it lies inside
// outer, the mention starts where outer does.
func (d *Divisions) match(text string, i int, lengths uint32, outer *Found) (Found, bool) {
	var ends [maxPlace + 1]int
	longest := bits.Len32(lengths) - 1
	n, end := 0, i
	for n < longest && end < len(text) {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
		n++
		ends[n] = end
	}
	for ; n >= minPlace; n-- {
		if lengths&(1<<n) == 0 {
			continue
		}
		p, ok := d.index.places[text[i:ends[n]]]
		if !ok || p.short && inOtherName(text[ends[n]:]) {
			continue
		}
		if outer != nil {
			if codes := p.within(outer.Codes); len(codes) > 0 {
				return Found{outer.Start, ends[n], codes}, true
			}
		}
		if codes := d.counting(p); len(codes) > 0 {
			return Found{i, ends[n], codes}, true
		}
	}
	return Found{}, false
}

// inOtherName reports whether what follows a short name makes it part of the
// name of something else.
func inOtherName(after string) bool {
	for _, s := range [...]string{"路", "街", "大道", "大街"} {
		if strings.HasPrefix(after, s) {
			return true
		}
	}
	return strings.HasPrefix(after, "大学") && !strings.HasPrefix(after, "大学生")
}

// counting returns the codes of p that count by themselves.
func (d *Divisions) counting(p *place) []RegionCode {
	if d.covered == nil || p.weak == 0 {
		return p.codes
	}
	return subset(p.codes, func(i int) bool { return p.weak&(1<<i) == 0 || d.covered[p.codes[i]] })
}

// prefer leaves of several codes those in the covered regions, if any is.
func (d *Divisions) prefer(codes []RegionCode) []RegionCode {
	if len(codes) < 2 || d.covered == nil {
		return codes
	}
	if in := subset(codes, func(i int) bool { return d.covered[codes[i]] }); len(in) > 0 {
		return in
	}
	return codes
}

// subset returns the codes that keep keeps by their place: codes itself, and
// no copy, if that is all of them.
func subset(codes []RegionCode, keep func(i int) bool) []RegionCode {
	all := true
	for i := range codes {
		all = all && keep(i)
	}
	if all {
		return codes
	}
	var kept []RegionCode
	for i, c := range codes {
		if keep(i) {
			kept = append(kept, c)
		}
	}
	return kept
}
