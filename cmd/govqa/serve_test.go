package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// A server is a process that serves a folder.
type server struct {
	cmd *exec.Cmd
	url string
	log <-chan string // what it has logged, once it has ended
}

var addrLogged = regexp.MustCompile(`(?:msg=serving addr=|"msg":"serving","addr":")([^\s"]+)`)

// serving starts a server of a folder and waits until it answers.
func serving(t *testing.T, data string, env ...string) *server {
	t.Helper()
	cmd := child(t, "govqa", env, "serve", "-data", data, "-addr", "127.0.0.1:0")
	cmd.Stderr = nil
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	lines := bufio.NewScanner(errs)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if m := addrLogged.FindStringSubmatch(lines.Text()); m != nil {
			return &server{cmd: cmd, url: "http://" + m[1], log: collect(&log, lines)}
		}
	}
	t.Fatalf("the server did not start:\n%s", log.String())
	return nil
}

// collect reads what is left in the background, so that the server never
// waits for its log to be read.
func collect(log *bytes.Buffer, lines *bufio.Scanner) <-chan string {
	done := make(chan string, 1)
	go func() {
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
		}
		done <- log.String()
	}()
	return done
}

// stop ends the server with SIGTERM, and requires that it ends well.
func (s *server) stop(t *testing.T) string {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := <-s.log
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0\n%s", err, log)
	}
	return log
}

// request sends a request whose body, if any, is JSON.
func request(ctx context.Context, client *http.Client, method, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return client.Do(req)
}

func (s *server) ask(t *testing.T, text string) answer.Answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := request(t.Context(), http.DefaultClient, http.MethodPost, s.url+"/api/v1/ask", string(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a answer.Answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return a
}

func TestServe(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data)

	if a := s.ask(t, "居住证怎么办"); a.Outcome != answer.Answered || a.Edition != 1 || len(a.Matters) == 0 || a.Matters[0].Code != "AL-JZ-002" {
		t.Errorf("an empty folder answers %+v", a)
	}
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.json"} {
		resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+path, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s %v", path, resp.Status, err)
		}
	}

	t.Run("a second process is told", func(t *testing.T) {
		for _, args := range [][]string{{"check"}, {"ask", "护照"}, {"serve", "-addr", "127.0.0.1:0"}} {
			want(t, fails(t, append(args, "-data", data)...).err, []string{data, "数据目录正被另一个 govqa 进程使用"})
		}
	})
	t.Run("an import answers at once", func(t *testing.T) {
		file := write(t, "新.jsonl", line(t, "N-1", "无人机驾驶员合格证办理", map[string]any{"contact": "020-33334444"}))
		want(t, must(t, "import", "-data", data, file), []string{"accepted 1", "已发布第 2 版"})
		if a := s.ask(t, "无人机驾驶员合格证电话"); a.Edition != 2 || !strings.Contains(a.Text, "020-33334444") {
			t.Errorf("edition %d answers %q", a.Edition, a.Text)
		}
		want(t, must(t, "import", "-data", data, file), []string{"unchanged 1", "没有发布新版本"})
		want(t, must(t, "import", "-dry-run", "-data", data, write(t, "又.jsonl", line(t, "N-2", "又一个", nil))), []string{"试运行"})
		if a := s.ask(t, "护照"); a.Edition != 2 {
			t.Errorf("a dry run has published edition %d", a.Edition)
		}
	})
	t.Run("an import of a bad row changes nothing", func(t *testing.T) {
		bad := write(t, "坏.jsonl", line(t, "B-1", "好", nil), line(t, "B-2", "", nil))
		want(t, fails(t, "import", "-data", data, bad).out, []string{bad, "第 2 行 B-2 name：必填", "没有导入"})
		want(t, fails(t, "import", "-data", data, filepath.Join(t.TempDir(), "没有.jsonl")).err, []string{"没有.jsonl"})
	})

	exported := export(t, data)
	want(t, exported, []string{`"N-1"`, "AL-JZ-002"}, "B-1", "N-2")
	backup := filepath.Join(t.TempDir(), "备份")
	must(t, "backup", "-data", data, backup)
	log := s.stop(t)
	want(t, log, []string{"shutting down"}, "level=ERROR")

	if diff := cmp.Diff(exported, export(t, data)); diff != "" {
		t.Errorf("the server exported something else (-server +folder):\n%.2000s", diff)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	want(t, must(t, "restore", "-data", restored, backup), []string{"已恢复到第 2 版"})
	if diff := cmp.Diff(exported, export(t, restored)); diff != "" {
		t.Errorf("restored from the server's backup (-server +restored):\n%.2000s", diff)
	}
	want(t, must(t, "check", "-data", data), []string{"核对无误", "索引与第 2 版一致"})
}

func TestServeAfterAKill(t *testing.T) {
	t.Parallel()
	data := imported(t)
	s := serving(t, data)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.log
	if err := s.cmd.Wait(); err == nil {
		t.Fatal("the server was not killed")
	}
	// The socket is still there, but nobody listens.
	want(t, must(t, "import", "-data", data, write(t, "新.jsonl", line(t, "N-1", "新事项", nil))), []string{"已发布第 2 版"})
	s = serving(t, data)
	want(t, must(t, "import", "-data", data, write(t, "新.jsonl", line(t, "N-2", "又一个新事项", nil))), []string{"已发布第 3 版"})
	s.stop(t)
}

// TestServeStopsGracefully sends SIGTERM amid many streams. Every stream that
// has begun must come to its end.
func TestServeStopsGracefully(t *testing.T) {
	t.Parallel()
	s := serving(t, imported(t), "GOVQA_ASKS_PER_MINUTE=-1")
	var whole atomic.Int64
	enough := make(chan struct{})
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for {
				begun, err := s.stream(t.Context())
				if !begun {
					return // the server takes no more
				}
				if err != nil {
					t.Errorf("a stream that had begun: %v", err)
					return
				}
				if whole.Add(1) == 100 {
					close(enough)
				}
			}
		})
	}
	<-enough
	log := s.stop(t)
	readers.Wait()
	want(t, log, []string{"shutting down"}, "level=ERROR", "panic")
	t.Logf("%d streams", whole.Load())
}

// stream asks for a stream and reads it. It says whether the stream began,
// and what was wrong with it then.
func (s *server) stream(ctx context.Context) (begun bool, err error) {
	// A client of its own: a connection that was kept alive may be closed by a
	// server that stops, and that is no fault.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := request(ctx, client, http.MethodPost, s.url+"/api/v1/ask", `{"text":"食品经营许可证要多久","stream":true}`)
	if err != nil || resp.StatusCode == http.StatusServiceUnavailable {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return true, errors.New(resp.Status)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return true, err
	}
	for _, event := range []string{"event: meta\n", "event: card\n", "8个工作日", "event: done\n"} {
		if !bytes.Contains(b, []byte(event)) {
			return true, errors.New("no " + event + " in " + string(b))
		}
	}
	return true, nil
}

// TestServeInADeepFolder serves a folder whose name is longer than the name
// of a socket may be.
func TestServeInADeepFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("深", 40))
	must(t, "import", "-data", data, write(t, "事项.jsonl", guides(t)...))
	for range 2 { // the second finds what the first left
		s := serving(t, data)
		must(t, "export", "-data", data, filepath.Join(t.TempDir(), "导出.jsonl"))
		s.stop(t)
	}
	s := serving(t, data)
	want(t, must(t, "import", "-data", data, write(t, "新.jsonl", line(t, "N-1", "新事项", nil))), []string{"已发布第 2 版"})
	s.stop(t)
}
