package index

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/govqa/govqa/index/vector"
)

// trustOf turns how many of some probes were found into trust, 0..1: none for
// what chance may find three standard errors and a fifth of all above it, full
// trust two fifths further.
func trustOf(found, probes int, chance float64) float64 {
	if probes == 0 {
		return 0
	}
	p := min(1, chance)
	share := float64(found) / float64(probes)
	floor := p + 3*math.Sqrt(p*(1-p)/float64(probes)) + .2
	return min(1, max(0, (share-floor)/.4))
}

// A pause keeps away from an endpoint that has failed: for two seconds at
// first, for twice as long after each further failure, a minute at most.
type pause struct {
	now   func() time.Time
	fails int
	until time.Time
}

func (p *pause) length() time.Duration {
	return min(time.Minute, time.Second<<min(10, p.fails))
}

func (p *pause) failed() {
	p.fails++
	p.until = p.now().Add(p.length())
}

func (p *pause) worked() { p.fails = 0 }

func (p *pause) over() bool { return p.fails == 0 || !p.now().Before(p.until) }

// questionVectors embeds questions while citizens wait: within a timeout, not
// at all for a while after a failure, and each question once.
type questionVectors struct {
	embedder Embedder
	timeout  time.Duration
	log      *slog.Logger

	mu     sync.Mutex
	pause  pause
	known  map[string]vector.Code
	order  []string // of known, the oldest first
	asked  uint64
	tokens uint64
	fails  uint64
}

// knownQuestions is how many vectors of questions are remembered: one answer
// searches up to nine times, and many people ask the same.
const knownQuestions = 2000

// of returns the vector of a question, or false if there is none to be had now.
func (q *questionVectors) of(ctx context.Context, text string) (vector.Code, bool) {
	q.mu.Lock()
	code, ok := q.known[text]
	free := q.pause.over()
	q.mu.Unlock()
	if ok || !free {
		return code, ok
	}
	within, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	vectors, tokens, err := q.embedder.Embed(within, RoleQuestion, []string{text})
	if err == nil {
		if len(vectors) == 1 {
			code, err = vector.Encode(vectors[0])
		} else {
			err = vector.ErrVector
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil { // else whoever asked is gone, and the endpoint not to blame
			q.pause.failed()
			q.fails++
			q.log.Warn("question not embedded: searching without", "pause", q.pause.length(), "err", err)
		}
		return code, false
	}
	q.pause.worked()
	q.asked++
	q.tokens += uint64(max(0, tokens))
	q.remember(text, code)
	return code, true
}

func (q *questionVectors) remember(text string, code vector.Code) {
	if q.known == nil {
		q.known = map[string]vector.Code{}
	}
	if _, ok := q.known[text]; ok {
		return
	}
	if len(q.order) >= knownQuestions {
		delete(q.known, q.order[0])
		q.order = q.order[1:]
	}
	q.known[text], q.order = code, append(q.order, text)
}

// forget forgets every question: their vectors are of another model.
func (q *questionVectors) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.known, q.order = nil, nil
}

func (q *questionVectors) addTo(s *EmbeddingStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Questions, s.QuestionTokens, s.Failures = q.asked, q.tokens, s.Failures+q.fails
}

// nearness is what a search needs to look for near meanings.
type nearness struct {
	*semantic
	code vector.Code
}

// nearness returns what the vectors can add to a search, or nil.
func (ix *Index) nearness(ctx context.Context, r *reader, q *Query) *nearness {
	e := ix.embeddings.Load()
	if e == nil || q.Question.Text == "" {
		return nil
	}
	sem := r.semantic.Load()
	if sem == nil || sem.trust == 0 || sem.types[q.Type] == nil {
		return nil
	}
	code, ok := e.question.of(ctx, q.Question.Text)
	if !ok || len(code.Bytes) != sem.types[q.Type].list.Stride() {
		return nil
	}
	return &nearness{sem, code}
}
