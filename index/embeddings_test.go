package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index/vector"
	"github.com/govqa/govqa/index/vector/vectortest"
)

// a testEmbedder computes vectors in the process.
type testEmbedder struct {
	model vectortest.Model

	mu    sync.Mutex
	texts []string // embedded
	left  int      // calls until it fails; negative never
}

var errDown = errors.New("down")

func (e *testEmbedder) Model() string { return e.model.Name }

func (e *testEmbedder) Embed(ctx context.Context, _ Role, texts []string) ([][]float32, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left == 0 {
		return nil, 0, errDown
	}
	e.left--
	var vectors [][]float32
	tokens := 0
	for _, t := range texts {
		vectors = append(vectors, e.model.Vector(t))
		tokens += len([]rune(t))
	}
	e.texts = append(e.texts, texts...)
	return vectors, tokens, ctx.Err()
}

func (e *testEmbedder) failAfter(calls int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = calls
}

func (e *testEmbedder) embedded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.texts)
}

// movesTo embeds what people say who change where they live like what offices
// call it; no word of one is in the other.
func movesTo(text string) []string {
	if strings.Contains(text, "迁") || strings.Contains(text, "孟母") {
		return []string{"move"}
	}
	return nil
}

func newTestEmbedder(name string) *testEmbedder {
	return &testEmbedder{model: vectortest.Model{Name: name, Concepts: movesTo}, left: -1}
}

// manyGuides are enough to tell vectors with a meaning from those without.
func manyGuides() []corpus.Record {
	list := append(someGuides(), guide("move", "户口迁移"))
	for i, what := range strings.Fields("食品经营 药品经营 医疗器械 道路运输 渔业捕捞 林木采伐 取水 排污 爆破作业 保安培训 民办学校 养老机构 殡葬服务 律师执业 公证 司法鉴定 导游证 旅行社 出版物零售 印刷经营 电影放映 娱乐场所 网络文化 烟草专卖 粮食收购 种子生产 兽药经营 动物诊疗 测绘资质 建筑施工") {
		list = append(list, guide(fmt.Sprintf("more-%02d", i), what+"许可", alias("办"+what)))
	}
	return list
}

func openEmbeddings(t testing.TB, dir string, ix *Index, j Journal, e Embedder) *Embeddings {
	t.Helper()
	emb, err := OpenEmbeddings(dir, ix, j, e, EmbeddingOptions{Batch: 8, Price: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := emb.Close(); err != nil {
			t.Error(err)
		}
	})
	return emb
}

func build(t testing.TB, e *Embeddings) EmbeddingStatus {
	t.Helper()
	if err := e.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e.Status()
}

func found(t *testing.T, ix *Index, text, id string) bool {
	t.Helper()
	return slices.ContainsFunc(search(t, ix, text, Filter{}), func(h Hit) bool { return h.Key.ID == id })
}

func TestMeaningFindsWhatNoWordDoes(t *testing.T) {
	m := newMemory()
	m.publish(manyGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	const asked = "孟母"
	if found(t, ix, asked, "move") {
		t.Fatal("words find it already")
	}
	e := openEmbeddings(t, t.TempDir(), ix, m, newTestEmbedder("m"))
	if found(t, ix, asked, "move") {
		t.Error("found before there are vectors")
	}
	s := build(t, e)
	if !s.Done() || s.Trust < .9 || s.Documents != len(manyGuides()) {
		t.Fatalf("%+v", s)
	}
	hits := search(t, ix, asked, Filter{})
	if len(hits) == 0 || hits[0].Key.ID != "move" || hits[0].ByModel <= 0 {
		t.Fatalf("%+v", hits)
	}
	if hits := search(t, ix, asked, Filter{Theme: "出境入境"}); len(hits) != 0 {
		t.Errorf("meaning goes past the filter: %v", hits)
	}
	if !strings.Contains(hits[0].Why.String(), "semantic") {
		t.Errorf("not explained: %s", hits[0].Why)
	}
}

// Without vectors, with vectors that say nothing, and with an endpoint that is
// down, searches find the very same.
func TestWithoutWorthNothingChanges(t *testing.T) {
	m := newMemory()
	m.publish(manyGuides())
	plain := testIndex(t, "")
	catchUp(t, plain, m)
	for _, tt := range []struct {
		why  string
		emb  *testEmbedder
		fail int // calls that work after the vectors are there; negative all
	}{
		{"vectors without meaning", &testEmbedder{model: vectortest.Model{Name: "noise", Noise: true}, left: -1}, -1},
		{"the endpoint is down when questions come", newTestEmbedder("good"), 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			ix := testIndex(t, "")
			catchUp(t, ix, m)
			e := openEmbeddings(t, t.TempDir(), ix, m, tt.emb)
			build(t, e)
			tt.emb.failAfter(tt.fail)
			for _, text := range []string{"孟母", "居住证怎么办", "补办身份证", "开公司要什么", "食品经营许可"} {
				if diff := cmp.Diff(search(t, plain, text, Filter{}), search(t, ix, text, Filter{})); diff != "" {
					t.Errorf("%s (-without +with):\n%s", text, diff)
				}
			}
		})
	}
}

// A failed endpoint is left alone for a while, and asked again later.
func TestQuestionsPauseAfterFailure(t *testing.T) {
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	emb := newTestEmbedder("m")
	q := questionVectors{embedder: emb, timeout: time.Second, pause: pause{now: func() time.Time { return now }}, log: slog.New(slog.DiscardHandler)}
	ask := func(text string, want bool) {
		t.Helper()
		if _, ok := q.of(t.Context(), text); ok != want {
			t.Errorf("%s at %s: %v", text, now.Format(time.TimeOnly), ok)
		}
	}
	ask("甲", true)
	emb.failAfter(0)
	ask("甲", true) // known
	ask("乙", false)
	emb.failAfter(-1)
	ask("乙", false) // not asked again so soon
	now = now.Add(3 * time.Second)
	ask("乙", true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := q.of(ctx, "丙"); ok {
		t.Error("a vector for somebody who has gone")
	}
	ask("丙", true) // which was not the endpoint's fault
	if emb.embedded() != 4 {
		t.Errorf("%d texts embedded: %q", emb.embedded(), emb.texts)
	}
}

// checkSemantic holds the vectors that searches use to the edition's records:
// each is the model's vector of the text that the document has now.
func checkSemantic(t *testing.T, ix *Index, m *memory, emb *testEmbedder) {
	t.Helper()
	r, err := ix.reader()
	if err != nil {
		t.Fatal(err)
	}
	defer ix.done(r)
	sem := r.semantic.Load()
	if sem == nil {
		return
	}
	if sem.edition != r.edition {
		t.Fatalf("vectors of edition %d in the index of edition %d", sem.edition, r.edition)
	}
	for _, st := range sem.types {
		for pos, doc := range st.doc {
			rec := m.at(r.edition)[r.docs[doc].key]
			best := 0.0
			for _, text := range embeddedTexts(rec) {
				code, err := vector.Encode(emb.model.Vector(text))
				if err != nil {
					t.Fatal(err)
				}
				best = max(best, st.list.At(code, pos))
			}
			if best < .99 {
				t.Fatalf("edition %d: %s has a vector of another text or model (%.3f)", r.edition, r.docs[doc].key, best)
			}
		}
	}
}

// Whatever is published, whichever model is named, and whenever the endpoint
// fails or the process dies, a document has the vector of its own text by the
// model of today, or none.
func TestVectorsNeverCrossEditionsOrModels(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			m, dir := newMemory(), t.TempDir()
			m.publish(manyGuides())
			ix := testIndex(t, "")
			catchUp(t, ix, m)
			emb := newTestEmbedder("model-0")
			e := openEmbeddings(t, dir, ix, m, emb)
			for step := range 25 {
				switch rng.IntN(5) {
				case 0: // another model, or the process again
					if err := e.Close(); err != nil {
						t.Fatal(err)
					}
					clearSemantic(t, ix) // the reader of a new process has none
					emb = newTestEmbedder(fmt.Sprintf("model-%d", rng.IntN(2)))
					e = openEmbeddings(t, dir, ix, m, emb)
				case 1: // other weights under the same name
					emb.mu.Lock()
					emb.model.Dim = 200 + 56*rng.IntN(2)
					emb.mu.Unlock()
				default:
					var put []corpus.Record
					for range rng.IntN(4) {
						put = append(put, guide(fmt.Sprintf("more-%02d", rng.IntN(40)), fmt.Sprintf("许可%d", rng.IntN(50)), condition("条件")))
					}
					m.publish(put, corpus.Key{Type: corpus.TypeGuide, ID: fmt.Sprintf("more-%02d", rng.IntN(40))})
					catchUp(t, ix, m)
				}
				checkSemanticModel(t, ix, m, emb, step, e, rng)
			}
		})
	}
}

func checkSemanticModel(t *testing.T, ix *Index, m *memory, emb *testEmbedder, step int, e *Embeddings, rng *rand.Rand) {
	t.Helper()
	emb.failAfter(rng.IntN(8) - 1) // before it is done, or never
	err := e.Build(t.Context())
	if err != nil && !errors.Is(err, errDown) {
		t.Fatalf("step %d: %v", step, err)
	}
	emb.failAfter(-1)
	if err == nil || e.sameModel(t.Context()) == nil {
		checkSemantic(t, ix, m, emb)
	}
	if err == nil && !e.Status().Done() {
		t.Errorf("step %d: done, but %+v", step, e.Status())
	}
}

func clearSemantic(t *testing.T, ix *Index) {
	t.Helper()
	r, err := ix.reader()
	if err != nil {
		t.Fatal(err)
	}
	r.semantic.Store(nil)
	ix.done(r)
}

// A build that was broken off goes on where it was, at no further cost.
func TestBuildResumes(t *testing.T) {
	m, dir := newMemory(), t.TempDir()
	m.publish(manyGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	emb := newTestEmbedder("m")
	emb.failAfter(3) // the canary and two batches
	first := openEmbeddings(t, dir, ix, m, emb)
	if err := first.Build(t.Context()); !errors.Is(err, errDown) {
		t.Fatalf("%v", err)
	}
	s := first.Status()
	if s.Embedded != 16 || s.Done() || s.Failures != 1 || s.LastError == "" || s.Trust != 0 {
		t.Errorf("broken off: %+v", s)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	before := emb.embedded()
	emb.failAfter(-1)
	second := openEmbeddings(t, dir, ix, m, emb)
	s = build(t, second)
	n := len(manyGuides())
	probes := n // one name of each guide
	if got := emb.embedded() - before; got != n-16+1+probes {
		t.Errorf("%d texts embedded after the resumption, want %d", got, n-16+1+probes)
	}
	if want := float64(s.Tokens) * 2 / 1e6; !s.Done() || s.LastError != "" || s.Cost != want || s.Cost == 0 {
		t.Errorf("%+v, want a cost of %v", s, want)
	}
	before = emb.embedded()
	m.publish([]corpus.Record{guide("dog", "养犬登记证补办")})
	catchUp(t, ix, m)
	if s := build(t, second); s.Edition != 2 || emb.embedded()-before != 2 { // the canary and the guide
		t.Errorf("%d texts embedded for one guide; %+v", emb.embedded()-before, s)
	}
}

func TestDamagedVectorsAreMadeAgain(t *testing.T) {
	m, dir := newMemory(), t.TempDir()
	m.publish(manyGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	emb := newTestEmbedder("m")
	first := openEmbeddings(t, dir, ix, m, emb)
	build(t, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.vec"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	again := openEmbeddings(t, dir, ix, m, emb)
	if s := build(t, again); !s.Done() || s.Repaired == 0 || s.Trust < .9 {
		t.Errorf("%+v", s)
	}
	checkSemantic(t, ix, m, emb)
}

// What only operators may see is sent to no model.
func TestOperatorsTextsAreNotEmbedded(t *testing.T) {
	m := newMemory()
	secret := &corpus.FAQ{ID: "f", Question: "内部口径", Answer: "只给坐席看", Visibility: corpus.VisibleOperator}
	g := guide("g", "居住证申领")
	g.Internal = &corpus.Internal{Wording: "内部备注只给坐席看"}
	m.publish([]corpus.Record{secret, g})
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	emb := newTestEmbedder("m")
	build(t, openEmbeddings(t, t.TempDir(), ix, m, emb))
	for _, text := range emb.texts {
		if strings.Contains(text, "坐席") || strings.Contains(text, "内部") {
			t.Errorf("sent: %q", text)
		}
	}
}

func TestRunFollowsTheIndex(t *testing.T) {
	m := newMemory()
	m.publish(manyGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	emb := newTestEmbedder("m")
	e := openEmbeddings(t, t.TempDir(), ix, m, emb)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	wait := func(edition corpus.Edition) {
		t.Helper()
		for s := e.Status(); s.Edition != edition || !s.Done() || s.Trust == 0; s = e.Status() {
			select {
			case <-t.Context().Done():
				t.Fatalf("never: %+v", s)
			case <-time.After(time.Millisecond):
			}
		}
	}
	wait(1)
	m.publish([]corpus.Record{guide("move-2", "孟母证明")})
	catchUp(t, ix, m)
	wait(2)
	cancel()
	<-done
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if hits := search(t, ix, "居住证", Filter{}); len(hits) == 0 {
		t.Error("nothing found after the vectors were closed")
	}
}

// A testReranker knows one right text for each question.
type testReranker struct {
	right func(question, text string) bool
	fail  bool
	calls int
}

func (r *testReranker) Model() string { return "ranker" }

func (r *testReranker) Rerank(_ context.Context, question string, texts []string) ([]float64, int, error) {
	r.calls++
	if r.fail {
		return nil, 0, errDown
	}
	scores := make([]float64, len(texts))
	for i, t := range texts {
		if r.right(question, t) {
			scores[i] = 7
		}
	}
	return scores, 10, nil
}

func TestReranker(t *testing.T) {
	m := newMemory()
	of := func(name string) func(*corpus.Guide) { return func(g *corpus.Guide) { g.Agency.Name = name } }
	m.publish(append(manyGuides(), guide("notice-1", "广告发布登记", of("第一分局")), guide("notice-2", "广告发布登记", of("第二分局"))))
	plain := testIndex(t, "")
	catchUp(t, plain, m)
	knows := func(question, text string) bool {
		if question == "广告发布" {
			return strings.Contains(text, "第二")
		}
		return strings.Contains(text, question)
	}
	for _, tt := range []struct {
		why   string
		right func(question, text string) bool
		first string
	}{
		{"one that knows names is believed", knows, "notice-2"},
		{"one that knows nothing is not", func(_, text string) bool { return strings.Contains(text, "第二") }, "notice-1"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			ix := testIndex(t, "")
			catchUp(t, ix, m)
			re := &testReranker{right: tt.right}
			r := ix.UseReranker(re, RerankOptions{Price: 1})
			if diff := cmp.Diff(search(t, plain, "广告发布", Filter{}), search(t, ix, "广告发布", Filter{})); diff != "" || re.calls != 0 {
				t.Fatalf("asked before it is measured: %s", diff)
			}
			if err := r.Measure(t.Context()); err != nil {
				t.Fatal(err)
			}
			if hits := search(t, ix, "广告发布", Filter{}); hits[0].Key.ID != tt.first {
				t.Errorf("first %s (%.2f), then %s (%.2f); %+v", hits[0].Key.ID, hits[0].Score, hits[1].Key.ID, hits[1].Score, r.Status())
			}
			re.fail = true
			if diff := cmp.Diff(search(t, plain, "广告发布", Filter{}), search(t, ix, "广告发布", Filter{})); diff != "" {
				t.Errorf("after a failure (-without +with):\n%s", diff)
			}
			before := re.calls
			search(t, ix, "广告发布", Filter{})
			if re.calls != before {
				t.Error("asked again at once after a failure")
			}
		})
	}
}
