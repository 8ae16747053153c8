package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/index/vector/vectortest"
)

// semanticServer is a model that tells texts by their characters, and the
// environment of a server that uses it.
func semanticServer(t *testing.T) (*vectortest.Server, vectortest.Model, []string) {
	t.Helper()
	m := vectortest.Model{Name: "letters"}
	s := vectortest.Start(t, m)
	return s, m, []string{"GOVQA_EMBED_URL=" + s.URL, "GOVQA_EMBED_MODEL=letters", "GOVQA_EMBED_PRICE=0.5",
		"GOVQA_RERANK_URL=" + s.URL, "GOVQA_RERANK_MODEL=letters"}
}

// statusWhen asks the server of a folder for its status until that is as wanted.
func statusWhen(t *testing.T, data string, fits func(semanticsStatus) bool) semanticsStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var st semanticsStatus
		if err := json.Unmarshal([]byte(must(t, "vectors", "-json", "-data", data)), &st); err != nil {
			t.Fatal(err)
		}
		if fits(st) {
			return st
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never: %+v %+v", st.Vectors, st.Reranker)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func inUse(st semanticsStatus) bool {
	return st.Vectors != nil && st.Vectors.Done() && st.Vectors.Trust > 0 && st.Reranker != nil && st.Reranker.Trust > 0
}

// sampleData is a data folder with the sample city, which a server has made.
func sampleData(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	must(t, "ask", "-data", data, "居住证怎么办")
	return data
}

func TestServeWithVectors(t *testing.T) {
	t.Parallel()
	data := sampleData(t)
	models, m, env := semanticServer(t)
	s := serving(t, data, env...)
	st := statusWhen(t, data, inUse)
	if v := st.Vectors; v.Tokens == 0 || v.Cost != float64(v.Tokens)/2e6 || v.Edition != 1 {
		t.Errorf("%+v", v)
	}
	want(t, must(t, "vectors", "-data", data), []string{"向量：letters，256 维", "已经用于检索", "元", "重排：letters"})
	if a := s.ask(t, "居住证办理要什么材料"); a.Outcome != answer.Answered {
		t.Errorf("%s: %s", a.Outcome, a.Text)
	}
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	figures, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want(t, string(figures), []string{"govqa_vector_embedded ", "govqa_vector_questions_total 1", "govqa_rerank_calls_total", "govqa_vector_corpus_yuan"})

	// What is sent holds no personal data, however it is spelt.
	for _, text := range []string{
		"我的身份证号是11010519491231002X，居住证怎么办", "手机138 1234 5678，办居住证", "我叫王小明，住安澜市和平路88号3单元501，想办居住证，微信wxid_abc123",
		"卡号6222 0212 3456 7890 128交社保怎么弄",
	} {
		s.ask(t, text)
	}
	for _, sent := range models.Received() {
		for _, secret := range []string{"11010519491231002", "138 1234", "13812345678", "6222"} {
			if strings.Contains(strings.ToLower(sent), strings.ToLower(secret)) {
				t.Errorf("sent to the model: %q", sent)
			}
		}
	}

	// However the endpoints fail, answers come within a second and are those of
	// words alone.
	for i, fault := range vectortest.Faults() {
		models.Set(m, fault)
		start := time.Now()
		a := s.ask(t, strings.Repeat("请问", i)+"护照换发要多少钱")
		if took := time.Since(start); took > time.Second || a.Outcome == answer.NotFound {
			t.Errorf("%s: %s after %v", fault, a.Outcome, took)
		}
	}
	s.stop(t)
}

// A server that is killed while it makes vectors goes on where it was.
func TestVectorsOutliveKill(t *testing.T) {
	t.Parallel()
	data := sampleData(t)
	models, _, env := semanticServer(t)
	env = append(env[:2], "GOVQA_EMBED_BATCH=1") // without the reranker, which is sent some texts again
	s := serving(t, data, env...)
	statusWhen(t, data, func(st semanticsStatus) bool { return st.Vectors.Embedded >= 20 })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.log
	_ = s.cmd.Wait() // "signal: killed"
	s = serving(t, data, env...)
	st := statusWhen(t, data, func(st semanticsStatus) bool { return st.Vectors.Done() && st.Vectors.Trust > 0 })
	if st.Vectors.Repaired > 2048 { // one torn frame
		t.Errorf("%d bytes lost", st.Vectors.Repaired)
	}
	times := map[string]int{}
	for _, text := range models.Received() {
		times[text]++
	}
	again := 0
	for _, n := range times {
		again += n - 1
	}
	if again > 3 { // the text that tells models apart, at each start and build, and what was on its way
		t.Errorf("%d of %d texts were embedded twice", again, st.Vectors.Texts)
	}
	s.stop(t)
}

func TestVectorsBuild(t *testing.T) {
	data := sampleData(t)
	models, m, env := semanticServer(t)
	want(t, fails(t, "vectors", "-data", data).err, []string{"服务没有运行"})
	want(t, fails(t, "vectors", "build", "-data", data).err, []string{"配置无效", "embed_url"})
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	models.Set(m, vectortest.Refuses)
	want(t, fails(t, "vectors", "build", "-data", data).err, []string{"503"})
	models.Set(m, vectortest.None)
	want(t, must(t, "vectors", "build", "-data", data), []string{"已经用于检索", "元"})
	calls := models.Calls()
	must(t, "vectors", "build", "-data", data)
	if n := models.Calls() - calls; n != 1 { // the text that tells models apart
		t.Errorf("%d calls for what was there", n)
	}
	var st semanticsStatus
	if err := json.Unmarshal([]byte(must(t, "vectors", "build", "-rebuild", "-json", "-data", data)), &st); err != nil || models.Calls()-calls < 4 || !st.Vectors.Done() {
		t.Errorf("%v: %d calls, %+v", err, models.Calls()-calls, st.Vectors)
	}
	t.Setenv("GOVQA_EMBED_URL", "127.0.0.1:8000")
	want(t, fails(t, "vectors", "build", "-data", data).err, []string{"embed_url", "http://"})
	t.Setenv("GOVQA_EMBED_URL", "")
	t.Setenv("GOVQA_EMBED_PRICE", "-1")
	want(t, fails(t, "serve", "-data", data).err, []string{"embed_"})
}
