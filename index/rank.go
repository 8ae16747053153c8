package index

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A feature is one thing that the second stage knows of a question and a
// document.
type feature int

// The features. A "said" character occurs in the question; content
// characters are those of full weight; shares are by inverse document
// frequency among the names of matters.
const (
	featFirst      feature = iota // first-stage score / the best of this question
	featSituations                // situation classes that question and name share
	featSitShare                  // … / classes of the question
	featSitUnasked                // situation classes of the name that the question does not say
	featNameChars                 // BM25 of single characters on the name alone / max(3, the best)
	featNameSaid                  // share of the name that is said
	featNameUnsaid                // idf mass of the name that is not said
	featBracket                   // idf mass inside the name's brackets that is not said
	featAskedSeq                  // longest common subsequence of content and name / content
	featNameSeq                   // longest common subsequence of question and name / name
	featSaid                      // share of the question's bigrams found anywhere in the document
	featAlias                     // the fitting name is an everyday name
	featPlaceNamed                // the question names a place and the document is of it
	featPlaceExtra                // no place is named and the document is of a city or county
	featImplied                   // share of the content whose everyday words stand for terms of the name
	featUnion                     // share of the content that the names and the main matter say or mean, together
	featPassage                   // share of content bigrams in the best passage of the text
	featPassageSeq                // longest common substring with that passage / content
	features
)

var featureNames = [features]string{
	"first", "situations", "sit_share", "sit_unasked", "name_chars", "name_said", "name_unsaid", "bracket",
	"asked_seq", "name_seq", "said", "alias", "place_named", "place_extra", "implied", "union", "passage", "passage_seq",
}

// A featureVector holds the value of every feature for one candidate.
type featureVector [features]float64

// weights are the linear models of the second stage: for records with a name
// to compare with, and for untitled texts.
type weights struct{ named, untitled featureVector }

// defaultWeights start from a fit on 140 natural needs over 2,262 guides, by
// matter in five folds; only weights that held their sign in every fold are
// kept. Untitled texts were fitted on their own.
func defaultWeights() weights {
	return weights{
		named: featureVector{
			featFirst: 5.06, featSituations: 2.65, featSitUnasked: -.43, featNameChars: 2.21, featNameSaid: 2.02,
			featNameUnsaid: -.014, featBracket: -.010, featAskedSeq: 2.6, featNameSeq: 1.88, featSaid: 1.76,
			featPlaceNamed: 2, featPlaceExtra: -.5, featImplied: 3, featUnion: 3,
		},
		untitled: featureVector{featFirst: 10, featPassage: 1, featSaid: 2},
	}
}

// rank is the second stage: a linear model over the candidates.
func (r *reader) rank(q *Query, found []candidate, mass float64, ix *Index) []Hit {
	asked := newAsked(q.Question, r.chars)
	hits := make([]Hit, len(found))
	vectors := make([]featureVector, len(found))
	bestFirst, bestChars := 0.0, 3.0
	for i, c := range found {
		e := r.docs[c.doc]
		hits[i] = hitOf(e)
		hits[i].First = c.total
		if mass > 0 {
			hits[i].Said = min(1, float64(c.said)/mass)
		}
		vectors[i] = asked.features(e, &hits[i], &ix.weights)
		bestFirst = max(bestFirst, c.total)
		bestChars = max(bestChars, vectors[i][featNameChars])
	}
	for i, c := range found {
		v, e := &vectors[i], r.docs[c.doc]
		v[featFirst] = c.total / bestFirst
		v[featNameChars] /= bestChars
		v[featSaid] = hits[i].Said
		v.place(q, e)
		w := &ix.weights.named
		if len(e.names) == 0 {
			w = &ix.weights.untitled
		}
		for f, x := range v {
			hits[i].Score += w[f] * x
		}
		if q.Explain {
			hits[i].Why = r.explain(q, c, v, w, ix.params.of(q.Type))
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Key.ID, b.Key.ID))
	})
	return hits
}

func matterOf(e *entry) string {
	if e.key.Type == corpus.TypeGuide {
		return e.key.ID
	}
	return e.matter
}

func (v *featureVector) place(q *Query, e *entry) {
	switch {
	case e.region == "":
	case q.Place != "":
		if e.region.Depth() >= 2 && (q.Place.Within(e.region) || e.region.Within(q.Place)) {
			v[featPlaceNamed] = 1
		}
	case e.region.Depth() >= 2 && q.Filter.Region == "":
		v[featPlaceExtra] = 1
	}
}

// asked is a question made ready for comparison with many names.
type asked struct {
	q       *nlp.Question
	chars   *charStats
	weight  map[rune]float64 // of each character of the question, its greatest
	all     lcs
	content lcs
	bigrams map[[2]rune]bool // of the content
	text    []rune           // the content
	implied []implied
	words   []contentWord
}

// A contentWord is a word of the question's content.
type contentWord struct {
	text string
	idf  float64 // of its characters, added up
}

// implied is an everyday word of the question and what it stands for.
type implied struct {
	said     string  // the everyday word
	share    float64 // of the question's content
	official []officialTerm
}

type officialTerm struct {
	text   string
	runes  []rune
	weight float64
}

func newAsked(q *nlp.Question, chars *charStats) *asked {
	a := &asked{q: q, chars: chars, weight: map[rune]float64{}, bigrams: map[[2]rune]bool{}}
	for i, c := range q.Runes {
		if w := float64(q.Weights[i]); w > 0 {
			a.weight[c] = max(a.weight[c], w)
		}
	}
	a.all = newLCS(q.Runes)
	a.text = []rune(q.Content())
	a.content = newLCS(a.text)
	for i := 1; i < len(a.text); i++ {
		a.bigrams[[2]rune{a.text[i-1], a.text[i]}] = true
	}
	for _, t := range q.Terms {
		if t.Space == nlp.SpaceWord && !t.Implied && t.Weight > .9 {
			w := contentWord{text: t.Text}
			for _, c := range t.Text {
				w.idf += chars.idf(c)
			}
			a.words = append(a.words, w)
		}
	}
	for _, x := range q.Expansions {
		im := implied{said: string(q.Runes[x.Start:x.End]), share: float64(x.End-x.Start) / float64(max(1, len(a.text)))}
		for _, s := range x.Synonyms {
			im.official = append(im.official, officialTerm{s.Official, []rune(s.Official), float64(s.Weight)})
		}
		a.implied = append(a.implied, im)
	}
	return a
}

// standsFor reports how surely an everyday word means something in a name,
// and the term: the whole of it, or most of its pairs of characters.
func (im *implied) standsFor(name string) (best float64, term []rune) {
	for _, o := range im.official {
		if o.weight <= best {
			continue
		}
		if share := o.in(name); share >= .6 && o.weight*share > best {
			best, term = o.weight*share, o.runes
		}
	}
	return best, term
}

// means reports whether a word of the question lies in the everyday word and
// one of the names has what that stands for.
func (im *implied) means(word string, names []string) bool {
	return strings.Contains(im.said, word) && slices.ContainsFunc(names, func(name string) bool {
		sure, _ := im.standsFor(name)
		return sure > 0
	})
}

// in returns the share of the term's pairs of characters that a name has; 1
// if it has the whole term.
func (o *officialTerm) in(name string) float64 {
	if strings.Contains(name, o.text) {
		return 1
	}
	if len(o.runes) < 4 {
		return 0
	}
	n := 0
	for i := 1; i < len(o.runes); i++ {
		if strings.Contains(name, string(o.runes[i-1:i+1])) {
			n++
		}
	}
	return float64(n) / float64(len(o.runes)-1)
}

// features compares the question with the document: with that one of its
// names that fits best, or with its text when it has no name.
func (a *asked) features(e *entry, h *Hit, w *weights) featureVector {
	if len(e.names) == 0 {
		return a.passages(e)
	}
	var best featureVector
	bestSum := 0.0
	for i, name := range e.names {
		v := a.name(name, e.sits[i])
		if i > 0 {
			v[featAlias] = 1
		}
		sum := 0.0
		for f, x := range v {
			if feature(f) != featNameChars { // not yet scaled
				sum += w.named[f] * x
			}
		}
		if i == 0 || sum > bestSum {
			best, bestSum = v, sum
			h.Name, h.Named, h.Asked = name, v[featNameSaid], min(1, v[featAskedSeq]+v[featImplied])
		}
	}
	best[featUnion] = a.union(e)
	return best
}

// union returns the share of the question's content words, by rarity, that
// all names and the main matter together say, or that an everyday word means
// in one of them.
func (a *asked) union(e *entry) float64 {
	said, total := 0.0, 0.0
	for _, w := range a.words {
		total += w.idf
		if strings.Contains(e.parent, w.text) ||
			slices.ContainsFunc(e.names, func(name string) bool { return strings.Contains(name, w.text) }) {
			said += w.idf
			continue
		}
		for i := range a.implied {
			if a.implied[i].means(w.text, e.names) {
				said += w.idf
				break
			}
		}
	}
	if total == 0 {
		return 0
	}
	return said / total
}

// name compares the question with one name.
func (a *asked) name(name string, sits nlp.SituationSet) featureVector {
	var v featureVector
	var said, total, bracket float64
	depth, n := 0, 0
	meant := map[rune]float64{} // characters that everyday words stand for
	for i := range a.implied {
		sure, term := a.implied[i].standsFor(name)
		v[featImplied] += sure * a.implied[i].share
		for _, c := range term {
			meant[c] = max(meant[c], sure)
		}
	}
	v[featImplied] = min(1, v[featImplied])
	counted := make([]rune, 0, 48)
	for _, c := range name {
		switch c {
		case '(', '[', '【', '〔':
			depth++
		case ')', ']', '】', '〕':
			depth = max(0, depth-1)
		}
		if !nlp.IsHan(c) && !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			continue
		}
		n++
		if slices.Contains(counted, c) {
			continue
		}
		counted = append(counted, c)
		w := a.chars.idf(c)
		total += w
		switch weight, ok := a.weight[c]; {
		case ok:
			said += w
			v[featNameChars] += weight * w
		case meant[c] > 0:
			said += meant[c] * w
		case depth > 0:
			bracket += w
		}
	}
	if n == 0 {
		return v
	}
	v[featNameSaid] = said / total
	v[featNameUnsaid] = total - said
	v[featBracket] = bracket
	v[featAskedSeq] = float64(a.content.length(name)) / float64(max(1, len(a.text)))
	v[featNameSeq] = float64(a.all.length(name)) / float64(n)
	v[featSituations] = float64(bits.OnesCount64(uint64(sits & a.q.Situations)))
	if a.q.Situations != 0 {
		v[featSitShare] = v[featSituations] / float64(bits.OnesCount64(uint64(a.q.Situations)))
	}
	v[featSitUnasked] = float64(bits.OnesCount64(uint64(sits &^ a.q.Situations)))
	return v
}

// passageLength is how many characters of a long text are looked at together.
const passageLength = 150

// passages finds the passage of an untitled text that holds most of the
// question's content.
func (a *asked) passages(e *entry) featureVector {
	var v featureVector
	if len(a.bigrams) == 0 {
		return v
	}
	text := []rune(e.text)
	for start := 0; start < len(text); start += passageLength / 2 {
		p := text[start:min(len(text), start+passageLength)]
		seen := map[[2]rune]bool{}
		for i := 1; i < len(p); i++ {
			if b := [2]rune{p[i-1], p[i]}; a.bigrams[b] {
				seen[b] = true
			}
		}
		share := float64(len(seen)) / float64(len(a.bigrams))
		if share > v[featPassage] {
			v[featPassage] = share
			v[featPassageSeq] = float64(commonSubstring(a.text, p)) / float64(len(a.text))
		}
	}
	return v
}

// commonSubstring returns the length of the longest common substring.
func commonSubstring(a, b []rune) int {
	best := 0
	row := make([]int, len(b)+1)
	for i := range a {
		for j := len(b); j > 0; j-- {
			if a[i] == b[j-1] {
				row[j] = row[j-1] + 1
				best = max(best, row[j])
			} else {
				row[j] = 0
			}
		}
	}
	return best
}

// An lcs computes longest common subsequences of one text with many others,
// 64 characters at a time (Hyyrö, "Bit-parallel LCS-length computation
// revisited", AWOCA 2004).
type lcs struct {
	masks map[rune][]uint64
	n     int
}

func newLCS(text []rune) lcs {
	l := lcs{map[rune][]uint64{}, len(text)}
	words := (len(text) + 63) / 64
	for i, c := range text {
		m := l.masks[c]
		if m == nil {
			m = make([]uint64, words)
			l.masks[c] = m
		}
		m[i/64] |= 1 << (i % 64)
	}
	return l
}

func (l *lcs) length(s string) int {
	if l.n == 0 || s == "" {
		return 0
	}
	words := (l.n + 63) / 64
	var small [5]uint64
	v := small[:]
	if words > len(small) {
		v = make([]uint64, words)
	}
	v = v[:words]
	for i := range v {
		v[i] = ^uint64(0)
	}
	for _, c := range s {
		m := l.masks[c]
		if m == nil {
			continue
		}
		carry := uint64(0)
		for i := range v {
			u := v[i] & m[i]
			var sum uint64
			sum, carry = bits.Add64(v[i], u, carry)
			v[i] = sum | v[i]&^m[i]
		}
	}
	length := 0
	for i, x := range v {
		if i == words-1 && l.n%64 != 0 {
			x |= ^uint64(0) << (l.n % 64)
		}
		length += bits.OnesCount64(^x)
	}
	return length
}
