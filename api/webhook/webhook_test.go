package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// A receiver takes events and can be made to behave badly.
type receiver struct {
	t       *testing.T
	answers func(id string) int // status of the next answer; nil is 204
	drop    func() bool         // whether the answer is lost on the way

	mu     sync.Mutex
	posts  int            // all that came
	times  map[string]int // id -> how often it was accepted
	order  []string       // ids in the order of first acceptance
	bodies map[string]body
	texts  map[string][]byte
}

func newReceiver(t *testing.T) *receiver {
	return &receiver{t: t, times: map[string]int{}, bodies: map[string]body{}, texts: map[string][]byte{}}
}

// RoundTrip hands a request to the receiver without a network.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if rec.Code == down {
		return nil, errors.New("connection refused")
	}
	if r.drop != nil && r.drop() {
		return nil, errors.New("connection reset")
	}
	return rec.Result(), nil
}

// down is the status of a receiver that is not there.
const down = 999

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts++
	text, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	id := req.Header.Get(headerID)
	status := http.StatusNoContent
	if r.answers != nil {
		status = r.answers(id)
	}
	if status == http.StatusNoContent {
		r.accept(id, text)
	}
	w.WriteHeader(status)
}

func (r *receiver) accept(id string, text []byte) {
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		r.t.Errorf("%s: %v in %q", id, err, text)
	}
	if r.times[id] == 0 {
		r.order = append(r.order, id)
	}
	r.times[id]++
	r.bodies[id], r.texts[id] = b, text
}

// A world is a queue, a receiver, and a clock that tests move.
type world struct {
	t     *testing.T
	store *store.Store
	queue *Queue
	got   *receiver
	clock time.Time
	want  []string // ids of the events, in order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, got: newReceiver(t), clock: time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)}
	s, err := store.Open(t.TempDir(), store.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.restart()
	return w
}

// restart makes a new queue, as after a crash: all that is not in the store is
// forgotten.
func (w *world) restart() {
	w.queue = New(w.store, Options{Client: &http.Client{Transport: w.got}, Now: func() time.Time { return w.clock }})
}

func (w *world) add(e Endpoint) Endpoint {
	w.t.Helper()
	if e.URL == "" {
		e.URL = "https://portal.example.cn/hook"
	}
	made, err := w.queue.Add(w.t.Context(), "admin", e)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// happen appends a fact and, if it is an event, notes its id.
func (w *world) happen(typ string, data any) {
	w.t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		w.t.Fatal(err)
	}
	f := store.Fact{Type: typ, Data: text, Time: w.clock}
	if f.Seq, err = w.store.Append(w.t.Context(), store.ByCitizen, f); err != nil {
		w.t.Fatal(err)
	}
	if _, ok, err := w.queue.eventOf(f); err != nil {
		w.t.Fatal(err)
	} else if ok {
		w.want = append(w.want, idOf(&f))
	}
}

func (w *world) unanswered(text string) {
	w.happen(answer.FactQuestion, answer.Asked{Answer: "ans_1", Text: text, Outcome: answer.NotFound, Region: "440100", Edition: 3})
}

// drain sends what is due, and returns when more is.
func (w *world) drain(name string) time.Time {
	w.t.Helper()
	again, err := w.queue.drain(w.t.Context(), name)
	if err != nil && !errors.Is(err, errGone) {
		w.t.Fatal(err)
	}
	return again
}

// settle drains and moves the clock until nothing is due.
func (w *world) settle(name string) {
	w.t.Helper()
	for again := w.drain(name); !again.IsZero(); again = w.drain(name) {
		w.clock = again
	}
}

func (w *world) status() Status {
	w.t.Helper()
	list, err := w.queue.List()
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(s Status) bool { return s.Name == "portal" })
	if i < 0 {
		w.t.Fatal("no endpoint")
	}
	return list[i]
}

// A day: the receiver is away half the time, answers are lost, the service is
// restarted in between, and every event is accepted in its order.
func TestADayWithTheReceiverDownHalfTheTime(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	rng := rand.New(rand.NewPCG(2026, 5)) //nolint:gosec // a test
	start := w.clock
	w.got.answers = func(string) int {
		if w.clock.Sub(start).Minutes() < 24*60 && int(w.clock.Sub(start).Minutes())/37%2 == 1 {
			return []int{down, http.StatusBadGateway, http.StatusServiceUnavailable}[rng.IntN(3)]
		}
		return http.StatusNoContent
	}
	lost := 0
	w.got.drop = func() bool { // of answers, one in fifty never arrives
		if rng.IntN(50) == 0 {
			lost++
			return true
		}
		return false
	}
	again := time.Time{}
	for w.clock.Before(start.Add(24 * time.Hour)) {
		for range rng.IntN(4) {
			switch rng.IntN(5) {
			case 0:
				w.unanswered("有没有这件事")
			case 1:
				w.happen(answer.FactFeedback, answer.Feedback{Answer: "ans_1", Rating: []int{-1, 1}[rng.IntN(2)]})
			case 2:
				w.happen(answer.FactMessage, answer.KeptMessage{Number: fmt.Sprintf("%012d", rng.IntN(1e9)), Message: answer.Message{Kind: "咨询", Text: "想问"}})
			default:
				w.happen(answer.FactQuestion, answer.Asked{Answer: "ans_2", Text: "居住证怎么办", Outcome: answer.Answered})
			}
		}
		if rng.IntN(100) == 0 {
			w.restart()
		}
		if again.IsZero() || !w.clock.Before(again) {
			again = w.drain("portal")
		}
		w.clock = w.clock.Add(time.Minute)
	}
	w.settle("portal")

	if diff := cmp.Diff(w.want, w.got.order); diff != "" {
		t.Errorf("events (-happened +accepted, in order):\n%s", diff)
	}
	doubled := 0
	for _, n := range w.got.times {
		doubled += n - 1
	}
	if doubled > lost {
		t.Errorf("%d events came twice; only %d answers were lost", doubled, lost)
	}
	s := w.status()
	if s.Dead != 0 || s.Behind != 0 || s.Delivered != uint64(len(w.want)) {
		t.Errorf("at the end: %+v", s)
	}
	if len(w.want) < 500 || lost == 0 {
		t.Errorf("only %d events and %d lost answers: the day shows nothing", len(w.want), lost)
	}
	t.Logf("%d events, %d attempts, %d answers lost, %d sent twice under the same id", len(w.want), w.got.posts, lost, doubled)
}

// Without lost answers nothing at all is sent twice.
func TestNothingIsSentTwiceWhileAnswersArrive(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	n := 0
	w.got.answers = func(string) int {
		if n++; n%3 != 0 {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	}
	for range 50 {
		w.unanswered("x")
	}
	w.settle("portal")
	if diff := cmp.Diff(w.want, w.got.order); diff != "" {
		t.Errorf("(-happened +accepted):\n%s", diff)
	}
	for id, times := range w.got.times {
		if times != 1 {
			t.Errorf("%s was accepted %d times", id, times)
		}
	}
}

func TestAnEventThatIsNotWanted(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	w.unanswered("一")
	w.unanswered("二")
	w.unanswered("三")
	bad, refusing := w.want[1], true
	w.got.answers = func(id string) int {
		if id == bad && refusing {
			return http.StatusUnprocessableEntity
		}
		return http.StatusNoContent
	}
	w.settle("portal")
	if diff := cmp.Diff([]string{w.want[0], w.want[2]}, w.got.order); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	dead, err := w.queue.Dead("")
	if err != nil || len(dead) != 1 || dead[0].ID != bad || !strings.Contains(dead[0].Error, "422") || dead[0].Event != Unanswered {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}
	if w.got.posts != 2+maxRefusals {
		t.Errorf("%d posts, want %d", w.got.posts, 2+maxRefusals)
	}

	if n, err := w.queue.Replay(t.Context(), "admin", "portal"); n != 1 || err != nil {
		t.Fatalf("replay: %d, %v", n, err)
	}
	w.settle("portal") // still refused: it stays where it is
	if dead, _ := w.queue.Dead("portal"); len(dead) != 1 || dead[0].Again {
		t.Errorf("after a replay that was refused: %+v", dead)
	}
	refusing = false
	if _, err := w.queue.Replay(t.Context(), "admin", "portal", dead[0].Seq+1); err != nil {
		t.Fatal(err)
	}
	w.settle("portal")
	if w.got.times[bad] != 0 {
		t.Error("a letter that was not named was sent again")
	}
	if _, err := w.queue.Replay(t.Context(), "admin", "portal", dead[0].Seq); err != nil {
		t.Fatal(err)
	}
	w.settle("portal")
	if s := w.status(); w.got.times[bad] != 1 || s.Dead != 0 || s.Delivered != 3 {
		t.Errorf("after the replay: accepted %d times, %+v", w.got.times[bad], s)
	}
}

// A crash between the note of a dead letter and that of the place in the
// journal must not send the event again.
func TestCrashWhileGivingUp(t *testing.T) {
	w := newWorld(t)
	e := w.add(Endpoint{Name: "portal"})
	w.unanswered("一")
	ev, err := w.queue.eventAt(w.store.LastFact())
	if err != nil {
		t.Fatal(err)
	}
	d := Dead{Endpoint: e.Name, Seq: ev.seq, ID: ev.id}
	if err := put(t.Context(), w.queue, "系统", kindDead, d.key(), func(*Dead) (*Dead, error) { return &d, nil }); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.settle("portal")
	if s := w.status(); w.got.posts != 0 || s.Dead != 1 || s.Behind != 0 {
		t.Errorf("%d posts, %+v", w.got.posts, s)
	}
}

func TestAReceiverThatStaysAway(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	w.unanswered("一")
	away := true
	w.got.answers = func(string) int {
		if away {
			return down
		}
		return http.StatusNoContent
	}
	start := w.clock
	for w.clock.Sub(start) < patience {
		again := w.drain("portal")
		if again.IsZero() || again.Sub(w.clock) > longPause*3/2 {
			t.Fatalf("next attempt at %v, after %v", again, w.clock)
		}
		w.clock = again
	}
	if s := w.status(); s.Dead != 0 || s.Failures < 500 {
		t.Errorf("within its patience: %+v", s)
	}
	w.unanswered("二")
	w.drain("portal")
	if s := w.status(); s.Dead != 1 {
		t.Errorf("after %v: %+v", patience, s)
	}
	away = false
	w.settle("portal")
	if diff := cmp.Diff(w.want[1:], w.got.order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAReceiverThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	w.unanswered("一")
	w.got.answers = func(string) int { return http.StatusGone }
	w.drain("portal")
	if s := w.status(); s.Stopped == "" {
		t.Fatalf("after 410: %+v", s)
	}
	w.got.answers = nil
	w.clock = w.clock.Add(time.Hour)
	w.drain("portal")
	if len(w.got.order) != 0 {
		t.Error("sent to an endpoint that is stopped")
	}
	if err := w.queue.Resume(t.Context(), "admin", "portal"); err != nil {
		t.Fatal(err)
	}
	w.settle("portal")
	if diff := cmp.Diff(w.want, w.got.order); diff != "" {
		t.Errorf("after it was resumed (-want +got):\n%s", diff)
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "120": 2 * time.Minute, "x": 0, "-3": 0, "999999": longestAfter} {
		if got := retryAfter(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// What events tell, and that they tell nothing of a person.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.add(Endpoint{Name: "portal"})
	secretWords := []string{"王小明", "13800138000", "湖景路", "u-17"}
	w.unanswered("我叫王小明，电话13800138000，住湖景路")
	w.happen(answer.FactFeedback, answer.Feedback{Answer: "ans_7", Rating: -1, Reasons: []string{"看不懂"}, Text: "王小明不满意"})
	w.happen(answer.FactFeedback, answer.Feedback{Answer: "ans_8", Rating: 1})
	w.happen(answer.FactMessage, answer.KeptMessage{Number: "482103957716", Received: w.clock, Message: answer.Message{Kind: "投诉", Region: "440100",
		Matter: "SFZ-01", Text: "湖景路的窗口", Name: "王小明", Contact: "13800138000", ID: "u-17"}})
	if err := w.queue.Notify(t.Context(), store.BySystem, ReviewDue, map[string]string{"code": "SFZ-01"}); err != nil {
		t.Fatal(err)
	}
	rows := corpus.ReadJSONL(strings.NewReader(`{"code":"N-1","name":"新事项"}`))
	if _, err := w.store.Import(t.Context(), []store.File{{Name: "王小明.jsonl", Rows: rows}}, store.ImportOptions{Actor: "王小明"}); err != nil {
		t.Fatal(err)
	}
	w.settle("portal")
	got := map[string]string{}
	for _, b := range w.got.bodies {
		text, err := json.Marshal(b.Data)
		if err != nil {
			t.Fatal(err)
		}
		got[b.Type] = string(text)
		for _, word := range secretWords {
			if strings.Contains(string(text), word) {
				t.Errorf("%s tells %q: %s", b.Type, word, text)
			}
		}
	}
	want := map[string]string{
		Unanswered: `{"answer":"ans_1","aspect":"","edition":3,"outcome":"not_found","region":"440100"}`,
		Negative:   `{"answer":"ans_7","reasons":["看不懂"]}`,
		MessageIn:  `{"kind":"投诉","matter":"SFZ-01","number":"482103957716","received":"2026-05-12T08:00:00Z","region":"440100"}`,
		ReviewDue:  `{"code":"SFZ-01"}`,
		Published:  `{"added":1,"changed":0,"edition":1,"records":[{"code":"N-1","removed":false,"type":"guide"}],"removed":0}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyTheEventsThatWereAskedFor(t *testing.T) {
	w := newWorld(t)
	w.unanswered("在添加之前")
	w.want = nil
	w.add(Endpoint{Name: "desk", Events: []string{MessageIn}})
	w.unanswered("不要的")
	w.happen(answer.FactMessage, answer.KeptMessage{Number: "1"})
	w.settle("desk")
	if diff := cmp.Diff(w.want[1:], w.got.order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSignatures(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Now()
	e := w.add(Endpoint{Name: "portal"})
	var head []http.Header
	w.queue.client = &http.Client{Transport: recorder(func(r *http.Request) { head = append(head, r.Header.Clone()) }, w.got)}
	text := func(id string) []byte { return w.got.texts[id] }

	w.unanswered("一")
	w.settle("portal")
	verifier, err := standard.NewWebhook(e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(text(w.want[0]), head[0]); err != nil {
		t.Errorf("the reference library: %v", err)
	}
	if err := verifier.Verify([]byte(strings.Replace(string(text(w.want[0])), "440100", "440200", 1)), head[0]); err == nil {
		t.Error("a body that was tampered with is accepted")
	}

	rotated, err := w.queue.Rotate(t.Context(), "admin", "portal")
	if err != nil {
		t.Fatal(err)
	}
	newVerifier, err := standard.NewWebhook(rotated.Secret)
	if err != nil {
		t.Fatal(err)
	}
	w.unanswered("二")
	w.settle("portal")
	for name, v := range map[string]*standard.Webhook{"old": verifier, "new": newVerifier} {
		if err := v.Verify(text(w.want[1]), head[1]); err != nil {
			t.Errorf("during a rotation, by the %s secret: %v", name, err)
		}
	}
	w.clock = w.clock.Add(rotation)
	w.unanswered("三")
	w.settle("portal")
	if got := strings.Fields(head[2].Get(headerSignature)); len(got) != 1 {
		t.Errorf("a day after a rotation there are signatures %q", got)
	}
}

// The values of other programs: Python's hmac and OpenSSL.
const (
	sha256Want = "v1,2+nYkdGtnIWx0EtwnMhQEarFwv/i3upnObMDetfbopY="
	sm3Want    = "sm3,l+ej+agY/wiBCGkr0SrZksCY1XzC6ZwqXTBp/7bJ+94="
)

func TestSignatureValues(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" //nolint:gosec // made up
	at := time.Unix(1778572800, 0)
	for algorithm, want := range map[string]string{SHA256: sha256Want, SM3: sm3Want} {
		got, err := signature(algorithm, secret, "evt_1", at, []byte(`{"type":"webhook.test"}`))
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", algorithm, got, err, want)
		}
	}
}

func recorder(see func(*http.Request), next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) { see(r); return next.RoundTrip(r) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name string
		e    Endpoint
		want error
	}{
		{"a name of its own", Endpoint{Name: "a", URL: "https://a.example.cn/x"}, nil},
		{"the name of its host", Endpoint{URL: "https://Portal.example.cn:8443/x"}, nil},
		{"the same name", Endpoint{Name: "a", URL: "https://b.example.cn/x"}, ErrExists},
		{"a name with a slash", Endpoint{Name: "a/b", URL: "https://a.example.cn"}, ErrBadEndpoint},
		{"an event that is not there", Endpoint{Name: "c", URL: "https://a.example.cn", Events: []string{"x"}}, ErrBadEndpoint},
		{"an algorithm that is not there", Endpoint{Name: "c", URL: "https://a.example.cn", Algorithm: "md5"}, ErrBadEndpoint},
		{"no address", Endpoint{Name: "c"}, ErrBadEndpoint},
		{"no encryption", Endpoint{Name: "c", URL: "http://a.example.cn"}, ErrForbidden},
		{"this machine", Endpoint{Name: "c", URL: "https://127.0.0.1/x"}, ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := w.queue.Add(t.Context(), "admin", tt.e); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	list, err := w.queue.List()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, s := range list {
		names = append(names, s.Name)
		if s.Secret != "" || s.Previous != "" {
			t.Errorf("%s is listed with its secret", s.Name)
		}
	}
	if diff := cmp.Diff([]string{"a", "portal-example-cn-8443"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := w.queue.Remove(t.Context(), "admin", "a"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"remove": w.queue.Remove(t.Context(), "admin", "a"), "resume": w.queue.Resume(t.Context(), "admin", "a"),
		"test": w.queue.Test(t.Context(), "a"),
	} {
		if !errors.Is(err, corpus.ErrNotFound) {
			t.Errorf("%s of what is not there: %v", what, err)
		}
	}
	if _, err := w.queue.Add(t.Context(), "admin", Endpoint{Name: "a", URL: "https://a.example.cn"}); err != nil {
		t.Errorf("a name that is free again: %v", err)
	}
	trail := map[string]int{}
	for entry, err := range w.store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		trail[entry.Actor+" "+entry.Action]++
	}
	if diff := cmp.Diff(map[string]int{"admin webhook": 4}, trail); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// Run serves several endpoints at their own pace and takes up new ones.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.queue.now = time.Now
	w.clock = time.Now()
	arrived := make(chan string, 100)
	w.queue.client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "slow.example.cn" {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		arrived <- r.URL.Host
		return w.got.RoundTrip(r)
	})}
	ended := make(chan error, 1)
	w.add(Endpoint{Name: "slow", URL: "https://slow.example.cn"})
	w.add(Endpoint{Name: "a", URL: "https://a.example.cn"})
	go func() { ended <- w.queue.Run(t.Context()) }()
	w.unanswered("一")
	if got := <-arrived; got != "a.example.cn" {
		t.Errorf("%s was told first", got)
	}
	w.add(Endpoint{Name: "b", URL: "https://b.example.cn"})
	w.unanswered("二")
	told := map[string]bool{<-arrived: true, <-arrived: true}
	if !maps.Equal(told, map[string]bool{"a.example.cn": true, "b.example.cn": true}) {
		t.Errorf("told: %v", told)
	}
}
