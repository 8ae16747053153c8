package eval

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/index"
)

// A Weigher gives the evidence that a verdict on a question rests on.
type Weigher interface {
	Evidence(ctx context.Context, text string) (answer.Evidence, []index.Hit, error)
}

// A VerdictFit holds the two models that a verdict rests on: whether the first
// hit is right, and whether to ask back.
type VerdictFit struct {
	Right, Covered, Ask             answer.Evidence // weights
	RightLoss, CoveredLoss, AskLoss float64         // mean log loss, in five folds by question
	coverTable                      []askRow
	reliability                     [10]bin // of Right, in the folds
	askTable                        []askRow
}

// An askRow says what a threshold of asking back does, in the folds.
type askRow struct {
	threshold, ambiguous, clear float64 // shares asked back
}

// A verdictRow is one question with its evidence.
type verdictRow struct {
	fold  int
	ev    answer.Evidence
	right float64 // the first hit is right
	cover float64 // one of the first six is
	asked bool    // a question that has an answer here
	ask   float64 // it is to be asked back; -1: not judged
}

// FitVerdict fits both models on judged sets: questions are clear and their
// first hit is right or not; ambiguous ones are to be asked back; those to
// refuse have no right hit.
func FitVerdict(ctx context.Context, dirs []string, engines []Weigher) (*VerdictFit, error) {
	var rows []verdictRow
	for i, dir := range dirs {
		list, err := verdictRows(ctx, dir, engines[i])
		if err != nil {
			return nil, err
		}
		rows = append(rows, list...)
	}
	f := &VerdictFit{}
	right := func(r *verdictRow) float64 { return r.right }
	ask := func(r *verdictRow) float64 { return r.ask }
	f.Right, f.RightLoss = logistic(rows, right, func(r *verdictRow, p float64) {
		f.reliability[min(9, int(10*p))].add(p, r.right == 1)
	})
	var covered [2][]float64 // probabilities of questions outside the corpus and inside
	f.Covered, f.CoveredLoss = logistic(rows, func(r *verdictRow) float64 { return r.cover }, func(r *verdictRow, p float64) {
		switch {
		case r.asked:
			covered[1] = append(covered[1], p)
		case r.ask < 0:
			covered[0] = append(covered[0], p)
		}
	})
	var asked [2][]float64 // probabilities of clear and of ambiguous ones
	f.Ask, f.AskLoss = logistic(rows, ask, func(r *verdictRow, p float64) { asked[int(r.ask)] = append(asked[int(r.ask)], p) })
	above := func(list []float64, t float64) float64 {
		n := 0
		for _, p := range list {
			if p >= t {
				n++
			}
		}
		return float64(n) / float64(max(1, len(list)))
	}
	for _, t := range []float64{.1, .15, .2, .25, .3, .35, .4, .5, .6} {
		f.askTable = append(f.askTable, askRow{t, above(asked[1], t), above(asked[0], t)})
	}
	for _, t := range []float64{.2, .3, .4, .5, .55, .6, .65, .7, .75, .8} {
		f.coverTable = append(f.coverTable, askRow{t, above(covered[0], t), above(covered[1], t)})
	}
	return f, nil
}

func (b *bin) add(p float64, right bool) {
	b.n++
	b.confidence += p
	if right {
		b.right++
	}
}

// String lists the weights as Go literals, the reliability table and what each
// threshold of asking back does.
func (f *VerdictFit) String() string {
	var b strings.Builder
	names := answer.EvidenceNames()
	for _, m := range []struct {
		name string
		w    answer.Evidence
		loss float64
	}{{"right", f.Right, f.RightLoss}, {"covered", f.Covered, f.CoveredLoss}, {"ask", f.Ask, f.AskLoss}} {
		fmt.Fprintf(&b, "%s: log loss %.4f\n ", m.name, m.loss)
		for i, w := range m.w {
			fmt.Fprintf(&b, " %s %.3f,", names[i], w)
		}
		b.WriteByte('\n')
	}
	for i, r := range f.reliability {
		if r.n > 0 {
			fmt.Fprintf(&b, "said %.1f–%.1f: n=%d mean %.3f right %.3f\n", float64(i)/10, float64(i+1)/10, r.n, r.confidence/float64(r.n), float64(r.right)/float64(r.n))
		}
	}
	for _, r := range f.coverTable {
		fmt.Fprintf(&b, "covered from %.2f: %.3f of those outside, %.3f of those inside\n", r.threshold, r.ambiguous, r.clear)
	}
	for _, r := range f.askTable {
		fmt.Fprintf(&b, "ask from %.2f: %.3f of the ambiguous, %.3f of the clear\n", r.threshold, r.ambiguous, r.clear)
	}
	return b.String()
}

func verdictRows(ctx context.Context, dir string, e Weigher) ([]verdictRow, error) {
	set, err := ReadSet(dir)
	if err != nil {
		return nil, err
	}
	var rows []verdictRow
	add := func(text string, relevant []string, ask float64) error {
		ev, hits, err := e.Evidence(ctx, text)
		if err != nil || len(hits) == 0 {
			return err
		}
		r := verdictRow{fold: foldOf(text), ev: ev, ask: ask}
		if slices.Contains(relevant, hits[0].Key.ID) {
			r.right = 1
		}
		if slices.ContainsFunc(hits[:min(6, len(hits))], func(h index.Hit) bool { return slices.Contains(relevant, h.Key.ID) }) {
			r.cover = 1
		}
		r.asked = ask == 0
		rows = append(rows, r)
		return nil
	}
	for _, q := range set.Questions {
		if err := add(q.Text, q.Relevant, 0); err != nil {
			return nil, err
		}
	}
	for _, d := range set.Dialogs {
		if err := add(d.Turns[0].Text, d.Turns[0].Relevant, 0); err != nil {
			return nil, err
		}
	}
	for _, q := range set.Ambiguous {
		if err := add(q.Text, q.Candidates, 1); err != nil {
			return nil, err
		}
	}
	for _, q := range set.Special {
		if q.Expect != "refuse" {
			continue
		}
		if err := add(q.Text, nil, -1); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// logistic fits a logistic regression with a small L2 penalty by gradient
// descent, and calls tell with the probability that the weights of the other
// folds give each row. Rows of target -1 are left out.
func logistic(rows []verdictRow, target func(*verdictRow) float64, tell func(*verdictRow, float64)) (w answer.Evidence, loss float64) {
	n := 0
	for fold := range folds {
		w := descend(rows, target, fold)
		for i := range rows {
			r := &rows[i]
			if y := target(r); y >= 0 && r.fold == fold {
				p := min(1-1e-9, max(1e-9, probability(&r.ev, &w)))
				loss -= y*math.Log(p) + (1-y)*math.Log(1-p)
				tell(r, p)
				n++
			}
		}
	}
	return descend(rows, target, -1), loss / float64(n)
}

func probability(ev, w *answer.Evidence) float64 {
	z := 0.0
	for i := range ev {
		z += w[i] * ev[i]
	}
	return 1 / (1 + math.Exp(-z))
}

func descend(rows []verdictRow, target func(*verdictRow) float64, leftOut int) (w answer.Evidence) {
	var m, s answer.Evidence
	const rate, b1, b2, rounds, penalty = .05, .9, .999, 1500, 1.0
	for t := 1; t <= rounds; t++ {
		var g answer.Evidence
		n := 0.0
		for i := range rows {
			r := &rows[i]
			y := target(r)
			if y < 0 || r.fold == leftOut {
				continue
			}
			d := probability(&r.ev, &w) - y
			for j, x := range r.ev {
				g[j] += d * x
			}
			n++
		}
		for j := range w {
			if j > 0 { // the constant is free
				g[j] += penalty * w[j]
			}
			g[j] /= n
			m[j] = b1*m[j] + (1-b1)*g[j]
			s[j] = b2*s[j] + (1-b2)*g[j]*g[j]
			w[j] -= rate * (m[j] / (1 - math.Pow(b1, float64(t)))) / (math.Sqrt(s[j]/(1-math.Pow(b2, float64(t)))) + 1e-9)
		}
	}
	return w
}
