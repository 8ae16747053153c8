package llm

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/index/vector/vectortest"
)

func newEmbedder(t *testing.T, cfg EmbedConfig) *Embedder {
	t.Helper()
	e, err := NewEmbedder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEmbed(t *testing.T) {
	m := vectortest.Model{Name: "bge-m3"}
	s := vectortest.Start(t, m)
	e := newEmbedder(t, EmbedConfig{URL: s.URL, Model: "bge-m3", Dimensions: 64, QuestionPrefix: "query: ", DocumentPrefix: "passage: "})
	texts := []string{"居住证", "护照", "身份证"}
	vectors, tokens, err := e.Embed(t.Context(), index.RoleDocument, texts)
	if err != nil {
		t.Fatal(err)
	}
	m.Dim = 64
	for i, text := range texts {
		want := m.Vector("passage: " + text)
		for d := range want {
			if math.Abs(float64(want[d]-vectors[i][d])) > 1e-6 {
				t.Fatalf("%s has the vector of another text", text)
			}
		}
	}
	if want := len([]rune("passage: 居住证passage: 护照passage: 身份证")); tokens != want {
		t.Errorf("%d tokens, want %d", tokens, want)
	}
	if _, _, err := e.Embed(t.Context(), index.RoleQuestion, []string{"居住证"}); err != nil {
		t.Fatal(err)
	}
	if got := s.Received(); !slices.Contains(got, "query: 居住证") {
		t.Errorf("received %q", got)
	}
}

// What changes vectors changes the name, so that they are not mixed.
func TestEmbedderModel(t *testing.T) {
	base := EmbedConfig{URL: "http://127.0.0.1:1/v1", Model: "m"}
	names := []string{newEmbedder(t, base).Model()}
	for _, change := range []func(*EmbedConfig){
		func(c *EmbedConfig) { c.Model = "n" },
		func(c *EmbedConfig) { c.Dimensions = 64 },
		func(c *EmbedConfig) { c.QuestionPrefix = "q" },
		func(c *EmbedConfig) { c.DocumentPrefix = "q" },
	} {
		cfg := base
		change(&cfg)
		name := newEmbedder(t, cfg).Model()
		if slices.Contains(names, name) {
			t.Errorf("%q stands for two settings", name)
		}
		names = append(names, name)
	}
	base.URL, base.Key, base.Timeout = "https://example.org/v1", "k", time.Second
	if name := newEmbedder(t, base).Model(); name != names[0] {
		t.Errorf("%q: where the model is changes no vector", name)
	}
}

func TestEndpointSettings(t *testing.T) {
	for _, tt := range []struct{ why, url, model string }{
		{"no address", "", "m"},
		{"no scheme", "127.0.0.1:8000/v1", "m"},
		{"a file", "file:///etc/passwd", "m"},
		{"no model", "http://127.0.0.1:8000/v1", ""},
	} {
		if _, err := NewEmbedder(EmbedConfig{URL: tt.url, Model: tt.model}); err == nil {
			t.Errorf("%s: taken for embeddings", tt.why)
		}
		if _, err := NewReranker(RerankConfig{URL: tt.url, Model: tt.model}); err == nil {
			t.Errorf("%s: taken for reranking", tt.why)
		}
	}
}

// However the server fails, the client has an error, soon, and never a vector
// of another text.
func TestEmbedFaults(t *testing.T) {
	for _, fault := range vectortest.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			m := vectortest.Model{Name: "m"}
			s := vectortest.Start(t, m)
			s.Set(m, fault)
			e := newEmbedder(t, EmbedConfig{URL: s.URL, Model: "m", Timeout: 200 * time.Millisecond})
			start := time.Now()
			vectors, _, err := e.Embed(t.Context(), index.RoleQuestion, []string{"居住证", "护照"})
			if fault == vectortest.Narrower { // which the keeper of the vectors finds out
				if err != nil || len(vectors[0]) != 128 {
					t.Errorf("%v", err)
				}
				return
			}
			if err == nil {
				t.Errorf("no error, %d vectors", len(vectors))
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestRerank(t *testing.T) {
	m := vectortest.Model{Name: "r"}
	s := vectortest.Start(t, m)
	r, err := NewReranker(RerankConfig{URL: s.URL, Model: "r", Key: "k", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"护照换发", "居住证申领", "身份证补领"}
	scores, tokens, err := r.Rerank(t.Context(), "居住证怎么申领", texts)
	if err != nil || slices.Index(scores, slices.Max(scores)) != 1 || tokens != 14 {
		t.Fatalf("%v, %d tokens, %v", scores, tokens, err)
	}
	for _, fault := range vectortest.Faults() {
		if fault == vectortest.Zeros || fault == vectortest.Narrower { // of vectors only
			continue
		}
		t.Run(string(fault), func(t *testing.T) {
			s.Set(m, fault)
			if scores, _, err := r.Rerank(t.Context(), "居住证", texts); err == nil {
				t.Errorf("no error: %v", scores)
			}
		})
	}
}

// A key is sent to the endpoint, and stands in no error.
func TestKeys(t *testing.T) {
	var got []string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer h.Close()
	e := newEmbedder(t, EmbedConfig{URL: h.URL, Model: "m", Key: "secret-key"})
	_, _, err := e.Embed(t.Context(), index.RoleQuestion, []string{"居住证"})
	r, rerr := NewReranker(RerankConfig{URL: h.URL, Model: "m", Key: "secret-key"})
	if rerr != nil {
		t.Fatal(rerr)
	}
	_, _, rerr = r.Rerank(t.Context(), "居住证", []string{"护照", "居住证"})
	if !errors.Is(rerr, ErrEndpoint) || err == nil || strings.Contains(errors.Join(err, rerr).Error(), "secret-key") {
		t.Errorf("%v; %v", err, rerr)
	}
	if !slices.Equal(got, []string{"Bearer secret-key", "Bearer secret-key"}) {
		t.Errorf("sent %q", got)
	}
}
