// Package vectortest is a model server for tests: it serves /embeddings and
// /rerank as OpenAI-compatible servers do, computes vectors that are the same
// every time, and fails as it is told. Tests of every floor use it.
package vectortest

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// A Model computes vectors. What texts mean to it is up to the test: the same
// concepts point the same way whatever the words.
type Model struct {
	Name string
	Dim  int // 0 means 256
	// Concepts says what a text is about; nil, or none, leaves its characters
	// alone to tell.
	Concepts func(text string) []string
	// Noise gives every text a vector that says nothing.
	Noise bool
}

// Vector returns the vector of a text, of length 1. As with real models all
// vectors lean to one side.
func (m Model) Vector(text string) []float32 {
	dim := m.dim()
	v := direction("all texts", m.Name, dim)
	for i := range v {
		v[i] *= .5
	}
	if m.Noise {
		add(v, direction(text, m.Name, dim), 1)
		return unit(v)
	}
	letters := make([]float32, dim)
	prev := rune(0)
	for _, r := range text {
		if prev != 0 {
			add(letters, direction(string([]rune{prev, r}), m.Name, dim), 1)
		}
		prev = r
	}
	add(v, unit(letters), .6)
	if m.Concepts != nil {
		for _, c := range m.Concepts(text) {
			add(v, direction("concept "+c, m.Name, dim), .6)
		}
	}
	return unit(v)
}

func (m Model) dim() int {
	if m.Dim == 0 {
		return 256
	}
	return m.Dim
}

// direction is a vector of length 1 that a name always has.
func direction(name, model string, dim int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(model + "\x00" + name)) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return unit(v)
}

func add(v, w []float32, weight float32) {
	for i := range v {
		v[i] += weight * w[i]
	}
}

func unit(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// A Fault is a way in which the server fails.
type Fault string

// The faults. None is the zero value.
const (
	None     Fault = ""
	Stalls   Fault = "stalls"    // answers nothing until the client has gone
	Refuses  Fault = "refuses"   // 503
	Garbage  Fault = "garbage"   // 200, no JSON
	Dies     Fault = "dies"      // breaks off in the middle
	TooFew   Fault = "too few"   // leaves the last one out
	Doubles  Fault = "doubles"   // gives one text two results and another none
	Zeros    Fault = "zeros"     // vectors of no length
	Narrower Fault = "narrower"  // vectors of another dimension than before
	Redirect Fault = "redirects" // sends the client in circles
)

// Faults are all of them.
func Faults() []Fault {
	return []Fault{Stalls, Refuses, Garbage, Dies, TooFew, Doubles, Zeros, Narrower, Redirect}
}

// A Server is a Model behind HTTP.
type Server struct {
	URL string // of the API

	mu       sync.Mutex
	model    Model
	fault    Fault
	received []string
	calls    int
}

// Start starts a server that ends with the test.
func Start(t testing.TB, m Model) *Server {
	t.Helper()
	s := &Server{model: m}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/embeddings", s.embeddings)
	mux.HandleFunc("POST /v1/rerank", s.rerank)
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	s.URL = h.URL + "/v1"
	return s
}

// Set changes the model behind the address and how it fails.
func (s *Server) Set(m Model, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model, s.fault = m, f
}

// Received returns every text that the server was sent.
func (s *Server) Received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Calls returns how often the server was called.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *Server) take(texts ...string) (Model, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, texts...)
	s.calls++
	return s.model, s.fault
}

// fails fails if it is to fail before there is a result.
func fails(w http.ResponseWriter, r *http.Request, f Fault) bool {
	switch f {
	case Stalls:
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	case Refuses:
		http.Error(w, `{"error":{"message":"overloaded"}}`, http.StatusServiceUnavailable)
	case Garbage:
		write(w, "<html>welcome</html>")
	case Dies:
		w.Header().Set("Content-Length", "1000")
		write(w, `{"data":[{"index":0,"embedding":[0.1,`)
	case Redirect:
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	default:
		return false
	}
	return true
}

type usage struct {
	PromptTokens int `json:"prompt_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

// tokensOf counts a token for each character.
func tokensOf(texts []string) usage {
	n := 0
	for _, t := range texts {
		n += utf8.RuneCountInString(t)
	}
	return usage{n, n}
}

type embedding struct {
	Object    string    `json:"object"`
	Index     int       `json:"index"`
	Embedding []float32 `json:"embedding"`
}

func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model      string
		Input      []string
		Dimensions int
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Model == "" {
		http.Error(w, `{"error":{"message":"bad request"}}`, http.StatusBadRequest)
		return
	}
	m, f := s.take(q.Input...)
	if fails(w, r, f) {
		return
	}
	if q.Dimensions > 0 {
		m.Dim = q.Dimensions
	}
	if f == Narrower {
		m.Dim = m.dim() / 2
	}
	var data []embedding
	for i, text := range slices.Backward(q.Input) { // servers need not keep the order
		v := m.Vector(text)
		if f == Zeros {
			clear(v)
		}
		data = append(data, embedding{"embedding", i, v})
	}
	reply(w, f, data, func(e *embedding, i int) { e.Index = i }, func(d []embedding) any {
		return map[string]any{"object": "list", "model": q.Model, "data": d, "usage": tokensOf(q.Input)}
	})
}

type result struct {
	Index int     `json:"index"`
	Score float64 `json:"relevance_score"`
}

func (s *Server) rerank(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model, Query string
		Documents    []string
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Model == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	m, f := s.take(append([]string{q.Query}, q.Documents...)...)
	if fails(w, r, f) {
		return
	}
	asked := m.Vector(q.Query)
	var results []result
	for i, text := range q.Documents {
		results = append(results, result{i, dot(asked, m.Vector(text))})
	}
	slices.SortFunc(results, func(a, b result) int { return strings.Compare(q.Documents[a.Index], q.Documents[b.Index]) })
	reply(w, f, results, func(x *result, i int) { x.Index = i }, func(d []result) any {
		return map[string]any{"model": q.Model, "results": d, "usage": tokensOf(q.Documents)}
	})
}

// reply writes the results, wrong in their number or order if that is the fault.
func reply[T any](w http.ResponseWriter, f Fault, list []T, number func(*T, int), body func([]T) any) {
	switch {
	case f == TooFew:
		list = list[1:]
	case f == Doubles && len(list) > 1:
		number(&list[0], 1)
		number(&list[1], 1)
	case f == Doubles:
		number(&list[0], 1)
	}
	b, err := json.Marshal(body(list))
	if err != nil {
		panic(err) // the test's model has made what is no number
	}
	w.Header().Set("Content-Type", "application/json")
	write(w, string(b))
}

// write writes as much as the client takes: one that has gone is what some
// tests are about.
func write(w io.Writer, s string) { _, _ = io.WriteString(w, s) }
