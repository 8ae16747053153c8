package index

import (
	"strings"

	"github.com/govqa/govqa/nlp"
)

// A Coverage says how much of a question's content a text says or means, by
// the rarity of its characters, 0..1.
type Coverage struct {
	Share float64
	All   float64 // the same of every character, the words of asking by their weight
	Rare  float64 // idf of the content, counted in rarest characters; the same for every text
}

// Coverage compares a question with texts of any kind, passages of a policy or
// fields of a guide. A character of the content counts as said where it stands
// beside the same neighbour, or in an everyday word of whose official terms the
// text has one.
func (ix *Index) Coverage(q *nlp.Question, texts []string) ([]Coverage, error) {
	r, err := ix.reader()
	if err != nil {
		return nil, err
	}
	defer ix.done(r)
	list := make([]Coverage, len(texts))
	for i, text := range texts {
		list[i] = r.chars.coverage(q, nlp.Normalize(text))
	}
	return list, nil
}

// contentWeight is the least weight of a character of a question's content.
const contentWeight = .9

func (c *charStats) coverage(q *nlp.Question, text string) Coverage {
	said := make([]bool, len(q.Runes))
	for i := 1; i < len(q.Runes); i++ {
		if q.Weights[i-1] > 0 && q.Weights[i] > 0 && strings.Contains(text, string(q.Runes[i-1:i+1])) {
			said[i-1], said[i] = true, true
		}
	}
	for _, x := range q.Expansions {
		for _, s := range x.Synonyms {
			if strings.Contains(text, s.Official) {
				for i := x.Start; i < x.End; i++ {
					said[i] = true
				}
			}
		}
	}
	var share, mass, all, whole float64
	for i, r := range q.Runes {
		w := c.idf(r)
		weighted := w * float64(q.Weights[i])
		whole += weighted
		if said[i] {
			all += weighted
		}
		if q.Weights[i] < contentWeight {
			continue
		}
		mass += w
		if said[i] {
			share += w
		}
	}
	if mass == 0 {
		return Coverage{}
	}
	return Coverage{share / mass, all / whole, mass / idf(c.names, 0)}
}
