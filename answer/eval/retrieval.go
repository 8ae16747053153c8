// Package eval measures the engine: retrieval on folders in the BEIR layout,
// and whole answers on judged questions. It runs the production analysers,
// candidates and ranking, never a copy of them.
package eval

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// ErrFolder means that a folder lacks a file of its layout or that a line of
// one cannot be read.
var ErrFolder = errors.New("evaluation folder")

// A RetrievalReport holds the figures of one run over a BEIR folder; its JSON
// keys are those of the contract.
type RetrievalReport struct {
	N        int     `json:"n"` // questions with a judged answer
	Docs     int     `json:"docs"`
	R1       float64 `json:"R@1"` // share of questions whose first hit is right
	R5       float64 `json:"R@5"` // right ones among the first five / min(right ones, 5)
	R10      float64 `json:"R@10"`
	R100     float64 `json:"R@100"`
	MRR10    float64 `json:"MRR@10"`
	NDCG10   float64 `json:"nDCG@10"`
	DocsPerS float64 `json:"docs/s"`
	P50      float64 `json:"ms p50"` // of one question, one thread, parsing included
	P99      float64 `json:"ms p99"`
	Folder   string  `json:"folder"`
}

// String prints the report on one line.
func (r RetrievalReport) String() string {
	return fmt.Sprintf("n=%d docs=%d R@1=%.4f R@5=%.4f R@10=%.4f R@100=%.4f MRR@10=%.4f nDCG@10=%.4f docs/s=%.0f ms p50=%.2f p99=%.2f",
		r.N, r.Docs, r.R1, r.R5, r.R10, r.R100, r.MRR10, r.NDCG10, r.DocsPerS, r.P50, r.P99)
}

// A beirLine is one line of corpus.jsonl or queries.jsonl.
type beirLine struct {
	ID    string `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Retrieval indexes the folder's corpus in a temporary index and runs its
// questions. If run is not nil, the first hundred hits of every question are
// written to it as a TREC run.
func Retrieval(ctx context.Context, dir string, seg nlp.Segmenter, lex *nlp.Lexicon, run io.Writer, progress func(int)) (RetrievalReport, error) {
	var failed error
	report, err := retrieve(ctx, dir, seg, lex, progress, func(id string, hits []index.Hit, _ map[string]int) {
		for i, h := range hits {
			if run == nil || failed != nil {
				break
			}
			_, failed = fmt.Fprintf(run, "%s Q0 %s %d %.6f govqa\n", id, h.Key.ID, i+1, h.Score)
		}
	})
	return report, errors.Join(err, failed)
}

// retrieve is Retrieval that calls tell with every question's hits.
func retrieve(ctx context.Context, dir string, seg nlp.Segmenter, lex *nlp.Lexicon, progress func(int), tell func(id string, hits []index.Hit, rel map[string]int)) (RetrievalReport, error) {
	report := RetrievalReport{Folder: filepath.Base(dir)}
	queries, err := readJSONL[beirLine](filepath.Join(dir, "queries.jsonl"))
	if err != nil {
		return report, err
	}
	qrels, err := readQrels(filepath.Join(dir, "qrels", "test.tsv"))
	if err != nil {
		return report, err
	}
	tmp, err := os.MkdirTemp("", "govqa-eval-")
	if err != nil {
		return report, err
	}
	defer os.RemoveAll(tmp)
	ix, err := index.Open(tmp, seg, lex, index.Options{Progress: progress})
	if err != nil {
		return report, err
	}
	defer ix.Close()
	start := time.Now()
	if _, err := ix.CatchUp(ctx, beirCorpus(filepath.Join(dir, "corpus.jsonl"))); err != nil {
		return report, err
	}
	for _, n := range ix.Docs() {
		report.Docs += n
	}
	report.DocsPerS = float64(report.Docs) / time.Since(start).Seconds()
	dict, _ := seg.(nlp.Dictionary)
	speller := nlp.NewSpeller(lex, dict, func(yield func(string, int) bool) { err = ix.Words(yield) })
	if err != nil {
		return report, err
	}
	err = report.ask(ctx, ix, nlp.Parser{Segmenter: seg, Lexicon: lex, Speller: speller}, queries, qrels, tell)
	return report, err
}

// ask runs every judged question and adds up the figures.
func (r *RetrievalReport) ask(ctx context.Context, ix *index.Index, parser nlp.Parser, queries []beirLine, qrels map[string]map[string]int, tell func(string, []index.Hit, map[string]int)) error {
	var took []time.Duration
	for _, q := range queries {
		rel := qrels[q.ID]
		if len(rel) == 0 {
			continue
		}
		start := time.Now()
		hits, err := search(ctx, ix, parser, q.Text)
		if err != nil {
			return fmt.Errorf("question %s: %w", q.ID, err)
		}
		took = append(took, time.Since(start))
		r.add(hits, rel)
		tell(q.ID, hits, rel)
	}
	if r.N == 0 {
		return fmt.Errorf("%w: no judged question", ErrFolder)
	}
	for _, f := range []*float64{&r.R1, &r.R5, &r.R10, &r.R100, &r.MRR10, &r.NDCG10} {
		*f /= float64(r.N)
	}
	slices.Sort(took)
	r.P50, r.P99 = percentile(took, .5), percentile(took, .99)
	return nil
}

// search asks for guides and policies and puts both lists into one: a folder
// holds either titled or untitled texts.
func search(ctx context.Context, ix *index.Index, parser nlp.Parser, text string) ([]index.Hit, error) {
	q := parser.Parse(text)
	var all []index.Hit
	for _, t := range []corpus.Type{corpus.TypeGuide, corpus.TypePolicy} {
		hits, err := ix.Search(ctx, index.Query{Question: &q, Type: t, Limit: 100})
		if err != nil {
			return nil, err
		}
		all = append(all, hits...)
	}
	return all[:min(len(all), 100)], nil
}

// add counts one question, as eval/metrics.py of the judged sets does.
func (r *RetrievalReport) add(hits []index.Hit, rel map[string]int) {
	right, gains := 0, []int{}
	for _, g := range rel {
		if g > 0 {
			right++
			gains = append(gains, g)
		}
	}
	if right == 0 {
		return
	}
	r.N++
	found, first := 0, -1
	dcg := 0.0
	for i, h := range hits {
		g := rel[h.Key.ID]
		if g <= 0 {
			continue
		}
		found++
		if first < 0 {
			first = i
		}
		if i < 10 {
			dcg += float64(g) / math.Log2(float64(i)+2)
		}
		for k, sum := range map[int]*float64{5: &r.R5, 10: &r.R10, 100: &r.R100} {
			if i < k {
				*sum += 1 / float64(min(right, k))
			}
		}
	}
	if first == 0 {
		r.R1++
	}
	if first >= 0 && first < 10 {
		r.MRR10 += 1 / float64(first+1)
	}
	slices.SortFunc(gains, func(a, b int) int { return b - a })
	ideal := 0.0
	for i, g := range gains[:min(10, len(gains))] {
		ideal += float64(g) / math.Log2(float64(i)+2)
	}
	r.NDCG10 += dcg / ideal
}

func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, int(float64(len(sorted))*p))].Microseconds()) / 1000
}

// beirCorpus is a corpus.jsonl as a journal of one edition: a titled text is
// a guide whose name is the title, an untitled one a policy.
type beirCorpus string

// Edition implements [index.Journal].
func (beirCorpus) Edition() corpus.Edition { return 1 }

// Sum implements [index.Journal].
func (path beirCorpus) Sum(corpus.Edition) (string, error) { return string(path), nil }

// Changes implements [index.Journal]; there is only one edition.
func (beirCorpus) Changes(_, _ corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(func(corpus.Change, error) bool) {}
}

// All implements [index.Journal].
func (path beirCorpus) All(_ corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	return func(yield func(corpus.Record, error) bool) {
		if t != corpus.TypeGuide && t != corpus.TypePolicy {
			return
		}
		err := eachJSONL(string(path), func(l beirLine) bool {
			switch {
			case l.Title != "" && t == corpus.TypeGuide:
				return yield(&corpus.Guide{Matter: corpus.Matter{Code: l.ID, Name: l.Title}, Condition: l.Text}, nil)
			case l.Title == "" && t == corpus.TypePolicy:
				return yield(&corpus.Policy{Type: corpus.TypePolicy, ID: l.ID, Text: l.Text}, nil)
			}
			return true
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

func readJSONL[T any](path string) ([]T, error) {
	var all []T
	err := eachJSONL(path, func(v T) bool {
		all = append(all, v)
		return true
	})
	return all, err
}

func eachJSONL[T any](path string, fn func(T) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 1<<20), 64<<20)
	for n := 1; sc.Scan(); n++ {
		if strings.TrimSpace(sc.Text()) == "" {
			continue
		}
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return fmt.Errorf("%w: %s:%d: %w", ErrFolder, path, n, err)
		}
		if !fn(v) {
			return nil
		}
	}
	return sc.Err()
}

// readQrels reads "query-id corpus-id score" lines.
func readQrels(path string) (map[string]map[string]int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	qrels := map[string]map[string]int{}
	for n, line := range strings.Split(string(b), "\n") {
		cols := strings.Fields(line)
		if len(cols) < 3 || cols[0] == "query-id" {
			continue
		}
		grade, err := strconv.Atoi(cols[len(cols)-1])
		if err != nil {
			return nil, fmt.Errorf("%w: %s:%d: grade %q", ErrFolder, path, n+1, cols[len(cols)-1])
		}
		if qrels[cols[0]] == nil {
			qrels[cols[0]] = map[string]int{}
		}
		qrels[cols[0]][cols[len(cols)-2]] = grade
	}
	return qrels, nil
}
