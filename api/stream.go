package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

const streamType = "text/event-stream"

// A StreamMeta is the first event of a stream.
type StreamMeta struct {
	ID          string         `json:"id"`
	Edition     corpus.Edition `json:"edition"`
	Outcome     answer.Outcome `json:"outcome"`
	Aspect      nlp.Aspect     `json:"aspect"`
	GeneratedBy string         `json:"generatedBy"`
}

// A StreamWording begins the text anew: the pieces before it do not stand. It
// comes only where a language model is at work: once before its first sentence
// and, if its wording is dropped after all, once before the plain text.
type StreamWording struct {
	GeneratedBy string `json:"generatedBy"`
}

// A StreamDelta is a piece of the answer's text.
type StreamDelta struct {
	Text string `json:"text"`
}

// A StreamDone is the last event of a stream that went well.
type StreamDone struct {
	ElapsedMS   float64      `json:"elapsedMs"`
	GeneratedBy string       `json:"generatedBy,omitempty"` // where it is not as meta said
	AIGC        *answer.AIGC `json:"aigc,omitempty"`
}

// startStream replies with a stream of the answer to r, which was admitted. The stream is written
// after the handler has returned, so it gets copies of all it needs.
func (s *Server) startStream(hc huma.Context, r answer.Request) {
	c := humafiber.Unwrap(hc)
	ctx, start := c.UserContext(), time.Now()
	hc.SetStatus(http.StatusOK)
	hc.SetHeader("Content-Type", streamType+"; charset=utf-8")
	hc.SetHeader("X-Accel-Buffering", "no")
	c.Locals(keyStreamed, true)
	s.running.Add(1)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.running.Done()
		defer func() { <-s.streams }()
		e := &eventWriter{w: w}
		s.stream(ctx, e, r)
		s.done(ctx, http.MethodPost, pathAsk, http.StatusOK, e.n, start)
	})
}

// result is what became of a question.
type result struct {
	answer answer.Answer
	err    error
}

// stream asks and writes the events. When the reader is gone, which shows
// only when something is sent, it cancels the question.
func (s *Server) stream(ctx context.Context, e *eventWriter, r answer.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { // no one else would catch it: the handler has returned
		if v := recover(); v != nil {
			_ = s.problem(ctx, &panicError{v, debug.Stack()}) // for its log
		}
	}()
	answered := s.askAside(ctx, r)
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for e.comment("ok"); e.err == nil; e.comment("wait") {
		select {
		case res := <-answered:
			s.events(ctx, e, r, res)
			return
		case <-beat.C:
		}
	}
}

// askAside asks in a goroutine of its own, where a panic must be caught too.
func (s *Server) askAside(ctx context.Context, r answer.Request) <-chan result {
	answered := make(chan result, 1)
	s.running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				answered <- result{err: &panicError{v, debug.Stack()}}
			}
		}()
		a, err := s.engine.ask(ctx, r)
		answered <- result{a, err}
	})
	return answered
}

// events writes what became of a question: the plain answer at once, then its
// text, in a model's words if the channel has one.
func (s *Server) events(ctx context.Context, e *eventWriter, r answer.Request, res result) {
	if res.err != nil {
		e.event("error", s.problem(ctx, res.err))
		return
	}
	a := inScript(ctx, res.answer)
	e.event("meta", StreamMeta{a.ID, a.Edition, a.Outcome, a.Aspect, a.GeneratedBy})
	e.event("card", a)
	done := StreamDone{ElapsedMS: a.ElapsedMS}
	reworded, shown := s.reword(ctx, e, r, res.answer)
	if reworded.GeneratedBy != a.GeneratedBy {
		done.GeneratedBy, done.AIGC = reworded.GeneratedBy, reworded.AIGC
	} else {
		if shown {
			e.event("wording", StreamWording{a.GeneratedBy})
		}
		for _, text := range Sentences(a.Text) {
			e.event("delta", StreamDelta{text})
		}
	}
	e.event("sources", sources(a.Facts))
	e.event("done", done)
}

// reword writes the sentences of a rewording as they come, each of them
// checked. A stream that is silent meanwhile says that it is alive.
func (s *Server) reword(ctx context.Context, e *eventWriter, r answer.Request, plain answer.Answer) (a answer.Answer, shown bool) {
	if s.engine.reworder == nil {
		return plain, false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pieces := make(chan string)
	reworded := make(chan answer.Answer, 1)
	s.running.Go(func() {
		defer func() { // the plain answer stands whatever happens in here
			if v := recover(); v != nil {
				_ = s.problem(ctx, &panicError{v, debug.Stack()}) // for its log
				reworded <- plain
			}
		}()
		reworded <- s.engine.reword(ctx, r, plain, func(sentence string) {
			select {
			case pieces <- sentence:
			case <-ctx.Done():
			}
		})
	})
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for e.err == nil {
		select {
		case text := <-pieces:
			if !shown {
				e.event("wording", StreamWording{answer.ByLLM})
				shown = true
			}
			if wantsHant(ctx) {
				text = nlp.ToTraditional(text)
			}
			e.event("delta", StreamDelta{text})
		case a = <-reworded:
			return a, shown
		case <-beat.C:
			e.comment("wait")
		}
	}
	return plain, shown // nobody reads any more
}

// Sentences cuts text after each sentence and line. Joined they are text.
func Sentences(text string) []string {
	var out []string
	start := 0
	for i, r := range text {
		if end := i + len(string(r)); strings.ContainsRune("。！？；\n", r) {
			out = append(out, text[start:end])
			start = end
		}
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

// sources lists the distinct sources of facts, in the order of the facts.
func sources(facts []answer.Fact) []answer.FactSource {
	out := []answer.FactSource{}
	seen := map[answer.FactSource]bool{{}: true}
	for _, f := range facts {
		if !seen[f.Source] {
			seen[f.Source] = true
			out = append(out, f.Source)
		}
	}
	return out
}

// An eventWriter writes server-sent events, each sent at once. After an error
// it writes nothing.
type eventWriter struct {
	w   *bufio.Writer
	n   int // bytes written
	err error
}

// event sends an event with v as its data. JSON has no line breaks, so the
// data are one line.
func (e *eventWriter) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.printf("event: %s\ndata: %s\n\n", name, data)
}

// comment sends a line that readers skip.
func (e *eventWriter) comment(text string) { e.printf(": %s\n\n", text) }

func (e *eventWriter) printf(format string, args ...any) {
	if e.err != nil {
		return
	}
	n, err := fmt.Fprintf(e.w, format, args...)
	e.n += n
	if err == nil {
		err = e.w.Flush()
	}
	e.err = err
}
