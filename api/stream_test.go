package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// patience is how long a test waits for what must happen.
const patience = 5 * time.Second

// An event is one server-sent event, or a comment.
type event struct{ name, data string }

// parseEvents reads a whole stream; whatever breaks the framing is an error.
func parseEvents(stream string) ([]event, error) {
	rest, ok := strings.CutSuffix(stream, "\n\n")
	if !ok {
		return nil, fmt.Errorf("cut off: %q", stream)
	}
	var out []event
	for block := range strings.SplitSeq(rest, "\n\n") {
		if c, ok := strings.CutPrefix(block, ": "); ok {
			out = append(out, event{"comment", c})
			continue
		}
		head, data, ok := strings.Cut(block, "\ndata: ")
		name, isEvent := strings.CutPrefix(head, "event: ")
		if !ok || !isEvent || strings.Contains(data, "\n") || !json.Valid([]byte(data)) {
			return nil, fmt.Errorf("bad block %q", block)
		}
		out = append(out, event{name, data})
	}
	return out, nil
}

func names(events []event) (out []string) {
	for _, e := range events {
		out = append(out, e.name)
	}
	return out
}

func TestStream(t *testing.T) {
	tests := []struct {
		why  string
		body string
		head []string
	}{
		{"by the Accept header", `{"text":"几天"}`, []string{"Accept: text/event-stream"}},
		{"by the body", `{"text":"几天","stream":true}`, nil},
		{"to a reader that can decompress", `{"text":"几天","stream":true}`, []string{"Accept-Encoding: gzip, br"}},
	}
	s := open(t, Config{}, &fake{})
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r := s.do(t, "POST", pathAsk, tt.body, tt.head...)
			for key, want := range map[string]string{
				"Content-Type":      "text/event-stream; charset=utf-8",
				"Cache-Control":     "no-store",
				"X-Accel-Buffering": "no",
				"Content-Encoding":  "",
			} {
				if got := r.header.Get(key); got != want {
					t.Errorf("%s = %q, want %q", key, got, want)
				}
			}
			events, err := parseEvents(r.body)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"comment", "meta", "card", "delta", "delta", "delta", "delta", "sources", "done"}
			if diff := cmp.Diff(want, names(events)); diff != "" {
				t.Fatalf("(-want +got):\n%s\n%s", diff, r.body)
			}
			checkEvents(t, events)
		})
	}
}

// checkEvents checks that a stream says what the answer says.
func checkEvents(t *testing.T, events []event) {
	t.Helper()
	var text strings.Builder
	var card answer.Answer
	for _, e := range events {
		var delta StreamDelta
		var err error
		switch e.name {
		case "card":
			err = json.Unmarshal([]byte(e.data), &card)
		case "delta":
			err = json.Unmarshal([]byte(e.data), &delta)
			text.WriteString(delta.Text)
		case "sources":
			if want := `[{"url":"https://example.gov.cn/1","updated":"2026-05-12"}]`; e.data != want {
				t.Errorf("sources %s", e.data)
			}
		case "done":
			if e.data != `{"elapsedMs":3.1}` {
				t.Errorf("done %s", e.data)
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(Whole(lost()), card); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
	if text.String() != card.Text {
		t.Errorf("deltas %q, text %q", text.String(), card.Text)
	}
}

func TestStreamErrors(t *testing.T) {
	tests := []struct {
		why  string
		err  error
		want int
	}{
		{"a broken engine", errors.New("disk on fire"), 500},
		{"a slow engine", context.DeadlineExceeded, 504},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := open(t, Config{}, fails(tt.err))
			events, err := parseEvents(s.do(t, "POST", pathAsk, `{"text":"几天","stream":true}`).body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"comment", "error"}, names(events)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			var p Problem
			if err := json.Unmarshal([]byte(events[1].data), &p); err != nil {
				t.Fatal(err)
			}
			if p.Status != tt.want || p.Instance == "" || strings.Contains(events[1].data, "fire") {
				t.Errorf("problem %s", events[1].data)
			}
		})
	}
	t.Run("a bad question gets no stream", func(t *testing.T) {
		s := open(t, Config{}, &fake{})
		r := s.do(t, "POST", pathAsk, `{"text":""}`, "Accept: text/event-stream")
		if r.status != 422 {
			t.Errorf("status %d", r.status)
		}
		r.problem(t)
	})
	t.Run("a panic", func(t *testing.T) {
		s := open(t, Config{}, &fake{ask: func(context.Context, answer.Request) (answer.Answer, error) { panic("boom") }})
		r := s.do(t, "POST", pathAsk, `{"text":"几天","stream":true}`)
		if !strings.Contains(r.body, "event: error") || strings.Contains(r.body, "boom") {
			t.Errorf("stream %s", r.body)
		}
		if log := s.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "stack") {
			t.Errorf("log %s", log)
		}
	})
}

// blocker is an engine that holds each question until it is let go.
type blocker struct {
	fake
	asked, release chan struct{}
	ended          chan error // why the engine stopped waiting
}

func newBlocker() *blocker {
	b := &blocker{asked: make(chan struct{}, 100), release: make(chan struct{}), ended: make(chan error, 100)}
	b.ask = func(ctx context.Context, _ answer.Request) (answer.Answer, error) {
		b.asked <- struct{}{}
		select {
		case <-b.release:
			b.ended <- nil
			return lost(), nil
		case <-ctx.Done():
			b.ended <- ctx.Err()
			return answer.Answer{}, ctx.Err()
		}
	}
	return b
}

// wait receives from ch, or fails the test.
func wait[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("no %s", what)
	}
	return v
}

// dial opens a stream and leaves it open.
func (s *site) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // a test may have closed it
	const body = `{"text":"几天","stream":true}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", pathAsk, len(body), body)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func TestReaderGoneCancelsTheQuestion(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{AskTimeout: time.Minute}, b, func(s *Server) { s.heartbeat = 5 * time.Millisecond })
	conn, r := s.dial(t)
	wait(t, "question", b.asked)
	for beats := 0; beats < 2; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == ": wait\n" {
			beats++
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, "end of the question", b.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the question ended with %v", err)
	}
}

func TestShutdownFinishesAStream(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{AskTimeout: time.Minute}, b)
	_, r := s.dial(t)
	wait(t, "question", b.asked)

	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		down <- s.Shutdown(ctx)
	}()
	refused := func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return true
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		return false
	}
	for end := time.Now().Add(patience); !refused(); {
		if time.Now().After(end) {
			t.Fatal("still listening")
		}
	}
	select {
	case err := <-down:
		t.Fatalf("shut down before the stream ended: %v", err)
	default:
	}
	close(b.release)
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(rest), "event: done") {
		t.Errorf("the stream was cut: %s", rest)
	}
	if err := wait(t, "shutdown", down); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownThatRunsOutOfTimeCancels(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{AskTimeout: time.Minute}, b)
	s.dial(t)
	wait(t, "question", b.asked)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := wait(t, "end of the question", b.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the question ended with %v", err)
	}
}

func TestShutdownBeforeListen(t *testing.T) {
	s, err := New(Config{}, &fake{}, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(ln); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("listen: %v", err)
	}
}

func TestTooManyStreams(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{AskTimeout: time.Minute, MaxStreams: 1}, b)
	_, r := s.dial(t)
	wait(t, "question", b.asked)
	if got := s.do(t, "POST", pathAsk, `{"text":"几天","stream":true}`); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("second stream: %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	if m := s.do(t, "GET", "/metrics", "").body; !strings.Contains(m, "govqa_streams 1\n") {
		t.Error("the figures do not count one stream")
	}
	close(b.release)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "event: done\n" {
			break
		}
	}
}

func TestSentences(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"", nil},
		{"一句", []string{"一句"}},
		{"一句。", []string{"一句。"}},
		{"一句。两句！\n三句", []string{"一句。", "两句！", "\n", "三句"}},
		{"坏\xff字。好", []string{"坏\xff字。", "好"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Sentences(tt.text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}
