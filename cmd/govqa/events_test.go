package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/govqa/govqa/recommend/history"
)

// A log of transactions, as a department gives it out.
func transactions(t *testing.T) string {
	return write(t, "办件.csv",
		"\ufeff申请人,事项编码,办结时间,状态,行政区划代码,办理渠道,办件编号",
		"u_1,AL-SY-002,2026-03-02 09:30,办结,990101,窗口,B-1",
		"u_1,AL-HJ-001,2026/3/5,办结,990101,网上,B-2",
		"u_2,AL-SY-002,2026-03-03,受理,990101,网上,B-3",
	)
}

func TestImportOfEvents(t *testing.T) {
	data := t.TempDir()
	file := transactions(t)
	if out := must(t, "events import", "-dry-run", "-data", data, file); !strings.Contains(out, "accepted 3") {
		t.Errorf("dry run: %s", out)
	}
	if _, err := os.Stat(historyDir(data)); err == nil {
		t.Error("a dry run made a folder")
	}
	if out := must(t, "events", "import", "-data", data, file); !strings.Contains(out, "accepted 3，重复 repeated 0") {
		t.Errorf("first: %s", out)
	}
	if out := must(t, "events", "import", "-data", data, file); !strings.Contains(out, "accepted 0，重复 repeated 3") {
		t.Errorf("again: %s", out)
	}
	s, err := openHistory(data, 0, logTo(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Export(t.Context(), "u_1")
	if err != nil || len(got.Events) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	e := got.Events[1]
	if e.Matter != "AL-SY-002" || e.Type != "finish" || !e.Time.Equal(time.Date(2026, 3, 2, 1, 30, 0, 0, time.UTC)) || e.Region != "990101" || e.Channel != "窗口" {
		t.Errorf("%+v", e)
	}
}

func TestImportOfEventsInGB18030(t *testing.T) {
	text, err := simplifiedchinese.GB18030.NewEncoder().String("申请人,事项编码,办结时间,状态\nu_1,AL-SY-002,2026-03-02,办结\n")
	if err != nil {
		t.Fatal(err)
	}
	if out := must(t, "events", "import", "-data", t.TempDir(), write(t, "log.csv", text)); !strings.Contains(out, "accepted 1") {
		t.Error(out)
	}
}

func TestImportOfBadEvents(t *testing.T) {
	tests := []struct {
		why   string
		lines []string
		code  int
		says  string
	}{
		{"no time", []string{"申请人,事项编码", "u,m"}, exitFailed, "缺少列"},
		{"a time that cannot be read", []string{"申请人,事项编码,时间", "u,m,昨天"}, exitFailed, "第 2 行：时间看不懂"},
		{"a certificate as subject", []string{"申请人,事项编码,时间", "11010519491231002X,m,2026-01-05"}, exitFailed, "不要使用证件号"},
		{"an unknown state", []string{"申请人,事项编码,时间,状态", "u,m,2026-01-05,未知"}, exitFailed, "类型"},
	}
	for _, tt := range tests {
		r := govqa(t, "events", "import", "-data", t.TempDir(), write(t, "log.csv", tt.lines...))
		if r.code != tt.code || !strings.Contains(r.out+r.err, tt.says) {
			t.Errorf("%s: %d %s %s", tt.why, r.code, r.out, r.err)
		}
	}
	if r := govqa(t, "events", "import"); r.code != exitUsage {
		t.Errorf("without a file: %d", r.code)
	}
}

func TestCheckOfEvents(t *testing.T) {
	data := imported(t)
	must(t, "events", "import", "-data", data, transactions(t))
	if out := must(t, "check", "-data", data); !strings.Contains(out, "办事经历与计数一致（2 人，3 条）") {
		t.Error(out)
	}
}

// With -hash, certificates are made pseudonyms: none is kept.
func TestImportOfRawIdentifiers(t *testing.T) {
	data := t.TempDir()
	file := write(t, "log.csv", "申请人,事项编码,时间", "11010519491231002x,AL-SY-002,2026-03-02", "11010519491231002X,AL-HJ-001,2026-03-05")
	must(t, "events", "import", "-hash", "-data", data, file)
	s, err := openHistory(data, 0, logTo(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Export(t.Context(), s.Alias("11010519491231002X")); err != nil || len(got.Events) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(historyDir(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(historyDir(data), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToUpper(string(b)), "11010519491231002X") {
			t.Errorf("%s has the number of a certificate", f.Name())
		}
	}
}

func TestEvalRecommendCommand(t *testing.T) {
	var lines []string
	for u := range 40 {
		for i := range 4 {
			lines = append(lines, strings.Join([]string{string(rune('a'+u%8)) + string(rune('0'+u/8)), "m" + string(rune('0'+(u+i)%9)), string(rune('0' + i))}, "\t"))
		}
	}
	file := write(t, "events.tsv", lines...)
	var got map[string]any
	if err := json.Unmarshal([]byte(must(t, "eval", "recommend", "-json", "-defaults", "-k", "5", file)), &got); err != nil {
		t.Fatal(err)
	}
	if got["n"] != 40.0 || got["HR@5"] == nil || got["nDCG@5"] == nil || got["baselines"] == nil {
		t.Errorf("%v", got)
	}
	if r := govqa(t, "eval", "recommend", filepath.Join(t.TempDir(), "none.tsv")); r.code != exitFailed {
		t.Errorf("a file that is not there: %d", r.code)
	}
}

// The import reaches the server that has the folder, which then suggests from
// what it was told; a guide that supersedes a matter takes its history over.
func TestEventsAndSuccessorsOfARunningServer(t *testing.T) {
	data := imported(t)
	s := serving(t, data)
	if out := must(t, "events", "import", "-data", data, transactions(t)); !strings.Contains(out, "accepted 3") {
		t.Fatalf("%s", out)
	}
	must(t, "import", "-data", data, write(t, "新.jsonl", `{"code":"NEW-1","name":"新生儿登记","supersedes":["AL-HJ-001"]}`))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/subjects/u_1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var export struct{ Events []history.Event }
	if err := json.NewDecoder(resp.Body).Decode(&export); err != nil {
		t.Fatal(err)
	}
	if len(export.Events) != 2 || export.Events[0].Matter != "NEW-1" {
		t.Errorf("%+v", export.Events)
	}
}
