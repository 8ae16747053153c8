package insight

import (
	"math"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

// A vector is what questions are compared by: weights, scaled so that the
// product with itself is 1.
type vector map[string]float32

func (v vector) scale() {
	sum := 0.0
	for _, w := range v {
		sum += float64(w) * float64(w)
	}
	for k := range v {
		v[k] /= float32(math.Sqrt(sum))
	}
}

// impliedScale makes up for the low weight that a search gives to what was
// meant and not said.
const impliedScale = 1.5

// vectorOf weighs the terms of a question as a search does, so that 怎么办 and
// 请问 hardly count and an everyday word means its official terms; nil for a
// text without terms.
func vectorOf(p *nlp.Parser, text string) vector {
	q := p.Parse(text)
	v := make(vector, len(q.Terms))
	for _, t := range q.Terms {
		w := t.Weight
		switch {
		case t.Space == nlp.SpaceChar || w == 0:
			continue // single characters say more of the language than of the matter
		case t.Implied:
			w *= impliedScale
		}
		v[string(rune(t.Space))+t.Text] = w
	}
	if len(v) == 0 {
		return nil
	}
	v.scale()
	return v
}

// nearVector weighs the matters that were found for a question: the first
// fully, the others by how little they were behind it.
func nearVector(found []answer.Near) vector {
	v := vector{}
	for _, n := range found {
		v[nearSpace+n.Code] = float32(math.Exp(-n.Behind / nearScale))
	}
	v.scale()
	return v
}

const (
	nearSpace = "\x00" // no space of terms begins so
	nearScale = 2      // of score
)

// cosine is the likeness of two vectors, 0..1.
func cosine(a, b vector) float64 {
	if len(b) < len(a) {
		a, b = b, a
	}
	var sum float32
	for k, w := range a {
		sum += w * b[k]
	}
	return float64(sum)
}

// alike is how alike two questions are, 0..1: by their words, and by the
// matters that were found for them when they were asked, which people who say
// the same in other words have in common. Both are facts, so that questions
// alike today are alike after every edition. What has no matters, as a
// message, is compared by its words alone.
func alike(words, near, otherWords, otherNear vector) float64 {
	said := cosine(words, otherWords)
	if len(near) == 0 || len(otherNear) == 0 {
		return said
	}
	return (said + cosine(near, otherNear)) / 2
}

// alikeFrom is the likeness from which two questions are one gap; see
// TestLikenessOnJudgedQuestions for what it does.
const alikeFrom = .55
