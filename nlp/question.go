package nlp

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

// The weight of a question's characters: content words count fully, words
// that ask for an aspect less, filler hardly. Nothing is deleted, since 查询,
// 咨询 or 材料 also occur in the names of matters.
const (
	weightAspect = .3
	weightFiller = .1
)

// A Term is one term of a question in one space, with the mean weight of its
// characters.
type Term struct {
	Space   Space
	Text    string
	Weight  float32 // 0..1
	Implied bool    // of an official term that an everyday word stands for
}

// An Expansion is an everyday word of the question and the official terms
// that it stands for.
type Expansion struct {
	Start, End int // in runes of the question
	Synonyms   []Synonym
}

// A Question is what a citizen's text says.
type Question struct {
	Text       string       // normalised
	Runes      []rune       // of Text
	Weights    []float32    // of Runes, 0..1; 0 for punctuation
	Terms      []Term       // distinct, in no particular order
	Aspects    []Aspect     // asked for, the clearest first; never empty
	InOrder    []Aspect     // the same in the order in which they are said
	Asked      bool         // whether an aspect other than by default was named
	Situations SituationSet // in citizens' words
	Expansions []Expansion  // in text order
	situated   []bool       // of Runes: said by a situation's phrase
}

// Ask makes the question one for the aspects of another.
func (q *Question) Ask(like *Question) {
	q.Asked, q.Aspects, q.InOrder = like.Asked, like.Aspects, like.InOrder
}

// AskOnly makes the question one for a single aspect.
func (q *Question) AskOnly(a Aspect) {
	q.Asked, q.Aspects, q.InOrder = a != AspectOverview, []Aspect{a}, []Aspect{a}
}

// Aspect returns the aspect that the question asks for most clearly.
func (q *Question) Aspect() Aspect { return q.Aspects[0] }

// Content returns the characters of full weight: what the question is about.
func (q *Question) Content() string {
	var b strings.Builder
	for i, r := range q.Runes {
		if q.Weights[i] >= 1 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Core returns the stretches of the content that say something other than a
// situation, with blanks between: what the matter is of.
func (q *Question) Core() string {
	var b strings.Builder
	for i, r := range q.Runes {
		if q.Weights[i] >= 1 && !q.situated[i] {
			b.WriteRune(r)
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Bare returns how many characters of the content say something other than a
// situation: 0 for 丢了怎么补, which leans on what was talked about.
func (q *Question) Bare() int {
	n := 0
	for i := range q.Runes {
		if q.Weights[i] >= 1 && !q.situated[i] {
			n++
		}
	}
	return n
}

// A Parser reads questions. It is immutable and safe for concurrent use.
type Parser struct {
	Segmenter Segmenter
	Lexicon   *Lexicon
	Speller   *Speller          // nil takes every word as it is written
	Region    corpus.RegionCode // of who asks; everyday words of other regions are passed over
}

// Parse reads a citizen's text. It is total: any text gives a Question.
func (p *Parser) Parse(text string) Question {
	text = affirmed(Normalize(text))
	if p.Speller != nil {
		text = p.respell(p.Speller.Unspell(text))
	}
	q := Question{Text: text, Runes: []rune(text)}
	over := wordsOver(p.Segmenter, text, len(q.Runes))
	q.situated = make([]bool, len(q.Runes))
	p.Lexicon.sitAsked.each(q.Runes, func(m match) {
		if insideWord(over, m) {
			return
		}
		q.Situations |= 1 << m.value
		for i := m.start; i < m.end; i++ {
			q.situated[i] = true
		}
	})
	q.Weights = make([]float32, len(q.Runes))
	for i, r := range q.Runes {
		if IsHan(r) || isWordRune(r) {
			q.Weights[i] = 1
		}
	}
	p.readAspects(&q)
	p.expand(&q, over)
	p.lowerFiller(&q, over)
	q.Terms = p.terms(&q)
	return q
}

// negations are pairs of words that deny one thing and name another: 不是到期,
// 是丢了; 不想要流程,就问费用.
var negations = [...]struct{ deny, affirm []string }{
	{[]string{"不是"}, []string{",是", ",而是", "而是", ",就是", " 是"}},
	{[]string{"不想要", "不想知道", "不想问", "不要", "不用", "不问", "不看", "先不说", "先不管"}, []string{",就问", ",只问", ",就要", ",只要", ",就想", ",只想", ",想问", ",问的是", ",就看"}},
}

// affirmed leaves out what a normalised text denies, where it goes on to say
// what is meant.
func affirmed(text string) string {
	for _, n := range negations {
		for _, deny := range n.deny {
			at := strings.Index(text, deny)
			if at < 0 {
				continue
			}
			rest := text[at+len(deny):]
			for _, affirm := range n.affirm {
				if to := strings.Index(rest, affirm); to > 0 && !strings.ContainsAny(rest[:to], ",;?!。") {
					return strings.TrimRight(text[:at], ",; ") + " " + rest[to+len(affirm):]
				}
			}
		}
	}
	return text
}

// respell puts right what is mistyped.
func (p *Parser) respell(text string) string {
	runes := []rune(text)
	for _, r := range p.Speller.Respell(p.Segmenter, text) {
		copy(runes[r.Start:r.End], []rune(r.Word))
	}
	return string(runes)
}

// expand finds everyday words and the official terms that they stand for. A
// word inside a longer one does not count: 残疾证 is not 疾.
func (p *Parser) expand(q *Question, over []int) {
	var found []match
	p.Lexicon.everyday.each(q.Runes, func(m match) {
		if !insideWord(over, m) && p.meant(m.value) {
			found = append(found, m)
		}
	})
	for i, m := range found {
		inside := slices.ContainsFunc(found[:i], func(o match) bool { return o.start <= m.start && m.end <= o.end }) ||
			slices.ContainsFunc(found[i+1:], func(o match) bool {
				return o.start <= m.start && m.end <= o.end && o.end-o.start > m.end-m.start
			})
		if !inside {
			q.Expansions = append(q.Expansions, Expansion{m.start, m.end, p.synonyms(m.value)})
		}
	}
}

// impliedWeight is what a term of an official word counts, beside the words
// that were really said.
const impliedWeight = .4

// ParseFollowUp reads a text that goes on with a conversation about context, a
// matter's name: the context's terms count at the given weight. Where the text
// says a situation of its own, those of the context are left out.
func (p *Parser) ParseFollowUp(text, context string, weight float32) Question {
	q := p.Parse(text)
	if q.Situations != 0 {
		context = p.Base(context)
	}
	c := p.Parse(context)
	if q.Situations == 0 {
		q.Situations = p.Lexicon.Situations(p.Segmenter, c.Text)
	}
	said := map[Term]bool{}
	for _, t := range q.Terms {
		said[Term{Space: t.Space, Text: t.Text}] = true
	}
	for _, t := range c.Terms {
		if !t.Implied && !said[Term{Space: t.Space, Text: t.Text}] {
			t.Weight = weight
			q.Terms = append(q.Terms, t)
		}
	}
	q.Text += " " + c.Text
	q.Runes = append(append(q.Runes, ' '), c.Runes...)
	q.Weights = append(q.Weights, 0)
	q.situated = append(q.situated, false)
	for i, w := range c.Weights {
		q.Weights = append(q.Weights, min(w, weight))
		q.situated = append(q.situated, c.situated[i])
	}
	return q
}

// Base returns a matter's name without the words that say its situation:
// 居住证 for 居住证申领.
func (p *Parser) Base(name string) string {
	name = Normalize(name)
	runes := []rune(name)
	over := wordsOver(p.Segmenter, name, len(runes))
	p.Lexicon.sitOfficer.each([]rune(name), func(m match) {
		if !insideWord(over, m) {
			for i := m.start; i < m.end; i++ {
				runes[i] = ' '
			}
		}
	})
	return Normalize(string(runes))
}

// readAspects finds what is asked for and lowers the words that ask.
func (p *Parser) readAspects(q *Question) {
	best := make([]int, len(Aspects)) // strength*100 + length of the clearest phrase
	at := make([]int, len(Aspects))   // where it stands
	p.Lexicon.aspects.each(q.Runes, func(m match) {
		aspect, strength := m.value>>8, m.value&0xff
		if c := strength*100 + m.end - m.start; c > best[aspect] {
			best[aspect], at[aspect] = c, m.start
		}
		for i := m.start; i < m.end; i++ {
			q.Weights[i] = min(q.Weights[i], weightAspect)
		}
	})
	for i, b := range best {
		if b > 0 {
			q.Aspects = append(q.Aspects, Aspects[i])
		}
	}
	rank := func(a Aspect) int {
		b := best[slices.Index(Aspects, a)]
		if a == AspectProgress && b >= 300 {
			// 进度查询 is as often the matter itself as the thing asked.
			b = 250
		}
		return b
	}
	slices.SortStableFunc(q.Aspects, func(a, b Aspect) int { return cmp.Compare(rank(b), rank(a)) })
	q.Asked = len(q.Aspects) > 0 && rank(q.Aspects[0]) >= 200
	// A clear phrase (材料交到哪) outdoes a mere mention (材料).
	if q.Asked {
		floor := rank(q.Aspects[0]) / 100 * 100
		q.Aspects = slices.DeleteFunc(q.Aspects, func(a Aspect) bool { return rank(a) < floor })
	}
	if len(q.Aspects) == 0 {
		q.Aspects = []Aspect{AspectOverview}
	}
	q.InOrder = slices.Clone(q.Aspects)
	slices.SortStableFunc(q.InOrder, func(a, b Aspect) int {
		return cmp.Compare(at[slices.Index(Aspects, a)], at[slices.Index(Aspects, b)])
	})
}

// lowerFiller lowers filler words where they stand as words of their own:
// the 地方 of 地方志 is no filler.
func (p *Parser) lowerFiller(q *Question, over []int) {
	p.Lexicon.filler.each(q.Runes, func(m match) {
		if insideWord(over, m) {
			return
		}
		for i := m.start; i < m.end; i++ {
			q.Weights[i] = min(q.Weights[i], weightFiller)
		}
	})
}

// runeIndex maps each byte offset of s, and len(s), to its rune's index.
func runeIndex(s string) []int {
	at := make([]int, len(s)+1)
	n := 0
	for i, r := range s {
		for j := range max(utf8.RuneLen(r), 1) {
			if i+j < len(s) {
				at[i+j] = n
			}
		}
		n++
	}
	at[len(s)] = n
	return at
}

// terms cuts the question into its distinct terms; a term said twice has the
// greater weight.
func (p *Parser) terms(q *Question) []Term {
	runeAt := runeIndex(q.Text)
	type key struct {
		space Space
		text  string
	}
	at := make(map[key]int, 3*len(q.Runes))
	var terms []Term
	EachTerm(p.Segmenter, q.Text, func(sp Space, start, end int) {
		var sum float32
		from, to := runeAt[start], runeAt[end]
		for _, w := range q.Weights[from:to] {
			sum += w
		}
		t := Term{Space: sp, Text: q.Text[start:end], Weight: sum / float32(to-from)}
		k := key{sp, t.Text}
		if i, said := at[k]; said {
			terms[i].Weight = max(terms[i].Weight, t.Weight)
			return
		}
		at[k] = len(terms)
		terms = append(terms, t)
	})
	for _, x := range q.Expansions {
		for _, syn := range x.Synonyms {
			EachTerm(p.Segmenter, syn.Official, func(sp Space, start, end int) {
				t := Term{sp, syn.Official[start:end], impliedWeight * syn.Weight, true}
				k := key{sp, t.Text}
				i, said := at[k]
				switch {
				case !said:
					at[k] = len(terms)
					terms = append(terms, t)
				case terms[i].Implied:
					terms[i].Weight = max(terms[i].Weight, t.Weight)
				}
			})
		}
	}
	return terms
}
