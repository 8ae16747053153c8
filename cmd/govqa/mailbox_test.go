package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// reopened is the mailbox of a folder as a process that starts finds it.
func reopened(t *testing.T, dir string) (*store.Store, *mailbox) {
	t.Helper()
	s, err := store.Open(dir, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	m := newMailbox(s)
	for f, err := range s.Facts(0) {
		if err != nil {
			t.Fatal(err)
		}
		if err := m.replay(f); err != nil {
			t.Fatal(err)
		}
	}
	return s, m
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, m := reopened(t, dir)
	at := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	msg := answer.KeptMessage{Number: "000000000001", CodeHash: "h", Received: at, Edition: 3, Message: answer.Message{Kind: "咨询", Text: "几点开门"}}
	if got, err := m.Keep(t.Context(), msg); err != nil || got != msg {
		t.Fatalf("Keep = %+v, %v", got, err)
	}
	if got, err := m.Keep(t.Context(), answer.KeptMessage{Number: msg.Number, CodeHash: "other"}); err != nil || got != msg {
		t.Errorf("a second of that number: %+v, %v, want the first", got, err)
	}
	reply := answer.MessageReply{Number: msg.Number, Agency: "市政务服务中心", Text: "九点", Time: at.Add(time.Hour)}
	if err := m.Reply(t.Context(), "测试", reply); err != nil {
		t.Fatal(err)
	}
	if err := m.Reply(t.Context(), "测试", answer.MessageReply{Number: "2"}); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("a reply to nothing: %v", err)
	}
	for range 2 { // as it is, and as the next process finds it
		got, replies, err := m.Find(t.Context(), msg.Number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(msg, got) + cmp.Diff([]answer.MessageReply{reply}, replies); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		if _, _, err := m.Find(t.Context(), "2"); !errors.Is(err, corpus.ErrNotFound) {
			t.Errorf("an unknown number: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, m = reopened(t, dir)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Keep(ended, answer.KeptMessage{Number: "3"}); err == nil {
		t.Error("a message is acknowledged though it was not kept")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMessageOutlivesKill: whoever has a number finds the message, though the
// process was killed the moment it had said the number.
func TestMessageOutlivesKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data)
	body := []byte(`{"kind":"建议","text":"大厅里多放几把椅子","id":"a"}`)
	var first, again answer.Receipt
	post(t, s, body, &first)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.log
	_ = s.cmd.Wait() // killed: an error is right
	s = serving(t, data)
	post(t, s, body, &again)
	if first != again || first.Number == "" {
		t.Errorf("sent again after the kill: %+v, want %+v", again, first)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/messages/"+first.Number, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Message-Code", first.Code)
	var status answer.MessageStatus
	send(t, req, &status)
	if status.Text != "大厅里多放几把椅子" || status.Status != answer.MessageReceived {
		t.Errorf("looked up after the kill: %+v", status)
	}

	// The staff answer while the service runs, and read after it has stopped.
	if out := must(t, "message", "list", "-data", data); !strings.Contains(out, first.Number) || !strings.Contains(out, "大厅里多放几把椅子") {
		t.Errorf("message list:\n%s", out)
	}
	must(t, "message", "reply", "-data", data, "-agency", "市政务服务中心", first.Number[:4]+" "+first.Number[4:], "已经添了二十把")
	send(t, req, &status)
	if status.Status != answer.MessageAnswered || len(status.Replies) != 1 || status.Replies[0].Agency != "市政务服务中心" || status.Replies[0].Text != "已经添了二十把" {
		t.Errorf("looked up after the reply: %+v", status)
	}
	if r := govqa(t, "message", "reply", "-data", data, "1", "x"); r.code != exitFailed || !strings.Contains(r.err, "留言") {
		t.Errorf("a reply to nothing: %+v", r)
	}
	s.stop(t)
	if out := must(t, "message", "list", "-data", data); !strings.Contains(out, "共 0 条") {
		t.Errorf("message list after the reply:\n%s", out)
	}
	if out := must(t, "message", "list", "-all", "-data", data); !strings.Contains(out, "已经添了二十把") {
		t.Errorf("message list -all:\n%s", out)
	}
	for why, args := range map[string][]string{"an empty reply": {first.Number, " "}, "an unknown number": {"1", "x"}, "no reply": {first.Number}} {
		if r := govqa(t, append([]string{"message", "reply", "-data", data}, args...)...); r.code == exitOK {
			t.Errorf("%s is taken", why)
		}
	}
}

func post(t *testing.T, s *server, body []byte, v any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/messages", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	send(t, req, v)
}

func send(t *testing.T, req *http.Request, v any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", resp.Status, text, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}
