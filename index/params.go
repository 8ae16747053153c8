package index

import (
	"math"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// Params are the weights of the first stage: BM25F (Robertson, Zaragoza and
// Taylor, "Simple BM25 extension to multiple weighted fields", CIKM 2004)
// over three term spaces.
type Params struct {
	types map[corpus.Type]*TypeParams
}

// TypeParams are the weights for one record type.
type TypeParams struct {
	K1     float64
	B      float64
	Groups [groups]float64          // field weights w_f
	Spaces [len(nlp.Spaces)]float64 // words, bigrams, characters
	// Lowering is the power to which the weights of the question's characters
	// are raised. Filler matters less to a short guide than to a long text,
	// where 办理 or 多久 can be part of the answer.
	Lowering float64
}

// defaultParams were chosen on the development questions; `govqa eval
// retrieval` prints what they reach.
func defaultParams() Params {
	guide := &TypeParams{K1: 1.2, B: .5, Lowering: 1, Spaces: [...]float64{1, 1, .3},
		Groups: [groups]float64{groupName: 5, groupAlias: 4, groupParent: 2, groupBody: 1, groupRest: .5}}
	faq := &TypeParams{K1: 1.2, B: .5, Lowering: 1, Spaces: [...]float64{1, 1, .3},
		Groups: [groups]float64{groupName: 4, groupAlias: 4, groupParent: 1, groupBody: 1, groupRest: .3}}
	policy := &TypeParams{K1: 1.2, B: .75, Lowering: .3, Spaces: [...]float64{1, 1, .3},
		Groups: [groups]float64{groupName: 3, groupAlias: 2, groupParent: 1, groupBody: 1, groupRest: .3}}
	return Params{map[corpus.Type]*TypeParams{
		corpus.TypeGuide: guide, corpus.TypeFAQ: faq, corpus.TypePolicy: policy, corpus.TypeBundle: faq,
		OperatorOnly: faq,
	}}
}

func (p Params) of(t corpus.Type) *TypeParams { return p.types[t] }

// weightOf applies Lowering to a term's weight. What is only implied counts as
// little everywhere.
func (p *TypeParams) weightOf(t nlp.Term) float32 {
	if p.Lowering == 1 || t.Implied {
		return t.Weight
	}
	return float32(math.Pow(float64(t.Weight), p.Lowering))
}

// saturate turns a posting into (k1+1)*tf / (k1+tf), tf being the frequency
// over all groups, weighted and normalised by length: the sum of
// w_f * tf_f / (1 - b + b*len_f/avg_f). avg_f is over the documents that have the
// group: over all, the first everyday name in a corpus would seem endless and
// count for nothing.
func (p *TypeParams) saturate(freq posting, lens *[groups]uint32, avg *[groups]float64) float32 {
	var tf float64
	for g := range groups {
		if f := freq.tf(g); f > 0 {
			tf += p.Groups[g] * float64(f) / (1 - p.B + p.B*float64(lens[g])/avg[g])
		}
	}
	return float32((p.K1 + 1) * tf / (p.K1 + tf))
}
