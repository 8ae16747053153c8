package insight

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Kind says how a question came to be a gap.
type Kind string

// The kinds of gaps.
const (
	Unanswered  Kind = "unanswered"   // not found
	BadlyRated  Kind = "badly_rated"  // rated bad without a word
	Reported    Kind = "reported"     // rated bad with reasons, or found wrong by an operator
	LeftMessage Kind = "left_message" // a citizen left a message about it
)

// Kinds lists the kinds of gaps.
var Kinds = []Kind{Unanswered, BadlyRated, Reported, LeftMessage}

// A Gap (知识缺口) is a group of questions that are alike and have no good
// answer.
type Gap struct {
	ID       string // of its first question; it stays
	Text     string // of its first question, masked
	Region   corpus.RegionCode
	Count    int // questions, ratings and messages
	Kinds    map[Kind]int
	First    time.Time
	Last     time.Time
	Edition  corpus.Edition // the newest that had no good answer
	Wordings []Logged       // the most frequent first, masked
	Remarks  []Remark       // the newest first
	Messages []string       // numbers of messages about it
	Near     []string       // codes of the matters that were found for it, the most frequent first
}

// A Remark is what came with a bad rating.
type Remark struct {
	Reasons []string
	Text    string // masked
}

// A question is one that has no good answer.
type question struct {
	seq     uint64
	at      time.Time
	text    string
	region  corpus.RegionCode
	near    []answer.Near
	edition corpus.Edition
}

// gaps groups questions. A question joins the gap whose first question is most
// like it, if it is like enough, and else begins one: groups grow and never
// change otherwise, so that what staff decided about one stays true.
type gaps struct {
	list   []*group
	byTerm map[string][]int // terms and matters of the first questions
	bySeq  map[uint64]int   // which group a question is in
}

type group struct {
	first    question
	vector   vector
	near     vector
	city     corpus.RegionCode
	count    int
	kinds    map[Kind]int
	last     time.Time
	edition  corpus.Edition
	wordings map[string]*Logged
	remarks  []Remark
	messages []string
	found    map[string]int
}

func newGaps() gaps { return gaps{byTerm: map[string][]int{}, bySeq: map[uint64]int{}} }

// add takes a question up and returns its group, or nil if it says nothing.
func (g *gaps) add(p *nlp.Parser, q question, kind Kind) *group {
	i, ok := g.bySeq[q.seq]
	if !ok {
		v := vectorOf(p, firstWords(q.text))
		if v == nil {
			return nil
		}
		i = g.nearest(v, q)
		if i < 0 {
			i = g.begin(v, q)
		}
		g.bySeq[q.seq] = i
	}
	to := g.list[i]
	to.take(q, kind, !ok)
	return to
}

// firstWords cuts a long message: its first words say what it is about.
func firstWords(text string) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), 100)])
}

// cityOf is the city of a region: what a county lacks its city lacks.
func cityOf(r corpus.RegionCode) corpus.RegionCode {
	for r.Depth() > 2 {
		r = r.Parent()
	}
	return r
}

// nearest returns the group that a question joins, or -1. Of equals the oldest.
func (g *gaps) nearest(v vector, q question) int {
	near, city := nearVector(q.near), cityOf(q.region)
	seen := map[int]bool{}
	best, at := 0.0, -1
	try := func(i int) {
		if seen[i] || g.list[i].city != city {
			return
		}
		seen[i] = true
		if l := alike(v, near, g.list[i].vector, g.list[i].near); l >= alikeFrom && (l > best || l == best && i < at) {
			best, at = l, i
		}
	}
	for _, of := range []vector{v, near} {
		for term := range of {
			for _, i := range g.byTerm[term] {
				try(i)
			}
		}
	}
	return at
}

func (g *gaps) begin(v vector, q question) int {
	i := len(g.list)
	n := &group{first: q, vector: v, near: nearVector(q.near), city: cityOf(q.region), kinds: map[Kind]int{},
		wordings: map[string]*Logged{}, found: map[string]int{}}
	g.list = append(g.list, n)
	for _, of := range []vector{n.vector, n.near} {
		for term := range of {
			g.byTerm[term] = append(g.byTerm[term], i)
		}
	}
	return i
}

func (g *group) take(q question, kind Kind, fresh bool) {
	g.count++
	g.kinds[kind]++
	if q.at.After(g.last) {
		g.last = q.at
	}
	g.edition = max(g.edition, q.edition)
	if !fresh {
		return
	}
	for _, n := range q.near {
		g.found[n.Code]++
	}
	key := distinct(q.text, q.region)
	if w := g.wordings[key]; w != nil {
		w.Count++
		w.Last = q.at
	} else if len(g.wordings) < maxWordings {
		g.wordings[key] = &Logged{q.text, q.region, 1, q.at}
	}
}

// The most wordings and remarks that one gap keeps.
const (
	maxWordings = 50
	maxRemarks  = 20
)

func (g *group) remark(r answer.Feedback) {
	g.remarks = append(g.remarks, Remark{r.Reasons, r.Text})
	if len(g.remarks) > maxRemarks {
		g.remarks = g.remarks[1:]
	}
}

const gapPrefix = "g-"

func gapID(seq uint64) string { return gapPrefix + strconv.FormatUint(seq, 10) }

func (g *group) gap() Gap {
	list := slices.SortedFunc(maps.Values(g.wordings), func(a, b *Logged) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last), cmp.Compare(a.Text, b.Text))
	})
	gap := Gap{ID: gapID(g.first.seq), Text: g.first.text, Region: g.first.region, Count: g.count, Kinds: maps.Clone(g.kinds),
		First: g.first.at, Last: g.last, Edition: g.edition, Messages: slices.Clone(g.messages), Near: Top(g.found, 5)}
	for _, w := range list {
		gap.Wordings = append(gap.Wordings, *w)
	}
	for _, r := range slices.Backward(g.remarks) {
		gap.Remarks = append(gap.Remarks, r)
	}
	return gap
}

// Gaps returns all gaps in the order in which they began.
func (v *View) Gaps() []Gap {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]Gap, len(v.gaps.list))
	for i, g := range v.gaps.list {
		list[i] = g.gap()
	}
	return list
}

// Gap returns the gap that holds the question which an id names, or
// corpus.ErrNotFound. After a change of how questions are compared the
// question may not be the gap's first any more.
func (v *View) Gap(id string) (Gap, error) {
	n, isID := strings.CutPrefix(id, gapPrefix)
	seq, err := strconv.ParseUint(n, 10, 64)
	v.mu.Lock()
	defer v.mu.Unlock()
	i, ok := v.gaps.bySeq[seq]
	if !isID || err != nil || !ok {
		return Gap{}, fmt.Errorf("gap %q: %w", id, corpus.ErrNotFound)
	}
	return v.gaps.list[i].gap(), nil
}
