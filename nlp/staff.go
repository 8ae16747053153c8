package nlp

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/govqa/govqa/corpus"
)

// With returns the lexicon with an edition's everyday words beside its own.
// Where both have a pair, the edition's confidence counts. Without words it is
// lex itself. A word that says, once normalised, the same as its official term
// or nothing is passed over.
func (lex *Lexicon) With(words []*corpus.Word) *Lexicon {
	if len(words) == 0 {
		return lex
	}
	next := *lex
	next.everyday = lex.everyday.clone()
	next.synonyms, next.mistyped = slices.Clone(lex.synonyms), slices.Clone(lex.mistyped)
	at := map[string]int{}
	for p := range lex.everyday.phrases {
		at[string(p.runes)] = p.value
	}
	for _, w := range words {
		for _, official := range w.Official {
			next.take(at, w.Word, official, w)
			if w.BothWays {
				next.take(at, official, w.Word, w)
			}
		}
	}
	next.everyday.seal()
	next.sounds = sync.OnceValue(func() *sounds { return newLexiconSounds(&next) })
	return &next
}

// take adds that one term stands for another.
func (lex *Lexicon) take(at map[string]int, from, to string, w *corpus.Word) {
	from, to = Normalize(from), Normalize(to)
	if from == "" || to == "" || from == to {
		return
	}
	typo := w.Kind == corpus.WordTypo
	i, ok := at[from]
	if !ok {
		i = len(lex.synonyms)
		at[from] = i
		lex.synonyms, lex.mistyped = append(lex.synonyms, nil), append(lex.mistyped, typo)
		// Not add, which would read ^, $ and _ as marks of the built-in files.
		lex.everyday.put(phrase{runes: []rune(from), value: i})
	}
	lex.mistyped[i] = lex.mistyped[i] && typo
	lex.regional = lex.regional || w.Region.Code.Depth() > 0
	synonym := Synonym{to, float32(w.Confidence), w.Region.Code}
	list := slices.Clone(lex.synonyms[i]) // the built-in lexicon keeps its own
	same := func(s Synonym) bool { return s.Official == to && s.Region == w.Region.Code }
	if j := slices.IndexFunc(list, same); j >= 0 {
		list[j] = synonym
	} else {
		list = append(list, synonym)
	}
	lex.synonyms[i] = list
}

// Regional reports whether some everyday words are meant in one region only,
// so that the region of who asks matters.
func (lex *Lexicon) Regional() bool { return lex.regional }

// Standing returns what an everyday word stands for, the surest first.
func (lex *Lexicon) Standing(word string) []Synonym {
	word = Normalize(word)
	for p := range lex.everyday.phrases {
		if string(p.runes) == word {
			list := slices.Clone(lex.synonyms[p.value])
			slices.SortStableFunc(list, func(a, b Synonym) int {
				return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Official, b.Official))
			})
			return list
		}
	}
	return nil
}

// clone copies a matcher so that phrases can be put into the copy.
func (m *matcher) clone() *matcher {
	c := &matcher{maps.Clone(m.byFirst), maps.Clone(m.byPair)}
	for r, list := range c.byFirst {
		c.byFirst[r] = slices.Clone(list)
	}
	for p, list := range c.byPair {
		c.byPair[p] = slices.Clone(list)
	}
	return c
}

// put takes a phrase as it is.
func (m *matcher) put(p phrase) {
	if len(p.runes) == 1 {
		m.byFirst[p.runes[0]] = append(m.byFirst[p.runes[0]], p)
		return
	}
	pair := [2]rune(p.runes)
	m.byPair[pair] = append(m.byPair[pair], p)
}

// meant reports whether an everyday word stands for anything where the asker is.
func (p *Parser) meant(word int) bool {
	return !p.Lexicon.regional || len(p.synonyms(word)) > 0
}

// synonyms returns what an everyday word stands for where the asker is. What
// is said there goes before what is said everywhere.
func (p *Parser) synonyms(word int) []Synonym {
	all := p.Lexicon.synonyms[word]
	if !p.Lexicon.regional {
		return all
	}
	var list []Synonym
	for _, s := range all {
		if !p.Region.Within(s.Region) {
			continue
		}
		j := slices.IndexFunc(list, func(o Synonym) bool { return o.Official == s.Official })
		switch {
		case j < 0:
			list = append(list, s)
		case s.Region.Within(list[j].Region): // the innermost region's counts
			list[j] = s
		}
	}
	return list
}
