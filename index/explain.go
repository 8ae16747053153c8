package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/nlp"
)

// An Explanation says where a hit's score comes from.
type Explanation struct {
	First    float64         `json:"first"` // first stage, BM25F
	Terms    []TermScore     `json:"terms"` // largest first; they add up to First
	Features []FeatureWeight `json:"features"`
}

// A TermScore is what one term of the question adds to the first stage.
type TermScore struct {
	Space  string  `json:"space"` // word, bigram, char
	Term   string  `json:"term"`
	Weight float64 `json:"weight"` // of its characters in the question
	IDF    float64 `json:"idf"`
	TF     float64 `json:"tf"` // weighted, normalised, saturated
	Score  float64 `json:"score"`
}

// A FeatureWeight is what one feature adds to the second stage.
type FeatureWeight struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Weight float64 `json:"weight"`
}

// String lists the explanation for people, a line each.
func (x *Explanation) String() string {
	var b strings.Builder
	for _, f := range x.Features {
		fmt.Fprintf(&b, "%-12s %6.3f × %6.3f = %7.3f\n", f.Name, f.Value, f.Weight, f.Value*f.Weight)
	}
	for _, t := range x.Terms {
		fmt.Fprintf(&b, "  %-6s %s  %.3f\n", t.Space, t.Term, t.Score)
	}
	return b.String()
}

var spaceNames = map[nlp.Space]string{nlp.SpaceWord: "word", nlp.SpaceBigram: "bigram", nlp.SpaceChar: "char"}

// explain computes a candidate's first stage once more, term by term, and
// lists its features.
func (r *reader) explain(q *Query, c candidate, v, w *featureVector, p *TypeParams) *Explanation {
	x := &Explanation{First: c.total}
	for _, t := range q.Question.Terms {
		tp, err := r.postings(q.Type, t.Space, t.Text, p)
		if err != nil || tp == nil {
			continue // the search itself has read these postings without error
		}
		i, ok := slices.BinarySearch(tp.docs, c.doc)
		if !ok {
			continue
		}
		tf, weight := float64(tp.tf[i]), float64(p.weightOf(t))
		x.Terms = append(x.Terms, TermScore{
			Space: spaceNames[t.Space], Term: t.Text, Weight: weight, IDF: tp.idf, TF: tf,
			Score: p.Spaces[spaceIndex(t.Space)] * weight * tp.idf * tf,
		})
	}
	slices.SortStableFunc(x.Terms, func(a, b TermScore) int { return cmp.Compare(b.Score, a.Score) })
	for f := range features {
		if v[f] != 0 && w[f] != 0 {
			x.Features = append(x.Features, FeatureWeight{featureNames[f], v[f], w[f]})
		}
	}
	return x
}
