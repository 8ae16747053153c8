package index

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// An entry is what searching needs of one document beside its postings:
// names to compare with, filters, exact lengths. It is stored in the index
// and kept in memory for every document.
type entry struct {
	key       corpus.Key
	field     corpus.Type        // where it is searched: its type, or OperatorOnly
	title     string             // as published, for suggestions
	names     []string           // normalised: the name first, then short name and everyday names
	parent    string             // normalised
	agency    string             // normalised
	region    corpus.RegionCode  //
	audience  corpus.AudienceSet //
	themes    []string           //
	from, to  int32              // in force, in days since 1970; 0 and maxDay when open
	sits      []nlp.SituationSet // of names, by position
	lens      lengths            //
	matter    string             // the code of an FAQ's matter
	published uint32             // the aspects that a guide has a field for, by aspectBit
	words     []string           // of the names and the main matter, until their ids are known
	wordIDs   []int32            // those of words that have a vector
	text      string             // normalised body of an untitled or long text, for passages
	counter   []string           // counter-questions of an FAQ, as wording has them
}

// wording is a normalised question without what does not change its meaning.
func wording(normal string) string { return strings.Trim(normal, " ,。.!?") }

// refuses reports whether a record must not answer a question: one of its
// counter-questions is asked word for word.
func (e *entry) refuses(q *nlp.Question) bool {
	return len(e.counter) > 0 && slices.Contains(e.counter, wording(q.Text))
}

const maxDay = math.MaxInt32

func newEntry(rec corpus.Record, texts *fieldTexts, lens lengths, a *analyzer) *entry {
	e := &entry{key: rec.Key(), field: fieldOf(rec), lens: lens, to: maxDay}
	var period corpus.Period
	switch r := rec.(type) {
	case *corpus.Guide:
		e.title, e.region, e.audience, period = r.Name, r.Region.Code, corpus.AudienceSetOf(r.Audience), r.Effective
		e.published = publishedOf(r)
		e.parent, e.agency, e.themes = nlp.Normalize(r.Parent), nlp.Normalize(r.Agency.Name), themeNames(r.Themes)
	case *corpus.FAQ:
		e.title, e.region, period, e.matter = r.Question, r.Region.Code, r.Effective, r.Matter
		e.agency, e.themes, e.text = nlp.Normalize(r.Agency.Name), themeNames(r.Themes), nlp.Normalize(r.Answer)
		for _, c := range r.Counter {
			e.counter = append(e.counter, wording(nlp.Normalize(c)))
		}
	case *corpus.Policy:
		e.title, e.region, period = r.Title, r.Region.Code, r.Effective
		e.agency, e.text = nlp.Normalize(r.Agency.Name), nlp.Normalize(r.Text)
	case *corpus.Bundle:
		e.title, e.region, e.audience, period = r.Name, r.Region.Code, corpus.AudienceSetOf(r.Audience), r.Effective
	}
	e.from, e.to = dayOf(period.From, 0), dayOf(period.To, maxDay)
	for _, name := range slices.Concat(texts[groupName], texts[groupAlias]) {
		if name = nlp.Normalize(name); name != "" {
			e.names = append(e.names, name)
		}
	}
	e.sits = make([]nlp.SituationSet, len(e.names))
	for i, name := range e.names {
		e.sits[i] = a.lex.Situations(a.seg, name)
		e.words = append(e.words, outerWords(a.seg, name)...)
	}
	e.words = append(e.words, outerWords(a.seg, e.parent)...)
	slices.Sort(e.words)
	e.words = slices.Compact(e.words)
	return e
}

// number looks up the entry's words.
func (e *entry) number(space *wordSpace) {
	for _, w := range e.words {
		if id := space.id(w); id >= 0 {
			e.wordIDs = append(e.wordIDs, id)
		}
	}
	e.words = nil
}

// dayOf turns a validated date into days since 1970.
func dayOf(date string, open int32) int32 {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return open
	}
	return int32(t.Unix() / 86400)
}

// publishedOf says which aspects a guide has a field for.
func publishedOf(g *corpus.Guide) uint32 {
	var set uint32
	put := func(has bool, aspects ...nlp.Aspect) {
		for _, a := range aspects {
			if has {
				set |= 1 << aspectBit(a)
			}
		}
	}
	put(true, nlp.AspectOverview, nlp.AspectDefinition)
	put(len(g.Materials) > 0, nlp.AspectMaterials, nlp.AspectForms)
	put(g.Condition != "", nlp.AspectCondition)
	put(len(g.Steps) > 0, nlp.AspectProcedure)
	put(g.PromisedLimit != nil || g.LegalLimit != nil, nlp.AspectTimeLimit)
	put(g.Fee != nil, nlp.AspectFee)
	put(len(g.Places) > 0, nlp.AspectLocation)
	for _, p := range g.Places {
		put(p.Hours != "", nlp.AspectHours)
		put(p.Phone != "", nlp.AspectPhone)
	}
	put(g.Contact != "", nlp.AspectPhone)
	put(g.Complaint != "", nlp.AspectComplaint)
	put(g.OnlineURL != "" || g.MobileURL != "" || g.Channel != "", nlp.AspectOnline)
	put(g.Visits != nil, nlp.AspectVisits)
	put(g.Result != "" || g.Validity != "", nlp.AspectResult)
	put(len(g.Basis) > 0, nlp.AspectBasis)
	put(g.Agency.Name != "", nlp.AspectDepartment)
	put(len(g.Audience) > 0, nlp.AspectAudience)
	put(g.Agent != nil, nlp.AspectAgent)
	put(g.Scope != "", nlp.AspectCrossRegion)
	return set
}

// aspectBit is the place of an aspect in entry.published.
func aspectBit(a nlp.Aspect) int { return slices.Index(nlp.Aspects, a) }

var errEntry = errors.New("index entry is damaged")

// encode writes the entry for the index; decodeEntry reads it back.
func (e *entry) encode() []byte {
	var b []byte
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	str(string(e.key.Type))
	str(e.key.ID)
	str(string(e.field))
	str(e.title)
	str(strings.Join(e.names, "\x00"))
	for _, set := range e.sits {
		b = binary.AppendUvarint(b, uint64(set))
	}
	str(e.parent)
	str(e.agency)
	str(string(e.region))
	b = append(b, byte(e.audience))
	str(strings.Join(e.themes, "\x00"))
	b = binary.AppendVarint(b, int64(e.from))
	b = binary.AppendVarint(b, int64(e.to))
	for _, of := range e.lens {
		for _, n := range of {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	b = binary.AppendUvarint(b, uint64(e.published))
	str(strings.Join(e.words, "\x00"))
	str(e.matter)
	str(e.text)
	str(strings.Join(e.counter, "\x00"))
	return b
}

func decodeEntry(b []byte) (*entry, error) {
	ok := true
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok = false
			return 0
		}
		b = b[n:]
		return v
	}
	varint := func() int32 {
		v, n := binary.Varint(b)
		if n <= 0 {
			ok = false
			return 0
		}
		b = b[n:]
		return int32(v)
	}
	str := func() string {
		n := uvarint()
		if n > uint64(len(b)) {
			ok = false
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	list := func() []string {
		if s := str(); s != "" {
			return strings.Split(s, "\x00")
		}
		return nil
	}
	e := &entry{key: corpus.Key{Type: corpus.Type(str()), ID: str()}, field: corpus.Type(str()), title: str(), names: list()}
	for range e.names {
		e.sits = append(e.sits, nlp.SituationSet(uvarint()))
	}
	e.parent, e.agency = str(), str()
	e.region = corpus.RegionCode(str())
	e.audience = corpus.AudienceSet(uvarint())
	e.themes = list()
	e.from, e.to = varint(), varint()
	for s := range e.lens {
		for g := range e.lens[s] {
			e.lens[s][g] = uint32(uvarint())
		}
	}
	e.published = uint32(uvarint())
	e.words = list()
	e.matter, e.text, e.counter = str(), str(), list()
	if !ok || len(b) != 0 {
		return nil, errEntry
	}
	return e, nil
}
