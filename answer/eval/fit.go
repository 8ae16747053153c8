package eval

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A Finder gives the candidates of a question with their features: the
// engine's Candidates.
type Finder interface {
	Candidates(ctx context.Context, text string) ([]index.Hit, error)
}

// An example is one judged question and its candidates.
type example struct {
	set      string // matter, aspect, dialog
	fold     int
	vectors  [][]float64
	right    []bool
	untitled bool // of texts without names
	inList   bool // whether a right matter is among the candidates at all
}

// A FitReport is what fitting the weights of the second stage found.
type FitReport struct {
	Weights   map[string]float64 // fitted on everything
	Present   Quality            // of the weights that the engine has now
	Fitted    Quality            // of weights fitted by matter in five folds
	Low, High float64            // 95 % of the fitted R@1, by bootstrap
	Ablations map[string]Quality // without one feature, by its name
	names     []string
}

// A Quality holds ranking figures.
type Quality struct {
	N                 int
	R1, R3, R5, NDCG  float64
	NotAmongCandidate int
}

func (q Quality) String() string {
	return fmt.Sprintf("n=%d R@1=%.4f R@3=%.4f R@5=%.4f nDCG@10=%.4f missed=%d", q.N, q.R1, q.R3, q.R5, q.NDCG, q.NotAmongCandidate)
}

const folds = 5

// Fit learns the weights of the second stage from the judged questions of
// folders, in folds by matter, and, if asked to ablate, says what each feature
// is worth. Each folder comes with the engine that has its corpus.
func Fit(ctx context.Context, dirs []string, finders []Finder, penalty float64, ablate bool) (*FitReport, error) {
	var all []example
	for i, dir := range dirs {
		list, err := examples(ctx, dir, finders[i])
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no judged question in %s", ErrFolder, strings.Join(dirs, ", "))
	}
	return fitExamples(ctx, all, penalty, ablate)
}

// FitRetrieval learns the weights for untitled texts from BEIR folders.
func FitRetrieval(ctx context.Context, dirs []string, seg nlp.Segmenter, lex *nlp.Lexicon, penalty float64) (*FitReport, error) {
	var all []example
	for _, dir := range dirs {
		_, err := retrieve(ctx, dir, seg, lex, nil, func(id string, hits []index.Hit, rel map[string]int) {
			x := example{set: filepath.Base(dir), fold: foldOf(id), untitled: true}
			for _, h := range hits {
				x.vectors = append(x.vectors, h.Features)
				x.right = append(x.right, rel[h.Key.ID] > 0)
				x.inList = x.inList || rel[h.Key.ID] > 0
			}
			all = append(all, x)
		})
		if err != nil {
			return nil, err
		}
	}
	return fitExamples(ctx, all, penalty, false)
}

func fitExamples(ctx context.Context, all []example, penalty float64, ablate bool) (*FitReport, error) {
	r := &FitReport{Weights: map[string]float64{}, Ablations: map[string]Quality{}, names: index.FeatureNames()}
	named, untitled := index.DefaultWeights()
	r.Present = measure(all, func(int) []float64 {
		if all[0].untitled {
			return untitled
		}
		return named
	})
	f := newFitter(all, len(r.names), penalty)
	r.Fitted = measure(all, f.byFold(-1))
	r.Low, r.High = f.interval(all)
	for i, name := range r.names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if ablate && f.scale[i] > 0 {
			r.Ablations[name] = measure(all, f.byFold(i))
		}
	}
	for i, w := range f.fit(-1, -1) {
		r.Weights[r.names[i]] = w
	}
	return r, nil
}

// String lists the figures, the weights and the ablations.
func (r *FitReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "present weights   %s\n", r.Present)
	fmt.Fprintf(&b, "fitted, 5 folds   %s  R@1 95%% %.3f–%.3f\n", r.Fitted, r.Low, r.High)
	for _, name := range r.names {
		fmt.Fprintf(&b, "%-14s %8.3f", name, r.Weights[name])
		if q, ok := r.Ablations[name]; ok {
			fmt.Fprintf(&b, "   without it %s", q)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// examples runs the questions of a folder, and the first turns of its dialogs.
func examples(ctx context.Context, dir string, f Finder) ([]example, error) {
	questions, err := readJSONL[Judged](filepath.Join(dir, "questions.jsonl"))
	if err != nil {
		return nil, err
	}
	dialogs, err := readJSONL[Dialog](filepath.Join(dir, "dialogs.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, d := range dialogs {
		first := d.Turns[0]
		first.Kind = "dialog"
		questions = append(questions, first)
	}
	var list []example
	for _, q := range questions {
		if len(q.Relevant) == 0 {
			continue
		}
		hits, err := f.Candidates(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		x := example{set: q.Kind, fold: foldOf(q.Relevant[0])}
		for _, h := range hits {
			x.vectors = append(x.vectors, h.Features)
			right := slices.Contains(q.Relevant, h.Key.ID)
			x.right = append(x.right, right)
			x.inList = x.inList || right
		}
		list = append(list, x)
	}
	return list, nil
}

func foldOf(matter string) int {
	h := fnv.New32a()
	h.Write([]byte(matter))
	return int(h.Sum32()>>8) % folds
}

// measure ranks every example with the weights of its fold.
func measure(list []example, weights func(fold int) []float64) Quality {
	q := Quality{N: len(list)}
	for i := range list {
		x := &list[i]
		if !x.inList {
			q.NotAmongCandidate++
			continue
		}
		first := x.firstRight(weights(x.fold))
		for _, c := range []struct {
			k   int
			sum *float64
		}{{1, &q.R1}, {3, &q.R3}, {5, &q.R5}} {
			if first < c.k {
				*c.sum++
			}
		}
		if first < 10 {
			q.NDCG += 1 / math.Log2(float64(first)+2)
		}
	}
	for _, sum := range []*float64{&q.R1, &q.R3, &q.R5, &q.NDCG} {
		*sum /= float64(q.N)
	}
	return q
}

// firstRight returns the rank, from 0, of the first right candidate.
func (x *example) firstRight(w []float64) int {
	best := math.Inf(-1)
	for i, v := range x.vectors {
		if x.right[i] {
			best = max(best, dot(v, w))
		}
	}
	rank := 0
	for i, v := range x.vectors {
		if !x.right[i] && dot(v, w) >= best {
			rank++
		}
	}
	return rank
}

func dot(v, w []float64) float64 {
	s := 0.0
	for i, x := range v {
		s += x * w[i]
	}
	return s
}

// A fitter fits a linear listwise softmax with an L2 penalty on the weights of
// standardised features (Cao et al., "Learning to rank: from pairwise approach
// to listwise approach", ICML 2007, with the top-one probability).
type fitter struct {
	list    []example
	scale   []float64 // standard deviation of each feature among candidates
	penalty float64
	cache   map[[2]int][]float64
}

func newFitter(list []example, n int, penalty float64) *fitter {
	f := &fitter{list: list, scale: make([]float64, n), penalty: penalty, cache: map[[2]int][]float64{}}
	mean, count := make([]float64, n), 0.0
	for pass := range 2 {
		for i := range list {
			for _, v := range list[i].vectors {
				for j, x := range v {
					if pass == 0 {
						mean[j] += x
					} else {
						f.scale[j] += (x - mean[j]) * (x - mean[j])
					}
				}
				if pass == 0 {
					count++
				}
			}
		}
		for j := range mean {
			if pass == 0 {
				mean[j] /= count
			} else {
				f.scale[j] = math.Sqrt(f.scale[j] / count)
			}
		}
	}
	return f
}

// byFold returns the weights fitted without each fold, and without a feature.
func (f *fitter) byFold(without int) func(fold int) []float64 {
	return func(fold int) []float64 { return f.fit(fold, without) }
}

// fit descends the loss with Adam (Kingma and Ba, 2015) over all examples but
// one fold's.
func (f *fitter) fit(leftOut, without int) []float64 {
	if w, ok := f.cache[[2]int{leftOut, without}]; ok {
		return w
	}
	n := len(f.scale)
	w, m, s := make([]float64, n), make([]float64, n), make([]float64, n)
	const rate, b1, b2, rounds = .05, .9, .999, 250
	grad := make([]float64, n)
	for t := 1; t <= rounds; t++ {
		for j := range grad {
			grad[j] = f.penalty * w[j]
		}
		used := 0.0
		for i := range f.list {
			if x := &f.list[i]; x.inList && x.fold != leftOut {
				f.gradient(x, w, grad)
				used++
			}
		}
		for j := range w {
			if f.scale[j] == 0 || j == without {
				continue
			}
			g := grad[j] / used
			m[j] = b1*m[j] + (1-b1)*g
			s[j] = b2*s[j] + (1-b2)*g*g
			w[j] -= rate * (m[j] / (1 - math.Pow(b1, float64(t)))) / (math.Sqrt(s[j]/(1-math.Pow(b2, float64(t)))) + 1e-8)
		}
	}
	for j := range w { // from standardised to raw
		if f.scale[j] > 0 {
			w[j] /= f.scale[j]
		}
	}
	f.cache[[2]int{leftOut, without}] = w
	return w
}

// gradient adds that of -log(mass of the right ones / mass of all).
func (f *fitter) gradient(x *example, w, grad []float64) {
	score := make([]float64, len(x.vectors))
	top := math.Inf(-1)
	for i, v := range x.vectors {
		for j, value := range v {
			if f.scale[j] > 0 {
				score[i] += w[j] * value / f.scale[j]
			}
		}
		top = max(top, score[i])
	}
	all, right := 0.0, 0.0
	for i := range score {
		score[i] = math.Exp(score[i] - top)
		all += score[i]
		if x.right[i] {
			right += score[i]
		}
	}
	for i, v := range x.vectors {
		p := score[i] / all
		if x.right[i] {
			p -= score[i] / max(right, 1e-300)
		}
		if math.Abs(p) < 1e-9 {
			continue
		}
		for j, value := range v {
			if f.scale[j] > 0 {
				grad[j] += p * value / f.scale[j]
			}
		}
	}
}

// interval is the 95 % interval of R@1, by bootstrap over questions.
func (f *fitter) interval(list []example) (low, high float64) {
	right := make([]float64, len(list))
	for i := range list {
		if list[i].inList && list[i].firstRight(f.fit(list[i].fold, -1)) == 0 {
			right[i] = 1
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	means := make([]float64, 1000)
	for i := range means {
		for range right {
			means[i] += right[rng.IntN(len(right))]
		}
		means[i] /= float64(len(right))
	}
	slices.Sort(means)
	return means[25], means[974]
}
