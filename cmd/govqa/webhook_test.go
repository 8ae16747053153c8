package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/webhook"
)

// A hookBook is a receiver that keeps count. It answers the status of say, or
// hangs up for 0.
type hookBook struct {
	t   *testing.T
	say func(n int) int

	mu       sync.Mutex
	verifier *standard.Webhook
	posts    int
	accepted map[string]int // id -> times
	told     chan string    // the type and id of each event that was accepted
}

func newHookBook(t *testing.T) (*hookBook, string) {
	b := &hookBook{t: t, accepted: map[string]int{}, told: make(chan string, 10_000)}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, s.URL + "/hook"
}

func (b *hookBook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posts++
	if err != nil {
		return // the sender was killed
	}
	if err := b.verifier.Verify(text, r.Header); err != nil {
		b.t.Errorf("signature: %v", err)
	}
	if b.say != nil {
		status := b.say(b.posts)
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	var body struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		b.t.Errorf("%v in %q", err, text)
	}
	id := r.Header.Get("webhook-id")
	b.accepted[id]++
	b.told <- body.Type + " " + id
}

var secretLine = regexp.MustCompile(`(?m)^whsec_\S+$`)

// verifyBy gives the receiver the secret that a command printed.
func (b *hookBook) verifyBy(printed string) {
	b.t.Helper()
	v, err := standard.NewWebhook(secretLine.FindString(printed))
	if err != nil {
		b.t.Fatalf("%v in %q", err, printed)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verifier = v
}

func TestWebhookCommands(t *testing.T) {
	t.Parallel()
	data := imported(t)
	book, url := newHookBook(t)
	want(t, fails(t, "webhook", "add", "-data", data, url).err, []string{"webhook_networks"})
	t.Run("without a server", func(t *testing.T) {
		printed := must(t, "webhook", "add", "-data", data, "-name", "old", "-events", "message.left", "-sm3", "https://portal.example.cn/hook")
		want(t, printed, []string{"old：已添加", "hmac-sm3", "whsec_"})
		want(t, must(t, "webhook", "list", "-data", data), []string{"old  https://portal.example.cn/hook", "message.left", "共 1 个"}, "whsec_")
		want(t, must(t, "webhook", "remove", "-data", data, "old"), []string{"已删除"})
		want(t, must(t, "webhook", "list", "-data", data), []string{"共 0 个"})
	})

	s := serving(t, data, "GOVQA_WEBHOOK_NETWORKS=127.0.0.0/8")
	printed := must(t, "webhook", "add", "-data", data, "-name", "book", url)
	book.verifyBy(printed)
	want(t, must(t, "webhook", "test", "-data", data, "book"), []string{"接收方已收下测试事件"})
	if got := <-book.told; !strings.HasPrefix(got, "webhook.test evt_test_") {
		t.Errorf("told %q", got)
	}
	must(t, "import", "-data", data, write(t, "新.jsonl", line(t, "N-1", "无人机驾驶员合格证办理", nil)))
	if got := <-book.told; !strings.HasPrefix(got, "content.published ") {
		t.Errorf("told %q", got)
	}
	var r answer.Receipt
	post(t, s, []byte(`{"kind":"咨询","text":"社区食堂老人吃饭有补贴吗","name":"王小明"}`), &r)
	if got := <-book.told; !strings.HasPrefix(got, "message.left ") {
		t.Errorf("told %q", got)
	}

	book.verifyBy(must(t, "webhook", "rotate", "-data", data, "book"))
	book.mu.Lock()
	book.say = func(int) int { return http.StatusUnprocessableEntity }
	book.mu.Unlock()
	want(t, fails(t, "webhook", "test", "-data", data, "book").err, []string{"422"})
	var list []webhook.Status
	if err := json.Unmarshal([]byte(must(t, "webhook", "list", "-data", data, "-json")), &list); err != nil || len(list) != 1 || list[0].Delivered != 2 {
		t.Errorf("list: %+v, %v", list, err)
	}
	want(t, must(t, "webhook", "dead", "-data", data), []string{"共 0 封"})
	want(t, must(t, "webhook", "replay", "-data", data, "book"), []string{"0 封死信将重新发送"})
	for _, verb := range []string{"remove", "test", "resume", "rotate", "replay"} {
		want(t, fails(t, "webhook", verb, "-data", data, "nobody").err, []string{"nobody"})
	}
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want(t, string(metrics), []string{`govqa_webhook_attempts_total{endpoint="book",result="delivered"} 2`, `govqa_webhook_dead{endpoint="book"} 0`})
	s.stop(t)
}

// The service is killed again and again while events come in and a receiver
// fails half the time. Every message that was acknowledged is told, and what
// comes twice comes under one id, no oftener than the service was killed.
func TestWebhooksOutliveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the service many times")
	}
	t.Parallel()
	const kills, perLife = 4, 12
	data := filepath.Join(t.TempDir(), "data")
	book, url := newHookBook(t)
	env := "GOVQA_WEBHOOK_NETWORKS=127.0.0.0/8"
	s := serving(t, data, env)
	book.verifyBy(must(t, "webhook", "add", "-data", data, "-name", "book", "-events", "message.left", url))
	for life := range kills {
		for i := range perLife {
			var r answer.Receipt
			post(t, s, fmt.Appendf(nil, `{"kind":"咨询","text":"第%d次第%d条"}`, life, i), &r)
		}
		book.mu.Lock()
		posts := book.posts
		book.say = func(n int) int { // at work for a while, then away
			if n-posts > perLife/2 {
				return []int{http.StatusBadGateway, 0}[n%2]
			}
			return http.StatusOK
		}
		book.mu.Unlock()
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-s.log
		_ = s.cmd.Wait() // "signal: killed"
		s = serving(t, data, env)
	}
	book.mu.Lock()
	book.say = nil
	book.mu.Unlock()
	must(t, "webhook", "resume", "-data", data, "book")
	ids := map[string]bool{}
	for len(ids) < kills*perLife {
		ids[<-book.told] = true
	}
	s.stop(t)
	book.mu.Lock()
	defer book.mu.Unlock()
	if len(book.accepted) != kills*perLife {
		t.Errorf("%d events, want %d", len(book.accepted), kills*perLife)
	}
	twice := 0
	for _, n := range book.accepted {
		twice += n - 1
	}
	if twice > kills {
		t.Errorf("%d events came twice after %d kills", twice, kills)
	}
	t.Logf("%d events over %d kills, %d posts, %d sent twice under the same id", len(book.accepted), kills, book.posts, twice)
}
