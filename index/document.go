package index

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/document"
	bleve "github.com/blevesearch/bleve_index_api"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A group is a set of fields that weigh the same in BM25F.
type group int

const (
	groupName   group = iota // 事项名称; an FAQ's question; a policy's title
	groupAlias               // 简称, 日常用语; similar questions
	groupParent              // 主项, 情形
	groupBody                // 受理条件, 申请材料, 实施主体, 区划, 主题; an answer; a policy's text
	groupRest                // 办理流程, 依据, 地点, 结果 …
	groups
)

// A posting holds how often a term occurs in each group of one document. In
// bleve it stands as one number, the posting's frequency: one posting for all
// fields makes the index a third of the size and a search one pass. The
// commonest group takes the lowest bits, because bleve writes the number in
// as few bytes as it needs.
type posting uint64

var packing = [groups]struct{ shift, bits uint }{
	groupBody: {0, 12}, groupRest: {12, 12}, groupName: {24, 6}, groupAlias: {30, 8}, groupParent: {38, 6},
}

// add counts one more occurrence in g; a full counter stays full.
func (p posting) add(g group) posting {
	if f := packing[g]; p.tf(g) < 1<<f.bits-1 {
		p += 1 << f.shift
	}
	return p
}

func (p posting) tf(g group) uint64 {
	f := packing[g]
	return uint64(p) >> f.shift & (1<<f.bits - 1)
}

// fieldTexts are the texts of a record by group.
type fieldTexts [groups][]string

// indexed reports whether records of a type are searched.
func indexed(t corpus.Type) bool {
	switch t {
	case corpus.TypeGuide, corpus.TypeFAQ, corpus.TypePolicy, corpus.TypeBundle:
		return true
	}
	return false
}

// OperatorOnly is the type under which a [Query] finds records that only
// operators may see. They stand in a field of their own: no search of another
// type can reach them, and they change none of its statistics.
const OperatorOnly corpus.Type = "operator"

// fieldOf says under which type a record is searched.
func fieldOf(rec corpus.Record) corpus.Type {
	if _, ok := corpus.Public(rec); !ok {
		return OperatorOnly
	}
	return rec.Key().Type
}

// textsOf says which fields of a record are searched, and in which group.
func textsOf(rec corpus.Record) fieldTexts {
	var t fieldTexts
	switch r := rec.(type) {
	case *corpus.Guide:
		t = guideTexts(r)
	case *corpus.FAQ:
		t[groupName] = []string{r.Question}
		t[groupAlias] = r.Similar
		t[groupBody] = []string{r.Answer, r.Agency.Name, r.Region.Name}
		t[groupRest] = themeNames(r.Themes)
	case *corpus.Policy:
		t[groupName] = []string{r.Title}
		t[groupAlias] = []string{r.Number}
		t[groupBody] = []string{r.Text}
		t[groupRest] = []string{r.Agency.Name, r.Region.Name}
	case *corpus.Bundle:
		t[groupName] = []string{r.Name}
		t[groupAlias] = r.Aliases
		for _, s := range r.Steps {
			t[groupBody] = append(t[groupBody], s.Name)
		}
	}
	return t
}

func guideTexts(g *corpus.Guide) fieldTexts {
	var t fieldTexts
	t[groupName] = []string{g.Name}
	t[groupAlias] = append([]string{g.ShortName}, g.Aliases...)
	t[groupParent] = []string{g.Parent, g.Situation}
	t[groupBody] = []string{g.Condition, g.Agency.Name, g.Region.Name}
	for _, m := range g.Materials {
		t[groupBody] = append(t[groupBody], m.Name)
	}
	for _, qa := range g.FAQs {
		t[groupBody] = append(t[groupBody], qa.Q)
		t[groupRest] = append(t[groupRest], qa.A)
	}
	t[groupRest] = append(t[groupRest], g.Kind, g.Result, g.Validity, g.VisitReason, g.Scope, g.Channel)
	t[groupRest] = append(t[groupRest], g.Steps...)
	t[groupRest] = append(t[groupRest], themeNames(g.Themes)...)
	for _, a := range g.Audience {
		t[groupRest] = append(t[groupRest], string(a))
	}
	for _, m := range g.Materials {
		t[groupRest] = append(t[groupRest], m.Note, m.When)
	}
	for _, p := range g.Places {
		t[groupRest] = append(t[groupRest], p.Name, p.Address)
	}
	for _, b := range g.Basis {
		t[groupRest] = append(t[groupRest], b.Name)
	}
	if g.Fee != nil {
		for _, item := range g.Fee.Items {
			t[groupRest] = append(t[groupRest], item.Name)
		}
	}
	return t
}

func themeNames(themes []corpus.Theme) []string {
	var names []string
	for _, t := range themes {
		names = append(names, string(t))
	}
	return names
}

// A lengths counts the terms of one document by space and group.
type lengths [len(nlp.Spaces)][groups]uint32

func spaceIndex(sp nlp.Space) int {
	for i, s := range nlp.Spaces {
		if s == sp {
			return i
		}
	}
	return -1
}

// analyzed is a document cut into terms, ready for bleve.
type analyzed struct {
	entry *entry
	freqs bleve.TokenFrequencies
	words []string // in text order, for word similarity
}

// An analyzer turns records into documents. It is safe for concurrent use.
type analyzer struct {
	seg nlp.Segmenter
	lex *nlp.Lexicon
}

// analyze cuts every searched field of rec into the terms of all three
// spaces. The first byte of a term is its space.
func (a *analyzer) analyze(rec corpus.Record) analyzed {
	texts := textsOf(rec)
	counts := make(map[string]posting, 512)
	var lens lengths
	var buf []byte
	var words []string
	for g, list := range texts {
		for _, raw := range list {
			for piece := range pieces(nlp.Normalize(raw)) {
				words = append(words, outerWords(a.seg, piece)...)
				nlp.EachTerm(a.seg, piece, func(sp nlp.Space, start, end int) {
					lens[spaceIndex(sp)][g]++
					buf = append(append(buf[:0], byte(sp)), piece[start:end]...)
					if p, ok := counts[string(buf)]; ok {
						counts[string(buf)] = p.add(group(g))
					} else {
						counts[string(buf)] = posting(0).add(group(g))
					}
				})
			}
		}
	}
	return analyzed{newEntry(rec, &texts, lens, a), frequencies(counts), words}
}

// pieces yields a long text sentence by sentence: the segmenter's time grows
// faster than the length of an unbroken text.
func pieces(s string) func(yield func(string) bool) {
	const limit = 1200 // bytes, about 400 characters
	return func(yield func(string) bool) {
		for len(s) > limit {
			cut := strings.LastIndexAny(s[:limit], "。;;,!?\n ")
			if cut <= 0 {
				for cut = limit; !utf8.RuneStart(s[cut]); cut-- {
				}
			}
			if !yield(s[:cut]) {
				return
			}
			s = s[cut:]
		}
		if s != "" {
			yield(s)
		}
	}
}

// frequencies hands the counts to bleve in its own form, in one allocation
// for all terms.
func frequencies(counts map[string]posting) bleve.TokenFrequencies {
	freqs := make(bleve.TokenFrequencies, len(counts))
	slab := make([]bleve.TokenFreq, len(counts))
	i := 0
	for term, p := range counts {
		tf := &slab[i]
		i++
		tf.Term = []byte(term)
		tf.SetFrequency(int(p))
		freqs[term] = tf
	}
	return freqs
}

// metaField is the stored field that holds a document's entry.
const metaField = "entry"

// bleveDocument makes the document that bleve indexes: the record's terms in
// a field named for its type, or for [OperatorOnly], and its entry as a stored field.
func (d analyzed) bleveDocument() *document.Document {
	doc := document.NewDocument(d.entry.key.String())
	doc.AddField(&termsField{string(d.entry.field), d.freqs})
	doc.AddField(document.NewTextFieldCustom(metaField, nil, d.entry.encode(), bleve.StoreField, nil))
	return doc
}

// termsField is a bleve field whose terms have been counted already.
type termsField struct {
	name  string
	freqs bleve.TokenFrequencies
}

func (f *termsField) Name() string                        { return f.name }
func (f *termsField) Value() []byte                       { return nil }
func (f *termsField) ArrayPositions() []uint64            { return nil }
func (f *termsField) EncodedFieldType() byte              { return 't' }
func (f *termsField) Analyze()                            {}
func (f *termsField) Options() bleve.FieldIndexingOptions { return bleve.IndexField }
func (f *termsField) NumPlainTextBytes() uint64           { return 0 }

// AnalyzedLength is bleve's norm. Ours are exact and lie in the entry.
func (f *termsField) AnalyzedLength() int                              { return 0 }
func (f *termsField) AnalyzedTokenFrequencies() bleve.TokenFrequencies { return f.freqs }
func (f *termsField) Size() int                                        { return cmp.Or(len(f.freqs), 1) * 64 }
