package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/govqa/govqa/corpus"
)

// A ConflictKind says how records get in each other's way.
type ConflictKind string

// The kinds of conflicts.
const (
	OtherAnswer ConflictKind = "other_answer" // 同一个问题，答案不同
	SameAnswer  ConflictKind = "same_answer"  // 同一个问题，答案相同
	SamePhone   ConflictKind = "same_phone"   // 同一个电话，两个部门
	SameMatter  ConflictKind = "same_matter"  // 同一部门同一地区有同名的事项
	SameAlias   ConflictKind = "same_alias"   // 同一地区两个事项有同一个日常用语
)

// Label says the kind as an editor reads it.
func (k ConflictKind) Label() string {
	switch k {
	case OtherAnswer:
		return "同一个问题，答案不同"
	case SameAnswer:
		return "同一个问题，答案相同"
	case SamePhone:
		return "同一个电话，两个部门"
	case SameMatter:
		return "同一部门、同一地区的同名事项"
	case SameAlias:
		return "同一地区两个事项有同一个日常用语"
	}
	return "冲突"
}

// ConflictKinds lists the kinds, the gravest first.
var ConflictKinds = []ConflictKind{OtherAnswer, SamePhone, SameMatter, SameAnswer, SameAlias}

// A Conflict is what two records or more cannot all be right about, or say twice.
type Conflict struct {
	Kind  ConflictKind
	What  string // the question, the number, the name
	Sides []Side // in the order of their keys; at least two
}

// A Side is one record of a conflict and what it says.
type Side struct {
	Key   corpus.Key
	Title string
	Says  string // the answer, the agency; may be empty
}

// Conflicts gathers records and finds those that get in each other's way.
// Records that are not in force on the day are passed over. It is for one
// goroutine.
type Conflicts struct {
	day  time.Time
	said map[subject]map[corpus.Key]Side
}

// A subject is what records can disagree about, and where.
type subject struct {
	kind   ConflictKind
	what   string // normalised
	region corpus.RegionCode
}

// NewConflicts returns an empty gathering for a day.
func NewConflicts(day time.Time) *Conflicts {
	return &Conflicts{day: day, said: map[subject]map[corpus.Key]Side{}}
}

func (c *Conflicts) note(kind ConflictKind, what string, region corpus.RegionCode, rec corpus.Record, says string) {
	s := subject{kind, plain(what), region}
	if s.what == "" {
		return
	}
	if c.said[s] == nil {
		c.said[s] = map[corpus.Key]Side{}
	}
	c.said[s][rec.Key()] = Side{rec.Key(), corpus.Title(rec), says}
}

// Add takes a record up.
func (c *Conflicts) Add(rec corpus.Record) {
	switch r := rec.(type) {
	case *corpus.FAQ:
		if !r.Effective.Contains(c.day) {
			return
		}
		// What belongs to one matter is asked about that matter only.
		for _, q := range append([]string{r.Question}, r.Similar...) {
			c.note(OtherAnswer, q+r.Matter, r.Region.Code, r, r.Answer)
		}
	case *corpus.Guide:
		if r.Effective.Contains(c.day) {
			c.guide(r)
		}
	case *corpus.AgencyEntry:
		if !r.Effective.Contains(c.day) {
			return
		}
		for _, n := range numbers(r.Phone) {
			c.note(SamePhone, n, "", r, r.Name)
		}
	}
}

func (c *Conflicts) guide(g *corpus.Guide) {
	for _, qa := range g.FAQs {
		c.note(OtherAnswer, qa.Q+g.Code, g.Region.Code, g, qa.A)
	}
	if g.Agency.Name != "" {
		for _, n := range numbers(g.Contact) {
			c.note(SamePhone, n, "", g, g.Agency.Name)
		}
	}
	c.note(SameMatter, g.Name+"\x00"+g.Agency.Name+"\x00"+g.Situation, g.Region.Code, g, "")
	for _, a := range g.Aliases {
		c.note(SameAlias, a, g.Region.Code, g, "")
	}
}

// numbers are the numbers of a text that belong to one agency: short ones
// such as 12345 are lines of many.
func numbers(text string) []string {
	var all []string
	for _, n := range number.FindAllString(text, -1) {
		if digits := strings.ReplaceAll(n, "-", ""); len(digits) >= 7 {
			all = append(all, digits)
		}
	}
	return all
}

// plain is a text without what does not change its meaning.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if 0xFF01 <= r && r <= 0xFF5E { // full width
			r -= 0xFEE0
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// List returns the conflicts: the gravest kinds first, then by what they are
// about. Of one phone each agency is named once.
func (c *Conflicts) List() []Conflict {
	var all []Conflict
	for s, sides := range c.said {
		list := slices.SortedFunc(maps.Values(sides), func(a, b Side) int {
			return cmp.Or(cmp.Compare(a.Key.Type, b.Key.Type), cmp.Compare(a.Key.ID, b.Key.ID))
		})
		kind := s.kind
		switch kind {
		case OtherAnswer:
			if len(list) < 2 {
				continue
			}
			first := plain(list[0].Says)
			if !slices.ContainsFunc(list, func(x Side) bool { return plain(x.Says) != first }) {
				kind = SameAnswer
			}
		case SamePhone:
			list = slices.CompactFunc(slices.SortedStableFunc(slices.Values(list), func(a, b Side) int { return cmp.Compare(a.Says, b.Says) }),
				func(a, b Side) bool { return a.Says == b.Says })
		}
		if len(list) < 2 {
			continue
		}
		all = append(all, Conflict{kind, c.what(kind, s, list), list})
	}
	slices.SortFunc(all, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(slices.Index(ConflictKinds, a.Kind), slices.Index(ConflictKinds, b.Kind)), cmp.Compare(a.What, b.What),
			cmp.Compare(a.Sides[0].Key.ID, b.Sides[0].Key.ID))
	})
	return all
}

// what says a subject as an editor reads it.
func (c *Conflicts) what(kind ConflictKind, s subject, sides []Side) string {
	switch kind {
	case SameMatter, OtherAnswer, SameAnswer:
		return sides[0].Title
	}
	if s.region != "" {
		return fmt.Sprintf("%s（%s）", s.what, s.region)
	}
	return s.what
}
