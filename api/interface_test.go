package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// other is an interface of one path whose requests h serves.
func other(h http.HandlerFunc) []Interface {
	return []Interface{{Name: "other", Prefix: "/other", Operations: []Operation{
		{ID: "other-get", Method: http.MethodGet, Path: "/other/{name}", Tag: "别的", Reply: "text", ReplyType: "text/plain"},
		{ID: "other-post", Method: http.MethodPost, Path: "/other/{name}", Tag: "别的", Body: Received{true}, Reply: Received{true}},
	}, Handler: func(Host) (http.Handler, error) { return h, nil }}}
}

func TestForeignRequest(t *testing.T) {
	s := open(t, Config{Interfaces: other(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("X-Own", "1")
		w.Header().Add("Vary", "X-Own")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s q=%s h=%s body=%s host=%v err=%v visitor=%v id=%v", r.Method, r.URL.Path, r.URL.Query().Get("q"), r.Header.Get("X-Mine"),
			body, r.Host != "", err, VisitorOf(r.Context()).IsValid(), RequestID(r.Context()) != "")
	})}, &fake{})
	r := s.do(t, "POST", "/other/%E4%B8%AD?q=%E6%96%87", `{"ok":true}`, "X-Mine: yes")
	want := `POST /other/中 q=文 h=yes body={"ok":true} host=true err=<nil> visitor=true id=true`
	if r.status != http.StatusTeapot || r.body != want || r.header.Get("X-Own") != "1" || !strings.Contains(r.header.Get("Vary"), "X-Own") {
		t.Errorf("%d %s %v", r.status, r.body, r.header)
	}
	if r.header.Get("Content-Security-Policy") == "" || r.header.Get("X-Request-Id") == "" {
		t.Errorf("headers of every reply are missing: %v", r.header)
	}
	if r := s.do(t, "HEAD", "/other/x", ""); r.status != http.StatusTeapot || r.body != "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
	if r := s.do(t, "DELETE", "/other/x", ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", r.status)
	}
}

func TestForeignPanic(t *testing.T) {
	s := open(t, Config{Interfaces: other(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half a rep")
		panic("boom")
	})}, &fake{})
	if p := s.do(t, "GET", "/other/x", "").problem(t); p.Status != http.StatusInternalServerError {
		t.Errorf("%+v", p)
	}
	if log := s.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "interface_test.go") {
		t.Errorf("the panic is not in the log with its stack: %s", log)
	}
}

// TestForeignStream reads what a handler flushes before it goes on.
func TestForeignStream(t *testing.T) {
	goOn := make(chan struct{})
	s := open(t, Config{Interfaces: other(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamType)
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n", i)
			w.(http.Flusher).Flush()
			<-goOn
		}
	})}, &fake{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/other/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Fatalf("line %d: %q", i, lines.Text())
		}
		goOn <- struct{}{}
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q %v", lines.Text(), lines.Err())
	}
	if n := len(s.streams); n != 0 {
		t.Errorf("%d streams are still taken", n)
	}
}

// TestForeignReaderGone cancels the handler when its reader has gone.
func TestForeignReaderGone(t *testing.T) {
	told := make(chan error, 1)
	s := open(t, Config{Interfaces: other(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := fmt.Fprintln(w, strings.Repeat("x", 1<<10)); err != nil {
				<-r.Context().Done()
				told <- err
				return
			}
			w.(http.Flusher).Flush()
		}
	})}, &fake{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/other/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 10<<10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = resp.Body.Close() // of a request that was cancelled
	select {
	case err := <-told:
		if !errors.Is(err, errGone) {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the handler was not told")
	}
}

// TestForeignWithoutAStream sends the reply whole where no stream is free.
func TestForeignWithoutAStream(t *testing.T) {
	s := open(t, Config{MaxStreams: 1, Interfaces: other(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			fmt.Fprint(w, "piece ")
			w.(http.Flusher).Flush()
		}
	})}, &fake{})
	s.streams <- struct{}{}
	r := s.do(t, "GET", "/other/x", "")
	<-s.streams
	if r.body != "piece piece piece " || r.header.Get("Content-Length") != "18" {
		t.Errorf("%q %v", r.body, r.header)
	}
	if r := s.do(t, "GET", "/other/x", ""); r.body != "piece piece piece " || r.header.Get("Content-Length") != "" {
		t.Errorf("with a free one: %q %v", r.body, r.header)
	}
}

// TestForeignPanicInAStream ends the stream, and is logged.
func TestForeignPanicInAStream(t *testing.T) {
	s := open(t, Config{Interfaces: other(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "begun")
		w.(http.Flusher).Flush()
		panic("boom")
	})}, &fake{})
	if r := s.do(t, "GET", "/other/x", ""); r.body != "begun" {
		t.Errorf("%q", r.body)
	}
	if err := s.Shutdown(t.Context()); err != nil { // waits for the stream's end
		t.Fatal(err)
	}
	if log := s.log.String(); !strings.Contains(log, "boom") {
		t.Errorf("the panic is not in the log: %s", log)
	}
}

func TestInterfacesAreDescribed(t *testing.T) {
	s := open(t, Config{Interfaces: other(func(http.ResponseWriter, *http.Request) {})}, &fake{})
	post := at(t, openAPI(t, s), "paths", "/other/{name}", "post")
	for _, status := range []string{"200", "401", "429", "500"} {
		at(t, post, "responses", status)
	}
	at(t, post, "requestBody", "content", "application/json", "example")

	twice := append(other(nil), other(nil)...)
	if _, err := New(Config{Interfaces: twice}, &fake{}, s.Server.log); err == nil || !strings.Contains(err.Error(), "described twice") {
		t.Errorf("one path served twice: %v", err)
	}
}
