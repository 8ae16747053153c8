package answer

import (
	"cmp"
	"context"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// Evidence is what is known of a question and its hits when the verdict is
// made; [EvidenceNames] says what each number is.
type Evidence [evidences]float64

const (
	evOne        = iota // always 1
	evGap2              // of score, between the first two, at most 4
	evGap3              // between the first and the third, at most 6
	evNear              // hits within 1 of the first, logarithm
	evWide              // hits within 3 of the first, logarithm
	evContent           // logarithm of the characters of content
	evBare              // … that say more than a situation
	evNamed             // share of the first name that the question says
	evAsked             // share of the content that the first name says
	evSaid              // share of the question's pairs that the first hit holds
	evUnion             // share of the content words that the names of the first say or mean
	evUnionDrop         // how much less the next best says
	evUnionBest         // the most that any hit says
	evAspect            // an aspect is asked for
	evSituation         // a situation is said
	evSitShare          // share of the situations said that the first name has
	evService           // the first only tells or looks up, and that is not asked
	evScore             // of the first, without what models add to it, by 10
	evAlike             // how alike the first two names are
	evRarest            // rarity of the rarest content word that the first says or means
	evRarestBest        // … of any hit
	evUnmet             // how surely an everyday word means what the first has not
	evCore              // share of the words that say more than a situation that the first says or means
	evSimilar           // what words alike in its names add to that
	evMissed            // rarity of the rarest such word that it neither says nor means
	evMissedBest        // the least such rarity of any hit
	evidences
)

// EvidenceNames lists the names of the evidence.
func EvidenceNames() []string {
	return []string{"one", "gap2", "gap3", "near", "wide", "content", "bare", "named", "asked", "said", "union", "union_drop",
		"union_best", "aspect", "situation", "sit_share", "service", "score", "alike",
		"rarest", "rarest_best", "unmet", "core", "similar", "missed", "missed_best"}
}

// weigh gathers the evidence. Without hits only the first is not 0.
func weigh(q *nlp.Question, hits []index.Hit) Evidence {
	var ev Evidence
	ev[evOne] = 1
	ev[evContent] = math.Log(float64(1 + utf8.RuneCountInString(q.Content())))
	ev[evBare] = math.Log(float64(1 + q.Bare()))
	if q.Asked {
		ev[evAspect] = 1
	}
	if q.Situations != 0 {
		ev[evSituation] = 1
	}
	if len(hits) == 0 {
		return ev
	}
	first := &hits[0]
	ev[evGap2], ev[evGap3], ev[evMissedBest] = 4, 6, 1
	near, wide := 0, 0
	for i := range hits {
		gap := first.Score - hits[i].Score
		if gap < 1 {
			near++
		}
		if gap < 3 {
			wide++
		}
		switch i {
		case 1:
			ev[evGap2] = min(4, gap)
		case 2:
			ev[evGap3] = min(6, gap)
		}
		ev[evMissedBest] = min(ev[evMissedBest], feature(&hits[i], "missed"))
		ev[evUnionBest] = max(ev[evUnionBest], feature(&hits[i], "union"))
		ev[evRarestBest] = max(ev[evRarestBest], feature(&hits[i], "rarest"))
	}
	ev[evNear], ev[evWide] = math.Log(float64(near)), math.Log(float64(wide))
	ev[evNamed], ev[evAsked], ev[evSaid], ev[evUnion] = first.Named, first.Asked, first.Said, feature(first, "union")
	next := 0.0
	for i := 1; i < min(4, len(hits)); i++ {
		next = max(next, feature(&hits[i], "union"))
	}
	ev[evUnionDrop] = ev[evUnion] - next
	ev[evSitShare], ev[evService], ev[evScore] = feature(first, "sit_share"), feature(first, "service"), (first.Score-first.ByModel)/10
	ev[evMissed] = feature(first, "missed")
	ev[evCore], ev[evSimilar] = feature(first, "core"), feature(first, "similar")
	ev[evRarest], ev[evUnmet] = feature(first, "rarest"), feature(first, "unmet")
	if len(hits) > 1 {
		ev[evAlike] = alike(first.Name, hits[1].Name)
	}
	return ev
}

// weighWords is weigh of the hits as they would be ranked without models.
func weighWords(q *nlp.Question, hits []index.Hit) Evidence {
	if slices.ContainsFunc(hits, func(h index.Hit) bool { return h.ByModel != 0 }) {
		hits = slices.Clone(hits)
		for i := range hits {
			hits[i].Score -= hits[i].ByModel
			hits[i].ByModel = 0
		}
		slices.SortStableFunc(hits, func(a, b index.Hit) int { return cmp.Compare(b.Score, a.Score) })
	}
	return weigh(q, hits)
}

func feature(h *index.Hit, name string) float64 {
	i := slices.Index(index.FeatureNames(), name)
	if i < 0 || i >= len(h.Features) {
		return 0
	}
	return h.Features[i]
}

// alike is the share of distinct characters that two names have in common.
func alike(a, b string) float64 {
	in := map[rune]int{}
	for _, r := range a {
		in[r] |= 1
	}
	for _, r := range b {
		in[r] |= 2
	}
	both := 0
	for _, set := range in {
		if set == 3 {
			both++
		}
	}
	return float64(both) / float64(max(1, len(in)))
}

// logistic is the probability that a linear model gives.
func (ev *Evidence) logistic(w *Evidence) float64 {
	z := 0.0
	for i, x := range ev {
		z += w[i] * x
	}
	return 1 / (1 + math.Exp(-z))
}

// Evidence returns the evidence of a text by itself and its hits: what the
// verdict's models are fitted on.
func (e *Engine) Evidence(ctx context.Context, text string) (Evidence, []index.Hit, error) {
	v := e.view.Load()
	if v == nil {
		return Evidence{}, nil, ErrNotReady
	}
	u := e.understand(v, Request{Text: text})
	f, err := e.search(ctx, &u, &u.question)
	if err != nil {
		return Evidence{}, nil, err
	}
	return weigh(&u.question, f.guides), f.guides, nil
}
