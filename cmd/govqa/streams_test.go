package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govqa/govqa/answer/llm/llmtest"
)

// How many streams TestHeldStreams holds, and for how long. `make streams`
// holds 500 for five minutes.
const (
	heldStreams = "GOVQA_TEST_STREAMS"
	heldFor     = "GOVQA_TEST_HOLD"
)

// resident is the memory of a process, in bytes, as the kernel counts it.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("memory is read from /proc: %v", err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// figure reads one figure of a server.
func (s *server) figure(t *testing.T, name string) int {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(body)
	if m == nil {
		t.Fatalf("no figure %s", name)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// Streams are held open by a model that takes its time, each to its last
// event; the memory that they take is that of the serving process alone.
func TestHeldStreams(t *testing.T) {
	streams, hold := 40, 1500*time.Millisecond
	if v := os.Getenv(heldStreams); v != "" {
		var err error
		if streams, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	if v := os.Getenv(heldFor); v != "" {
		var err error
		if hold, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	model := llmtest.Start(t, llmtest.Honest)
	long := (hold + time.Minute).String()
	s := serving(t, filepath.Join(t.TempDir(), "data"), "GOVQA_MODEL_URL="+model.URL, "GOVQA_MODEL_NAME=slow", "GOVQA_MODEL_TIMEOUT="+long,
		"GOVQA_MODEL_FIRST="+long, "GOVQA_MODEL_GAP="+long, "GOVQA_MODEL_CALLS="+strconv.Itoa(streams), "GOVQA_MODEL_MAX_TOKENS=100000",
		"GOVQA_MAX_STREAMS="+strconv.Itoa(streams))
	ask := func(n int) (*http.Response, error) {
		body, err := json.Marshal(map[string]any{"text": "居住证申领要多久" + strings.Repeat("啊", n%9), "stream": true})
		if err != nil {
			return nil, err
		}
		return request(t.Context(), http.DefaultClient, http.MethodPost, s.url+"/api/v1/ask", string(body))
	}
	for range 50 { // what the first questions make room for is not the streams'
		resp, err := request(t.Context(), http.DefaultClient, http.MethodPost, s.url+"/api/v1/ask", `{"text":"护照换发要多久"}`)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	model.Do(func(c llmtest.Call) llmtest.Reply {
		r := llmtest.Honest(c)
		r.Pause = hold / time.Duration(len(r.Pieces))
		return r
	})
	before := resident(t, s.cmd.Process.Pid)
	var worded, broken atomic.Int64
	var all, carded sync.WaitGroup
	start := time.Now()
	seats := make(chan struct{}, 16) // more at once than the server answers at once would be told to wait
	for n := range streams {
		carded.Add(1)
		seats <- struct{}{}
		all.Go(func() {
			got := sync.OnceFunc(func() { <-seats; carded.Done() })
			defer got()
			resp, err := ask(n)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			last, by := "", ""
			for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
				if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					last = name
				}
				if last == "card" {
					got()
				}
				if strings.Contains(lines.Text(), `"generatedBy":"llm"`) {
					by = "llm"
				}
			}
			switch {
			case last != "done":
				broken.Add(1)
			case by == "llm":
				worded.Add(1)
			}
		})
	}
	carded.Wait()
	opened := time.Since(start)
	held, most := s.figure(t, "govqa_streams"), 0
	for end := start.Add(opened + hold/2); time.Now().Before(end); {
		most = max(most, resident(t, s.cmd.Process.Pid))
		select {
		case <-t.Context().Done():
		case <-time.After(hold / 20):
		}
	}
	most = max(most, resident(t, s.cmd.Process.Pid))
	all.Wait()
	took := time.Since(start)
	each := (most - before) / streams
	t.Logf("%d streams, all with their card after %v, %d open at once, the last done after %v", streams, opened.Round(time.Millisecond), held, took.Round(time.Millisecond))
	t.Logf("memory: %.1f MB before, %.1f MB at most, %.1f KB a stream; %d worded by the model, %d broken off",
		float64(before)/1e6, float64(most)/1e6, float64(each)/1e3, worded.Load(), broken.Load())
	if held != streams || broken.Load() > 0 || worded.Load() != int64(streams) {
		t.Errorf("%d of %d streams open at once, %d broken off, %d worded", held, streams, broken.Load(), worded.Load())
	}
	if streams >= measurable && each > 512<<10 {
		t.Errorf("%d bytes a stream", each)
	}
	s.stop(t)
}

// measurable is how many streams it takes to tell their memory from that of the
// garbage of the moment.
const measurable = 500
