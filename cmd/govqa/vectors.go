package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/index"
)

// The environment variables that hold the keys of the endpoints, where no file
// does.
const (
	embedKeyVariable  = "GOVQA_EMBED_KEY"
	rerankKeyVariable = "GOVQA_RERANK_KEY"
)

func vectorDir(data string) string { return filepath.Join(data, "vectors") }

// A semantics is what the index is given of the meaning of texts: vectors, a
// reranker, both or neither.
type semantics struct {
	vectors  *index.Embeddings // nil without
	reranker *index.Reranking  // nil without
	running  sync.WaitGroup
}

// endpoints are the model servers that the configuration names; nil where it
// names none.
type endpoints struct {
	embedder *llm.Embedder
	reranker *llm.Reranker
}

// newEndpoints makes the clients. It calls nobody.
func newEndpoints(cfg *config, lookup func(string) (string, bool)) (e endpoints, err error) {
	if min(cfg.EmbedDimensions, cfg.EmbedBatch) < 0 || min(cfg.EmbedTimeout, cfg.RerankTimeout) < 0 || min(cfg.EmbedPrice, cfg.RerankPrice) < 0 {
		return e, fmt.Errorf("%w：embed_*、rerank_* 的数不能是负的", errConfig)
	}
	if cfg.EmbedURL != "" {
		key, err := endpointKey("embed_key_file", cfg.EmbedKeyFile, embedKeyVariable, lookup)
		if err != nil {
			return e, err
		}
		e.embedder, err = llm.NewEmbedder(llm.EmbedConfig{URL: cfg.EmbedURL, Model: cfg.EmbedModel, Key: key,
			Dimensions: cfg.EmbedDimensions, QuestionPrefix: cfg.EmbedQuestionPrefix, DocumentPrefix: cfg.EmbedDocumentPrefix})
		if err != nil {
			return e, fmt.Errorf("%w：embed_url、embed_model：%w", errConfig, err)
		}
	}
	if cfg.RerankURL != "" {
		key, err := endpointKey("rerank_key_file", cfg.RerankKeyFile, rerankKeyVariable, lookup)
		if err != nil {
			return e, err
		}
		e.reranker, err = llm.NewReranker(llm.RerankConfig{URL: cfg.RerankURL, Model: cfg.RerankModel, Key: key})
		if err != nil {
			return e, fmt.Errorf("%w：rerank_url、rerank_model：%w", errConfig, err)
		}
	}
	return e, nil
}

// openSemantics gives the index the endpoints.
func openSemantics(e endpoints, cfg *config, data string, a *app, progress func(int)) (*semantics, error) {
	s := &semantics{}
	if e.embedder != nil {
		var err error
		s.vectors, err = index.OpenEmbeddings(vectorDir(data), a.index, a.store, e.embedder, index.EmbeddingOptions{
			Batch: cfg.EmbedBatch, Timeout: time.Duration(cfg.EmbedTimeout), Price: cfg.EmbedPrice, Log: a.log, Progress: progress})
		if err != nil {
			return nil, err
		}
	}
	if e.reranker != nil {
		s.reranker = a.index.UseReranker(e.reranker, index.RerankOptions{Timeout: time.Duration(cfg.RerankTimeout), Price: cfg.RerankPrice, Log: a.log})
	}
	return s, nil
}

// endpointKey reads a key from its file or the environment. It is never shown.
func endpointKey(setting, file, variable string, lookup func(string) (string, bool)) (string, error) {
	if file == "" {
		key, _ := lookup(variable)
		return strings.TrimSpace(key), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%w：%s：%w", errConfig, setting, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// run keeps the vectors up to the corpus until ctx ends. close waits for it.
func (s *semantics) run(ctx context.Context) {
	if s.vectors != nil {
		s.running.Go(func() { s.vectors.Run(ctx) })
	}
	if s.reranker != nil {
		s.running.Go(func() { s.reranker.Run(ctx) })
	}
}

func (s *semantics) close() error {
	s.running.Wait()
	if s.vectors == nil {
		return nil
	}
	return s.vectors.Close()
}

// A semanticsStatus is what there is to know of them; what is not configured
// is missing.
type semanticsStatus struct {
	Vectors  *index.EmbeddingStatus `json:"vectors,omitempty"`
	Reranker *index.RerankStatus    `json:"reranker,omitempty"`
}

func (s *semantics) status() semanticsStatus {
	var st semanticsStatus
	if s.vectors != nil {
		v := s.vectors.Status()
		st.Vectors = &v
	}
	if s.reranker != nil {
		r := s.reranker.Status()
		st.Reranker = &r
	}
	return st
}

// print writes the status for people.
func (st semanticsStatus) print(w io.Writer) {
	if v := st.Vectors; v != nil {
		state := "还没有算完，检索暂时只看字词"
		switch {
		case v.Done() && v.Trust > 0:
			state = fmt.Sprintf("已经用于检索，可信程度 %.2f", v.Trust)
		case v.Done():
			state = "算完了，但在本地的名称上看不出意义，检索不用它"
		}
		fmt.Fprintf(w, "向量：%s，%d 维，版次 %d，%d 份内容，%d 段文字中已有 %d 段：%s\n",
			v.Model, v.Dimensions, v.Edition, v.Documents, v.Texts, v.Embedded, state)
		fmt.Fprintf(w, "费用：内容 %d 个词元，%.4f 元；本次启动以来的 %d 个提问 %d 个词元，%.4f 元\n",
			v.Tokens, v.Cost, v.Questions, v.QuestionTokens, v.QuestionCost)
		printFailures(w, v.Failures, v.LastError)
		if v.Repaired > 0 {
			fmt.Fprintf(w, "打开时丢弃了 %d 字节损坏的向量，已重新计算\n", v.Repaired)
		}
	}
	if r := st.Reranker; r != nil {
		state := fmt.Sprintf("已经用于检索，可信程度 %.2f", r.Trust)
		if r.Trust == 0 {
			state = "还没有量过，或在本地的名称上看不出意义，检索不用它"
		}
		fmt.Fprintf(w, "重排：%s：%s\n费用：本次启动以来的 %d 次调用 %d 个词元，%.4f 元\n", r.Model, state, r.Calls, r.Tokens, r.Cost)
		printFailures(w, r.Failures, r.LastError)
	}
	if st.Vectors == nil && st.Reranker == nil {
		fmt.Fprintln(w, "没有配置向量服务，也没有配置重排服务；检索只看字词")
	}
}

func printFailures(w io.Writer, n uint64, last string) {
	if n > 0 {
		fmt.Fprintf(w, "失败 %d 次", n)
		if last != "" {
			fmt.Fprintf(w, "，最近一次：%s", last)
		}
		fmt.Fprintln(w)
	}
}

// figures are the figures for /metrics.
func (s *semantics) figures() []prometheus.Collector {
	var list []prometheus.Collector
	gauge := func(name, help string, read func() float64) {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	counter := func(name, help string, read func() float64) {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
	}
	if v := s.vectors; v != nil {
		gauge("govqa_vector_texts", "Texts of the corpus that are to have a vector.", func() float64 { return float64(v.Status().Texts) })
		gauge("govqa_vector_embedded", "Texts of the corpus that have a vector.", func() float64 { return float64(v.Status().Embedded) })
		gauge("govqa_vector_edition", "Edition that the vectors are of.", func() float64 { return float64(v.Status().Edition) })
		gauge("govqa_vector_trust", "How far vectors count in searches, 0 to 1.", func() float64 { return v.Status().Trust })
		gauge("govqa_vector_corpus_tokens", "Tokens that the kept vectors have cost.", func() float64 { return float64(v.Status().Tokens) })
		gauge("govqa_vector_corpus_yuan", "What the kept vectors have cost.", func() float64 { return v.Status().Cost })
		counter("govqa_vector_questions_total", "Questions embedded.", func() float64 { return float64(v.Status().Questions) })
		counter("govqa_vector_question_tokens_total", "Tokens of the questions embedded.", func() float64 { return float64(v.Status().QuestionTokens) })
		counter("govqa_vector_failures_total", "Calls of the embeddings endpoint that failed.", func() float64 { return float64(v.Status().Failures) })
	}
	if r := s.reranker; r != nil {
		gauge("govqa_rerank_trust", "How far the reranker counts in searches, 0 to 1.", func() float64 { return r.Status().Trust })
		counter("govqa_rerank_calls_total", "Calls of the rerank endpoint that worked.", func() float64 { return float64(r.Status().Calls) })
		counter("govqa_rerank_tokens_total", "Tokens of these calls.", func() float64 { return float64(r.Status().Tokens) })
		counter("govqa_rerank_failures_total", "Calls of the rerank endpoint that failed.", func() float64 { return float64(r.Status().Failures) })
	}
	return list
}

// vectorsShow says how far the vectors of the running server are.
func vectorsShow(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	var st semanticsStatus
	served, err := viaControl(ctx, c.data, "/vectors", struct{}{}, &st)
	if err != nil {
		return err
	}
	if !served {
		return errors.New("服务没有运行；要在服务之外计算向量，运行 govqa vectors build")
	}
	return printStatus(c, st)
}

func printStatus(c *call, st semanticsStatus) error {
	if c.values.json {
		return printJSON(c.out, st)
	}
	st.print(c.out)
	return nil
}

// vectors tells the status over the control socket.
func (ctl *control) vectors(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(ctl.app.semantics.status()); err != nil {
		ctl.app.log.Error("control: status of vectors not sent", "err", err)
	}
}

// withSemantics gives an evaluation what a configuration file names: vectors
// that are all there, and a reranker that is measured. Without a file it gives
// nothing.
func withSemantics(ctx context.Context, c *call, a *app) error {
	if c.values.config == "" {
		return nil
	}
	cfg, err := loadConfig(c.values.config, os.LookupEnv)
	if err != nil {
		return err
	}
	ends, err := newEndpoints(&cfg, os.LookupEnv)
	if err != nil {
		return err
	}
	if a.semantics, err = openSemantics(ends, &cfg, c.data, a, counter(c.err, "计算向量")); err != nil {
		return err
	}
	if v := a.semantics.vectors; v != nil {
		if err := v.Build(ctx); err != nil {
			return err
		}
	}
	if r := a.semantics.reranker; r != nil {
		if err := r.Measure(ctx); err != nil {
			return err
		}
	}
	a.semantics.status().print(c.err)
	return nil
}

// vectorsBuild makes the vectors that are missing while no server runs.
func vectorsBuild(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	cfg, err := loadConfig(c.values.config, os.LookupEnv)
	if err != nil {
		return err
	}
	if cfg.EmbedURL == "" {
		return fmt.Errorf("%w：没有写 embed_url", errConfig)
	}
	cfg.RerankURL = "" // which has nothing to be built
	ends, err := newEndpoints(&cfg, os.LookupEnv)
	if err != nil {
		return err
	}
	a, err := openApp(ctx, c.data, true, logTo(c.err), c.err)
	if err != nil {
		return err
	}
	err = buildVectors(ctx, c, &cfg, ends, a)
	return errors.Join(err, a.close())
}

func buildVectors(ctx context.Context, c *call, cfg *config, ends endpoints, a *app) error {
	var err error
	if a.semantics, err = openSemantics(ends, cfg, c.data, a, counter(c.err, "计算向量")); err != nil {
		return err
	}
	if c.values.rebuild {
		if err := a.semantics.vectors.Reset(); err != nil {
			return err
		}
	}
	err = a.semantics.vectors.Build(ctx)
	return errors.Join(err, printStatus(c, a.semantics.status()))
}
